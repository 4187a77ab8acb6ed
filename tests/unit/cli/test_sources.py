"""Files, directories, standard input, and inputs."""

import io
import sys

import pytest

from wfcore.cli import sources
from wfcore.errors import InvalidInput, NotFound, UsageError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stdin(monkeypatch):
    def say(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return say


PASSED_OVER = ("b/workflow.config.yaml", "b/.hidden.yaml", "b/.git/x.yaml", "b/x.yamml")


def test_files_directories_and_standard_input(here, stdin):
    (here / "b" / "deep").mkdir(parents=True)
    for name in ("a.yaml", "b/two.yml", "b/deep/one.yaml", "b/no.txt", "b/dir.yaml/x", *PASSED_OVER):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(name)
    stdin(b"piped")
    found = sources.workflows(["a.yaml", "b", "-", "a.yaml"])
    assert [(one.name, one.content) for one in found] == [
        ("a.yaml", b"a.yaml"),
        ("b/deep/one.yaml", b"b/deep/one.yaml"),
        ("b/two.yml", b"b/two.yml"),
        ("-", b"piped"),
    ]


CODE = """id: w
tasks:
  a: {type: core/code, file: code/a.ts}
  b: {type: core/code, file: ../outside.ts}
  c: {type: core/code, file: gone.ts}
  d: [file]
finally:
  e: {type: core/code, file: e.js}
"""


def test_files_that_tasks_name_come_along(here):
    (here / "flows" / "code").mkdir(parents=True)
    (here / "flows" / "w.yaml").write_text(CODE)
    (here / "flows" / "code" / "a.ts").write_text("export default 1")
    (here / "flows" / "e.js").write_text("export default 2")
    (here / "outside.ts").write_text("secret")
    (found,) = sources.workflows(["flows/w.yaml"])
    assert found.files == {"code/a.ts": "export default 1", "e.js": "export default 2"}
    (here / "broken.yaml").write_text("file: [")
    assert sources.workflow("broken.yaml") == (b"file: [", {})


def test_what_cannot_be_read(here):
    (here / "empty").mkdir()
    (here / "large.yaml").write_bytes(b"#" * (4 * 2**20 + 1))
    with pytest.raises(NotFound, match=r"there is no file nothing\.yaml"):
        sources.workflows(["nothing.yaml"])
    with pytest.raises(UsageError, match=r"there is no \*\.yaml or \*\.yml below empty"):
        sources.workflows(["empty"])
    with pytest.raises(UsageError, match="larger than 4 MiB"):
        sources.workflows(["large.yaml"])
    with pytest.raises(UsageError, match="empty cannot be read: Is a directory"):
        sources.read("empty")


def test_inputs_of_pairs_and_of_a_file(here, stdin):
    (here / "in.json").write_text('{"a": 1, "b": [2]}')
    assert sources.inputs([], None) == {}
    assert sources.inputs(["a=x=y", "c="], "in.json") == {"a": "x=y", "b": [2], "c": ""}
    stdin(b'{"d": null}')
    assert sources.inputs([], "-") == {"d": None}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [(["a"], "is not NAME=VALUE"), (["=a"], "is not NAME=VALUE"), (["a=1", "a=2"], "'a' is given twice")],
)
def test_pairs_that_are_wrong(pairs, message):
    with pytest.raises(UsageError, match=message):
        sources.inputs(pairs, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"[1]", "does not hold a JSON object"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_an_inputs_file_that_is_wrong(here, content, message):
    (here / "in.json").write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        sources.inputs([], "in.json")
    with pytest.raises(NotFound):
        sources.inputs([], "gone.json")
