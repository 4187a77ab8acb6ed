"""A backup or a restore that is killed: there is a backup or none, and the old or the new."""

import os
import signal
import sqlite3
import sys
from contextlib import closing

import pytest

from tests import forks
from wfcore.api import Step
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context
from wfsdk.contracts.storage_executions import running

#: Kills itself before the N-th change of a name in the file system; says how many there were without that.
CHILD = """
import os, signal, sys
from pathlib import Path
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context

what, directory, backup, last, count = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), 0

def dying(function):
    def changed(*arguments, **options):
        global count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return changed

for place, names in ((os, ("mkdir", "rename", "replace", "unlink", "rmdir", "symlink", "fsync")),):
    for name in names:
        setattr(place, name, dying(getattr(place, name)))
settings = {"path": str(directory / "db.sqlite"), "synchronous": "full"}
beside = ("app.sqlite", "admin.token")
if what == "backup":
    storage = SqliteStorage({**settings, "readOnly": True}, context("sqlite", directory))
    storage.backup(backup, [directory / name for name in beside])
else:
    SqliteStorage(settings, context("sqlite", directory)).restore(backup, beside, force=True)
print(count)
"""


def storage_in(directory):
    settings = {"path": str(directory / "db.sqlite"), "synchronous": "full"}
    return SqliteStorage(settings, context("sqlite", directory))


def write(directory, mark):
    """A data directory in which everything says ``mark``."""
    storage = storage_in(directory)
    storage.start()
    digest = storage.put_blob(mark.encode() * 50_000)
    storage.commit([Step(running(mark, inputs=digest), True, blobs=[digest])])
    storage.stop(5)
    (directory / "admin.token").write_text(mark)
    with closing(sqlite3.connect(directory / "app.sqlite")) as app, app:
        app.execute("create table mine (mark text)")
        app.execute("insert into mine values (?)", (mark,))


def read(directory):
    """The marks that a data directory shows, once it has been opened as a server does."""
    storage = storage_in(directory)
    storage.start()
    marks = {name for name in ("old", "new") if storage.execution(name)}
    for mark in list(marks):
        marks.add(storage.get_blob(storage.execution(mark).inputs)[:3].decode())
    storage.stop(5)
    with closing(sqlite3.connect(directory / "app.sqlite")) as app:
        marks |= {mark for (mark,) in app.execute("select mark from mine")}
    return marks | {(directory / "admin.token").read_text()}


def run(what, directory, backup, last):
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", CHILD, what, str(directory), str(backup), str(last)]
    return forks.run(command, env=environ)


@pytest.fixture
def backup(tmp_path):
    write(tmp_path / "source", "new")
    done = run("backup", tmp_path / "source", tmp_path / "backup", 0)
    assert done.returncode == 0, done.stderr
    return tmp_path / "backup"


@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.long)])
def test_a_restore_that_is_killed_leaves_the_old_or_the_new(tmp_path, backup, stride):
    seen, last = [], 1
    while True:
        data = tmp_path / f"data{last}"
        write(data, "old")
        done = run("restore", data, backup, last)
        marks = read(data)
        assert len(marks) == 1, f"killed before change {last}: {marks}"
        seen.append(marks.pop())
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        if seen[-1] == "old":
            assert run("restore", data, backup, 0).returncode == 0
        assert read(data) == {"new"}, "it can be done again"
        assert not [path for path in data.iterdir() if path.name.startswith(".")], (
            "what was begun is cleared up"
        )
        kept = [path for path in data.iterdir() if path.name.startswith("before-restore")]
        assert [read(place) for place in kept] == [{"old"}]
        last += stride
    assert seen == sorted(seen, reverse=True), "there is one moment before which it is old, and then new"
    assert {"old", "new"} == set(seen[:-1])
    assert last > 15


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.long)])
def test_a_backup_that_is_killed_is_none(tmp_path, backup, stride):
    last = 1
    while True:
        target = tmp_path / f"b{last}"
        done = run("backup", tmp_path / "source", target, last)
        if target.exists():
            write(tmp_path / f"data{last}", "old")
            assert run("restore", tmp_path / f"data{last}", target, 0).returncode == 0
            assert read(tmp_path / f"data{last}") == {"new"}
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        last += stride
    assert last > 8
    assert (tmp_path / f"b{last}").exists()
    assert not (tmp_path / "b1").exists()
