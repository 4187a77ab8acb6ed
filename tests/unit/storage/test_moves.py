"""Moving everything from one storage to another, wholly or not at all, and back."""

import os
import signal
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg2
import pytest

from tests import forks
from tests.unit.storage.filled import fill, seen
from wfcore.config import load
from wfcore.errors import Conflict, NotFound, PluginError, Unavailable, UsageError, WorkflowError
from wfcore.service import copies
from wfcore_plugins.storage.postgres import PostgresStorage
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context


def sqlite(directory):
    return SqliteStorage(
        {"path": str(directory / "db.sqlite"), "synchronous": "full"}, context("sqlite", directory)
    )


def config(directory):
    return load(environ={}, overrides={"storage.path": str(directory / "db.sqlite")})


@pytest.fixture
def opened():
    """``opened(storage)`` starts it, and it is stopped at the end of the test or by ``close``."""
    with ExitStack() as stack:

        def start(storage):
            storage.start()
            stack.callback(storage.stop, 5.0)
            return storage

        start.close = stack.close
        yield start


@pytest.fixture
def source(tmp_path, opened):
    """The configuration of a full SQLite storage, and what it tells."""
    storage = opened(sqlite(tmp_path / "old"))
    digests = fill(storage)
    told = seen(storage, digests)
    opened.close()
    return config(tmp_path / "old"), told, digests


def test_from_one_file_to_another(tmp_path, source, opened):
    here, told, digests = source
    before = copies.inventory(here)
    moved = copies.move(here, str(tmp_path / "new" / "db.sqlite"))
    assert moved == before == copies.inventory(here)
    assert moved.counts["execution"] == 453
    assert moved.counts["permit"] == 3
    assert moved.counts["inbox"] == 3
    assert seen(opened(sqlite(tmp_path / "new")), digests) == told


def test_to_postgresql_and_back(tmp_path, source, database, opened):
    here, told, digests = source
    moved = copies.move(here, database)
    storage = opened(PostgresStorage({"url": database}, context("postgres", tmp_path)))
    assert seen(storage, digests) == told
    opened.close()
    there = copies.elsewhere(here, database)
    back = copies.move(there, str(tmp_path / "back" / "db.sqlite"))
    assert back == moved == copies.inventory(there)
    assert seen(opened(sqlite(tmp_path / "back")), digests) == told


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_is_not_empty_is_refused(tmp_path, source, request, opened, kind):
    here, _, _ = source
    target = str(tmp_path / "new" / "db.sqlite") if kind == "sqlite" else request.getfixturevalue("database")
    copies.move(here, target)
    before = copies.inventory(copies.elsewhere(here, target))
    with pytest.raises(Conflict, match="not empty: it has rows of workflow"):
        copies.move(here, target)
    assert copies.inventory(copies.elsewhere(here, target)) == before


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_arrives_otherwise_is_not_kept(tmp_path, source, request, monkeypatch, kind):
    """The comparison is made before the commit."""
    here, _, _ = source
    target = str(tmp_path / "new" / "db.sqlite") if kind == "sqlite" else request.getfixturevalue("database")
    original = copies.Inventory.of.__func__
    seen = []

    def wrong(cls, rows):
        found = original(cls, rows)
        seen.append(found)
        return found if len(seen) == 1 else cls({**found.counts, "task": 1}, "0")

    monkeypatch.setattr(copies.Inventory, "of", classmethod(wrong))
    with pytest.raises(WorkflowError, match="task has 1 rows; nothing was moved"):
        copies.move(here, target)
    assert seen[0] == seen[1], "the real one was right"
    monkeypatch.undo()
    assert sum(copies.inventory(copies.elsewhere(here, target)).counts.values()) == 0
    copies.move(here, target)


def test_missing_content_stops_it_before_any_row(tmp_path, source):
    here, _, _ = source
    lost = next(path for path in (tmp_path / "old" / "blobs").rglob("*") if path.is_file())
    lost.unlink()
    with pytest.raises(NotFound, match="does not exist"):
        copies.move(here, str(tmp_path / "new.sqlite"))
    assert sum(copies.inventory(copies.elsewhere(here, str(tmp_path / "new.sqlite"))).counts.values()) == 0


def test_a_server_that_lives_is_in_the_way(tmp_path, source, database, opened):
    here, _, _ = source
    opened(sqlite(tmp_path / "old"))
    with pytest.raises(Conflict, match="in use by process"):
        copies.move(here, database)
    opened.close()
    node = opened(PostgresStorage({"url": database}, context("postgres", tmp_path)))
    from wfcore.api import NodeRecord

    node.join(NodeRecord("node-1", "here", "http://127.0.0.1:1", "1"))
    with pytest.raises(Conflict, match=r"servers use the storage: http://127.0.0.1:1"):
        copies.move(here, database)
    node.leave("node-1")
    copies.move(here, database)


@pytest.mark.parametrize("target", ["mysql://x/y", ""])
def test_a_place_that_is_none(source, target):
    with pytest.raises(UsageError, match="no place to move to"):
        copies.move(source[0], target)


def test_the_same_place(source):
    here = source[0]
    with pytest.raises(Conflict, match="that is the storage that is in use"):
        copies.move(here, here["storage"]["path"])


def test_a_database_that_does_not_answer(source):
    with pytest.raises(Unavailable):
        copies.move(source[0], "postgres://nobody@127.0.0.1:1/none")


def test_a_row_that_has_no_place_there_is_named(tmp_path, source, database, opened):
    here, _, _ = source
    storage = opened(sqlite(tmp_path / "old"))
    storage.set_record("kv", "a\0b", "1", None)
    opened.close()
    with pytest.raises(PluginError, match=r"a row of record cannot be stored there: .*NUL"):
        copies.move(here, database)
    assert sum(copies.inventory(copies.elsewhere(here, database)).counts.values()) == 0


CHILD = """
import os, signal, sys
from tests.unit.storage.test_moves import config
from wfcore.service import copies
from wfcore_plugins.storage.moves import TableRows
from pathlib import Path
pages, number = TableRows.pages, [0]
def counted(self, table):
    for page in pages(self, table):
        number[0] += 1
        if number[0] == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        yield page
TableRows.pages = counted
copies.move(config(Path(sys.argv[1])), sys.argv[2])
print(number[0])
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_move_that_is_killed_has_moved_nothing(tmp_path, source, request, kind):
    here, _, _ = source
    target = str(tmp_path / "new" / "db.sqlite") if kind == "sqlite" else request.getfixturevalue("database")
    before = copies.inventory(here)
    for number in (3, 40, 50, 60):
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", CHILD, str(tmp_path / "old"), target, str(number)]
        done = forks.run(command, env=environ)
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
        if kind == "postgres":
            _until_alone(target)
        assert sum(copies.inventory(copies.elsewhere(here, target)).counts.values()) == 0
        assert copies.inventory(here) == before
    assert copies.move(here, target) == before


def _until_alone(url):
    """Wait until the database has noticed."""
    query = (
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )
    with closing(psycopg2.connect(url)) as db:
        db.autocommit = True
        cursor = db.cursor()
        for _ in range(3000):
            cursor.execute(query)
            if cursor.fetchone() == (0,):
                return
        raise AssertionError("somebody is still connected")


def test_a_large_storage_moves_in_bounded_memory(tmp_path, opened):
    import tracemalloc

    from wfcore.api import Step
    from wfsdk.contracts.storage_executions import running

    storage = opened(sqlite(tmp_path / "old"))
    for start in range(0, 3000, 500):
        storage.commit(
            [Step(running(f"{n:06}", inputs="x" * 20_000), True) for n in range(start, start + 500)]
        )
    opened.close()
    tracemalloc.start()
    copies.move(config(tmp_path / "old"), str(tmp_path / "new.sqlite"))
    (_, peak) = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 2**20, "of sixty megabytes"


def test_its_files_are_private(tmp_path, source):
    copies.move(source[0], str(tmp_path / "new" / "db.sqlite"))
    for file in Path(tmp_path / "new").rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, file
