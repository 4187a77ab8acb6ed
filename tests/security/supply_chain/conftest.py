"""The command line against registries of this machine, some of them hostile; what is left is looked at."""

import json
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from tests.registries import Files, Github, Index, Npm
from wfcore.cli.main import main
from wfcore.engine.clock import SystemClock

#: What may be there before and after an attempt, besides the rows of the database.
OURS = ("db.sqlite", "db.sqlite-wal", "db.sqlite-shm", "server.lock")


class Shop:
    """An installation, and the registries that its configuration names."""

    def __init__(self, path, capsys, servers):
        self.path, self._capsys = path, capsys
        self.main, self.npm, self.github, self.files = servers
        self.config = {
            "egress": {"allow": [server.url for server in servers]},
            "plugins": {"signatures": "warn"},
            "registries": {
                "http": {"indexes": [self.main.config]},
                "npm": {"url": self.npm.url},
                "github": {"api": self.github.url},
            },
        }

    def run(self, *argv):
        """The command, in this process: exit code, what was said, and what was said of an error."""
        (self.path / "workflow.config.yaml").write_text(json.dumps(self.config))
        self._capsys.readouterr()
        code = main(argv)
        out, err = self._capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    def install(self, reference, *options):
        return self.run("plugin", "install", reference, *options)

    def installed(self):
        """The installed packages: (name, version, state)."""
        rows = json.loads(self.run("plugin", "list", "--json").out)["packages"]
        return [(one["name"], one["version"], one["state"]) for one in rows]

    def left(self):
        """Files in the data directory that only an installed package could have."""
        data = self.path / "data"
        return [str(file) for file in data.rglob("*") if file.is_file() and file.name not in OURS]

    def refusals(self):
        """The audit log's entries about refused installations: (target, result, message)."""
        if not (self.path / "data" / "db.sqlite").exists():
            return []
        with closing(sqlite3.connect(self.path / "data" / "db.sqlite")) as db:
            rows = db.execute(
                "select target, result, detail from audit where action = 'package.install' and result != 'ok'"
            )
            return [(target, result, json.loads(detail).get("error", "")) for target, result, detail in rows]

    def expect_refused(self, reference, *words, code=7):
        """Nothing of an attack is left but the entry in the log; the error has the words."""
        before, files, noted = self.installed(), self.left(), len(self.refusals())
        outcome = self.install(reference, "--grant")
        assert outcome.code == code, outcome.out + outcome.err
        assert outcome.err.startswith("workflow: ")
        assert "hint: " in outcome.err
        for word in words:
            assert word in outcome.err, outcome.err
        assert self.installed() == before
        assert self.left() == files
        new = self.refusals()[noted:]
        assert new, "it is in the audit log"
        assert new[-1][2].split(":")[0][:60] in outcome.err
        return outcome


@pytest.fixture
def shop(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("WORKFLOW_SERVER", "WORKFLOW_TOKEN", "WORKFLOW_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    with Index(now=SystemClock().now()) as index, Npm() as npm, Github() as github, Files() as files:
        yield Shop(tmp_path, capsys, (index, npm, github, files))
