"""What belongs to the server's user: another one is told so, in one error and without a traceback."""

import os
import tempfile
from pathlib import Path

import pytest

from tests.users import nobody
from wfcore.cli.main import main


@pytest.fixture
def place(monkeypatch):
    """A project that everybody may come to, with a database in ``data`` and a backup in ``b``."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o755)
        monkeypatch.chdir(place)
        for name in [name for name in os.environ if name.startswith("WORKFLOW_")]:
            monkeypatch.delenv(name)
        assert main(["server", "migrate"]) == main(["server", "backup", "b"]) == 0
        yield place
        for closed in ("data", "b", "b/db.sqlite", "b/blobs"):
            (place / closed).chmod(0o700)


def ended(capsys, command):
    """How the command ends for another user, and what it says."""
    capsys.readouterr()
    with nobody():
        code = main(command.split())
    return code, capsys.readouterr().err


READING = (
    "server backup elsewhere",
    "server migrate",
    "server migrate --check",
    "server migrate --to new.sqlite",
    "server migrate --to new.sqlite --check",
)
CASES = [
    *(("data", command) for command in ("server status", "server restore b", *READING)),
    *(("data/db.sqlite", command) for command in READING),
]


@pytest.mark.parametrize(("closed", "command"), CASES)
def test_what_is_closed(place, capsys, closed, command):
    (place / "data").chmod(0o755)
    (place / "b").chmod(0o755)
    for file in ("db.sqlite", "blobs"):
        (place / "b" / file).chmod(0o755)
    (place / closed).chmod(0)
    code, said = ended(capsys, command)
    assert code == 8, said
    assert str(place / "data") in said
    assert "run as the server's user" in said
    assert "Traceback" not in said
    assert not (place / "new.sqlite").exists()


@pytest.mark.parametrize("closed", ["b", "b/db.sqlite"])
def test_a_closed_backup(place, capsys, closed):
    (place / "b").chmod(0o755)
    (place / "b" / "db.sqlite").chmod(0o644)
    (place / closed).chmod(0)
    code, said = ended(capsys, "server restore b")
    assert code == 8, said
    assert str(place / "b") in said
    assert "run as the server's user" in said


def test_a_database_that_may_only_be_read(place, capsys):
    """Also who reads writes what SQLite keeps beside the file."""
    (place / "data").chmod(0o555)
    (place / "data" / "db.sqlite").chmod(0o444)
    for command in ("server migrate --check", "server backup elsewhere", "server migrate"):
        code, said = ended(capsys, command)
        assert code == 8, said
        assert f"{place / 'data' / 'db.sqlite'}" in said
        assert "backup" not in said
