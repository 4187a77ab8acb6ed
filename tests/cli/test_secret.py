"""``workflow secret``: with a server and without one; values come in by no other way, and never out."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from wfcore.config import load
from wfcore.service.offline import stored_secrets

VALUE = "k4nari-of-the-shell"
FLOW = """\
id: flow
secrets: [TOKEN]
tasks:
  say: {type: core/log, inputs: {message: "with {{ secrets.TOKEN }}"}}
outputs: {token: "{{ secrets.TOKEN }}", hash: "{{ secrets.TOKEN | sha256 }}"}
"""


def files(path):
    return b"".join(file.read_bytes() for file in Path(path).rglob("*") if file.is_file())


@pytest.fixture(params=["alone", "served"])
def place(request, project):
    """A project without a server, or with one."""
    if request.param == "alone":
        yield project
        return
    assert project.run("server", "start", "--detach").code == 0
    yield project
    assert project.run("server", "stop").code == 0


def test_set_used_listed_rotated_and_deleted(place):
    place.write("flow.yaml", FLOW)
    done = place.run("secret", "set", "TOKEN", input=f"{VALUE}\n")
    assert (done.code, done.out) == (0, "created  TOKEN  (local)\n"), done
    assert VALUE not in done.err
    again = place.run("secret", "set", "TOKEN", "--scope", "default", "--json", input=f"{VALUE}\r\n")
    assert (again.json["result"], again.json["scope"]) == ("created", "default")
    ran = place.run("run", "flow.yaml")
    assert ran.code == 0, ran
    assert "with ***" in ran.out
    assert VALUE not in ran.out + ran.err
    listed = place.run("secret", "list")
    assert [line.split()[:3] for line in listed.lines] == [
        ["NAME", "SCOPE", "PROVIDER"], ["TOKEN", "all", "local"], ["TOKEN", "default", "local"],
    ]  # fmt: skip
    assert VALUE not in listed.out
    rotated = place.run("secret", "rotate", "--new-key", "--json")
    assert (rotated.code, rotated.json["retired"]) == (0, 1), rotated
    assert rotated.json["renewed"] >= 2
    assert place.run("run", "flow.yaml", "--json").json["outputs"] == {"token": "***", "hash": "***"}
    assert (
        place.run("secret", "delete", "TOKEN", "--scope", "default").out
        == "deleted  TOKEN in default  (local)\n"
    )
    assert place.run("secret", "delete", "TOKEN").code == 0
    failed = place.run("run", "flow.yaml")
    assert failed.code == 1
    assert "`workflow secret set TOKEN` does it" in failed.out
    assert VALUE.encode() not in files(place.path)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("two\nlines\n\n", "two\nlines\n"), (" spaces ", " spaces "), ("ü€ß\U0001f600\r\n", "ü€ß\U0001f600")],
)
def test_the_value_is_everything_but_one_line_break(project, monkeypatch, given, kept):
    monkeypatch.chdir(project.path)
    assert project.run("secret", "set", "A", input=given).code == 0
    with stored_secrets(load(environ={})) as secrets:
        assert secrets._box.get("A") == kept


@pytest.mark.parametrize("given", ["", "\n", "abc\n"])
def test_a_value_that_is_too_short(project, given):
    failed = project.run("secret", "set", "A", input=given)
    assert failed.code == 2
    assert "a secret has 4 to 65536" in failed.err


def test_bytes_that_are_no_text(project):
    process = project.begin("secret", "set", "A")
    process.stdin.buffer.write(b"\xff\xfe\xfd\xfc")
    _, told = process.communicate()
    assert process.returncode == 2
    assert "not UTF-8 text" in told


def test_on_a_terminal_it_is_asked_for_twice_and_not_echoed(project):
    for answers, code in (((VALUE, VALUE), 0), ((VALUE, "other"), 2)):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "wfcore", "secret", "set", "TOKEN"], cwd=project.path, env=project.environ,
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda fd=theirs: _controlling(fd),
        )  # fmt: skip
        os.close(theirs)
        shown = b""
        for prompt, answer in zip((b"Value of TOKEN", b"Once more"), answers, strict=True):
            while prompt not in shown:
                shown += os.read(ours, 1024)
            os.write(ours, answer.encode() + b"\n")
        try:
            while part := os.read(ours, 1024):
                shown += part
        except OSError:
            pass  # the other end is closed
        assert process.wait(20) == code, shown
        os.close(ours)
        assert VALUE.encode() not in shown
    assert b"the two values differ" in shown


def _controlling(fd):
    import fcntl
    import termios

    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)


def test_a_warning_when_the_key_lies_beside_the_data(project, tmp_path_factory):
    beside = project.run("secret", "set", "A", input=VALUE)
    assert "THE MASTER KEY OF THE SECRETS LIES BESIDE THEM" in beside.err
    keys = tmp_path_factory.mktemp("keys")
    elsewhere = {"WORKFLOW_SECRET_KEY_FILE": str(keys / "key"), "WORKFLOW_STORAGE_PATH": "other/db.sqlite"}
    quiet = project.run("secret", "set", "A", input=VALUE, **elsewhere)
    assert (quiet.code, quiet.err) == (0, "")
    assert (keys / "key").stat().st_mode & 0o777 == 0o600
    assert not list((project.path / "other").glob("secret.key"))


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"WORKFLOW_SECRET_KEY_FILE": "gone/key"}, "gone"),
        ({"WORKFLOW_SECRET_KEY": "nonsense"}, "WORKFLOW_SECRET_KEY: line 1 is no key of 32 bytes"),
    ],
)
def test_keys_that_are_none(project, environ, told):
    failed = project.run("secret", "set", "A", input=VALUE, **environ)
    assert failed.code == 8, failed
    assert told in failed.err
    assert "Traceback" not in failed.err
    assert len(failed.err.splitlines()) <= 3


def test_no_provider_that_stores(project):
    failed = project.run("secret", "set", "A", input=VALUE, WORKFLOW_SECRETS_PROVIDERS="env")
    assert failed.code == 5
    assert "none of the providers stores secrets: env" in failed.err
    foreign = project.run("secret", "delete", "A", WORKFLOW_SECRET__A="from-outside")
    assert foreign.code == 5
    assert "A is a secret of env" in foreign.err


def test_a_keyring_that_is_not_there_is_said_at_the_start(project):
    failed = project.run("secret", "list", WORKFLOW_SECRETS_PROVIDERS="keyring")
    assert failed.code == 7
    assert "there is no keyring here" in failed.err
