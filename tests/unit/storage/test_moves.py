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
from tests.upgrade import make
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


@pytest.mark.parametrize(
    "target",
    [
        "",
        "mysql://u:topsecret@h/x",
        "Postgres://u:topsecret@h/x",
        "postgres:/u:topsecret@h/x",
        "//u:topsecret@h/x",
        "u:topsecret@h/x",
        "u:top/secret@h/x",
        "u@h:5432/x",
        "u@h/x",
        "host=h password=topsecret",
    ],
)
@pytest.mark.parametrize("call", [copies.move, copies.survey])
def test_a_place_that_is_none(source, target, call, tmp_path, monkeypatch):
    """What was meant as a URL makes no directory of that name, and no error repeats it."""
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="--to is no place to move to") as caught:
        call(source[0], target)
    assert "secret" not in caught.value.message
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_whose_name_looks_like_a_url(tmp_path, source, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for target in (
        "./user=1.sqlite",
        "backup@monday.sqlite",
        "./u:x@h/x",
        str(tmp_path / "at:home@work" / "db.sqlite"),
    ):
        copies.move(source[0], target)
        assert Path(target).is_file()


@pytest.mark.parametrize("url", ["postgres://u:a@topsecret@h/d", "postgres://u:1/topsecret@h/d"])
@pytest.mark.parametrize("call", [copies.move, copies.survey])
def test_a_url_that_is_none(source, url, call):
    with pytest.raises(UsageError, match=r"^--to: its (host|dbname) is none") as caught:
        call(source[0], url)
    assert "storage." not in caught.value.remedy
    assert "topsecret" not in caught.value.message


@pytest.mark.parametrize("call", [copies.move, copies.survey])
def test_there_must_be_something_to_move(tmp_path, call):
    with pytest.raises(NotFound, match="there is no database"):
        call(config(tmp_path / "none"), str(tmp_path / "new.sqlite"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_moved_is_not_brought_up_to_date_before(tmp_path, source):
    make.restore("0003_content", tmp_path / "older" / "db.sqlite")
    before = (tmp_path / "older" / "db.sqlite").read_bytes()
    with pytest.raises(Unavailable, match="lacks 0004_lists") as caught:
        copies.move(config(tmp_path / "older"), str(tmp_path / "new.sqlite"))
    assert "workflow server migrate" in caught.value.remedy
    assert (tmp_path / "older" / "db.sqlite").read_bytes() == before


class TestALookAtThePlace:
    """``--check`` ends as the move would, and changes nothing at either place."""

    def test_where_there_is_nothing(self, tmp_path, source):
        here, _, _ = source
        before = sorted(tmp_path.rglob("*"))
        assert copies.survey(here, str(tmp_path / "new" / "db.sqlite")) == copies.inventory(here)
        assert sorted(tmp_path.rglob("*")) == before

    def test_an_empty_database(self, source, database):
        here, _, _ = source
        assert copies.survey(here, database) == copies.inventory(here)
        with closing(psycopg2.connect(database)) as db:
            cursor = db.cursor()
            cursor.execute("select count(*) from pg_tables where schemaname = 'public'")
            assert cursor.fetchone() == (0,)
        with closing(psycopg2.connect(database)) as db, db:
            db.cursor().execute("create table customers (id int)")
        assert copies.survey(here, database) == copies.inventory(here)

    @pytest.mark.parametrize("kind", ["sqlite", "postgres"])
    def test_tables_without_rows(self, tmp_path, source, request, opened, kind):
        here, _, _ = source
        place = tmp_path / "new" / "db.sqlite"
        target = str(place) if kind == "sqlite" else request.getfixturevalue("database")
        opened(
            sqlite(tmp_path / "new")
            if kind == "sqlite"
            else PostgresStorage({"url": target}, context("postgres", tmp_path))
        )
        opened.close()
        assert copies.survey(here, target) == copies.inventory(here)

    @pytest.mark.parametrize("kind", ["sqlite", "postgres"])
    def test_rows(self, tmp_path, source, request, kind):
        here, _, _ = source
        sqlite_file = str(tmp_path / "new" / "db.sqlite")
        target = sqlite_file if kind == "sqlite" else request.getfixturevalue("database")
        copies.move(here, target)
        with pytest.raises(Conflict, match="not empty: it has rows of workflow"):
            copies.survey(here, target)

    @pytest.mark.parametrize("call", [copies.move, copies.survey])
    def test_what_nobody_can_use(self, tmp_path, source, postgres, call):
        here, _, _ = source
        (tmp_path / "directory").mkdir()
        (tmp_path / "file").write_text("no database\n" * 100)
        for target, kind in (
            ("postgres://nobody@127.0.0.1:1/none", Unavailable),
            (postgres.replace("/postgres?", "/none?"), Unavailable),
            (str(tmp_path / "directory"), PluginError),
            (str(tmp_path / "file"), PluginError),
            (str(tmp_path / "file" / "db.sqlite"), PluginError),
        ):
            with pytest.raises(kind) as caught:
                call(here, target)
            assert "storage." not in caught.value.remedy, target

    @pytest.mark.parametrize("call", [copies.move, copies.survey])
    def test_tables_of_another_program(self, source, database, call):
        with closing(psycopg2.connect(database)) as db, db:
            db.cursor().execute("create table workflow (id int)")
        with pytest.raises(PluginError, match='cannot be migrated: relation "workflow" already exists'):
            call(source[0], database)

    @pytest.mark.parametrize("call", [copies.move, copies.survey])
    def test_a_user_who_may_make_no_table(self, source, database, call):
        with closing(psycopg2.connect(database)) as db, db:
            cursor = db.cursor()
            cursor.execute("create role onlooker login")
            cursor.execute("revoke create on schema public from public")
        try:
            with pytest.raises(Unavailable, match="permission denied for schema public"):
                call(source[0], database.replace("postgres:@", "onlooker@"))
        finally:
            with closing(psycopg2.connect(database)) as db, db:
                db.cursor().execute("drop role onlooker")


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
