"""One setting is written, everything else in the file stays."""

import stat

import pytest

from wfcore.config import load
from wfcore.config.edit import set_value
from wfcore.errors import InvalidConfig

FILE = """\
# the server of the team
server:
  host: "127.0.0.1"   # only here
  port: 7233

storage: {type: sqlite, path: ./data/db.sqlite}
expressions:
  env:
    - HOME  # needed
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "workflow.config.yaml"
    path.write_text(FILE)
    return path


def test_the_rest_stays_as_it_was(file):
    assert set_value(file, "server.port", "8000") == 8000
    assert file.read_text() == FILE.replace("7233", "8000")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("server.threads", "32", 32),
        ("execution.retention", "7d", 7 * 86400.0),
        ("server.maxBody", "1MiB", 2**20),
        ("logging.level", "DEBUG", "DEBUG"),
        ("egress.allow", "10.0.0.0/8, localhost", ["10.0.0.0/8", "localhost"]),
        ("egress.allow", "", []),
        ("server.trustedProxy", "null", None),
        ("connections.orders.url", "postgresql://u:p@h/d", "postgresql://u:p@h/d"),
        ("storage.synchronous", "normal", "normal"),
        ("triggers.cron.flag", "no", "no"),
        ("triggers.cron.count", "010", "010"),
        ("triggers.cron.on", "true", True),
    ],
)
def test_what_was_set_is_what_is_loaded(file, key, text, value):
    set_value(file, key, text)
    assert load(file, environ={}).get(key) == value
    assert "# only here" in file.read_text()


def test_a_new_file_is_private(tmp_path):
    file = tmp_path / "new.yaml"
    set_value(file, "server.port", "1")
    assert file.read_text() == "server:\n  port: 1\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_mode_and_a_link_are_kept(file, tmp_path):
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    set_value(link, "server.port", "1")
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert load(file, environ={})["server"]["port"] == 1
    assert [path.name for path in tmp_path.iterdir()] == [file.name, link.name] or len(
        list(tmp_path.iterdir())
    ) == 2


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("server.port", "http", "server.port: must be a whole number"),
        ("server.prot", "1", r"server\.prot: unknown key \(did you mean server\.port\?\)"),
        ("server", "1", "server: must be a mapping of keys"),
        ("", "1", "unknown key"),
        ("execution.retention", "soon", "is no duration"),
        ("egress.allow", "[a", "not valid YAML"),
        ("triggers.cron.x", "{a", "not valid YAML"),
        ("storage.path", "", "must be a path"),
    ],
)
def test_what_is_refused_changes_nothing(file, key, text, message):
    with pytest.raises(InvalidConfig, match=message) as caught:
        set_value(file, key, text)
    assert caught.value.remedy
    assert file.read_text() == FILE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a", "is a mapping of keys"),
        ("a: [", "not valid YAML"),
        ("a: 1\na: 2", "not valid YAML"),
        ("server: 5", "must be a mapping"),
    ],
)
def test_a_file_that_cannot_be_edited(file, content, message):
    file.write_text(content)
    with pytest.raises(InvalidConfig, match=message):
        set_value(file, "server.port", "1")
    assert file.read_text() == content


def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(InvalidConfig, match="cannot be written: No such file or directory"):
        set_value(tmp_path / "no" / "file.yaml", "server.port", "1")
