"""What the driver makes of the file it is pointed to, and in what words it refuses."""

import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from cerberus import Validator

from tests import forks
from tests.users import nobody
from wfcore.api import Conflict, Forbidden, NotFound, PluginError, Step, Unavailable
from wfcore_plugins.storage import migrations, sqlite_file
from wfcore_plugins.storage.schema import COLUMNS
from wfcore_plugins.storage.sqlite import SqliteStorage

HOLDER = """
import sys
from pathlib import Path
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context
path = Path(sys.argv[1])
storage = SqliteStorage({"path": str(path), "synchronous": "full"}, context("sqlite", path.parent))
storage.start()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has started a driver on ``db.sqlite``."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "db.sqlite")]
    with forks.start(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def sql(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchall() for statement in statements]


def refusal(storage, kind):
    with pytest.raises(kind) as caught:
        storage.start()
    error = caught.value
    assert error.remedy
    assert "\n" not in error.message
    return error.message


def test_files_are_private_even_without_a_umask(tmp_path, make, no_umask):
    storage = make("new/deep/db.sqlite")
    storage.start()
    storage.put_blob(b"x")
    storage.commit([])
    modes = {p.relative_to(tmp_path).name: oct(p.stat().st_mode)[-3:] for p in tmp_path.rglob("*")}
    assert {modes[name] for name in ("new", "deep", "db.blobs")} == {"700"}
    names = ("db.sqlite", "db.sqlite-wal", "db.sqlite-shm", "db.sqlite.lock")
    assert {modes[name] for name in names} == {"600"}
    assert set(modes.values()) == {"600", "700"}


def test_content_lies_in_blobs_of_the_data_directory_or_beside_any_other_file(tmp_path, make):
    for name in ("db.sqlite", "runs/0001.sqlite"):
        storage = make(name)
        storage.start()
        storage.put_blob(b"x")
        storage.stop(1)
    assert (tmp_path / "blobs").is_dir()
    assert (tmp_path / "runs" / "0001.blobs").is_dir()
    assert not (tmp_path / "runs" / "blobs").exists()


def test_a_second_driver_is_refused_with_pid_file_and_remedy(storage, make, tmp_path):
    message = refusal(make(), Conflict)
    assert str(os.getpid()) in message
    assert str(tmp_path / "db.sqlite.lock") in message
    assert storage.health() == ""


def test_a_second_process_is_refused_and_may_follow(holder, make):
    assert str(holder.pid) in refusal(make(), Conflict)
    with pytest.raises(Conflict, match=str(holder.pid)):
        make().migrate()
    holder.communicate("")
    make().start()


def test_a_killed_holder_leaves_no_lock(holder, make):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    make().start()


def test_a_lock_on_a_file_that_a_leaving_holder_removed_is_no_lock(make, tmp_path, monkeypatch):
    path, flock, calls = tmp_path / "db.sqlite.lock", fcntl.flock, []

    def remove_then_lock(handle, operation):
        if not calls:
            path.unlink()
        calls.append(handle)
        flock(handle, operation)

    monkeypatch.setattr("fcntl.flock", remove_then_lock)
    make().start()
    assert len(calls) == 2
    assert path.read_text() == f"{os.getpid()}\n"
    refusal(make(), Conflict)


def test_checking_migrations_needs_no_lock_and_leaves_the_file_alone(storage, make, tmp_path):
    before = (tmp_path / "db.sqlite").read_bytes()
    assert make().migrate(check=True) == []
    assert (tmp_path / "db.sqlite").read_bytes() == before
    assert make("none.sqlite").migrate(check=True) == migrations.known()
    assert not (tmp_path / "none.sqlite").exists()


def test_stopping_leaves_one_file(storage, tmp_path):
    storage.set_record("a", "b", "1", None)
    storage.counts()
    storage.stop(5)
    assert [path.name for path in tmp_path.iterdir()] == ["db.sqlite"]


def test_the_migrations_make_the_tables_that_the_queries_expect(storage, tmp_path):
    storage.stop(5)
    with closing(sqlite3.connect(tmp_path / "db.sqlite")) as connection:
        tables = {
            name: {column[1] for column in connection.execute(f'pragma table_info("{name}")')}
            for (name,) in connection.execute("select name from sqlite_master where type = 'table'")
            if not name.startswith("sqlite_")
        }
    assert tables.pop("schema_version") == {"name", "applied_at"}
    assert tables == {name: set(columns) for name, columns in COLUMNS.items()}


def test_a_new_file_is_marked_and_can_shrink(storage, tmp_path):
    storage.stop(5)
    names = ("application_id", "auto_vacuum", "journal_mode")
    values = sql(tmp_path / "db.sqlite", *(f"pragma {name}" for name in names))
    assert values == [[(sqlite_file.APPLICATION_ID,)], [(2,)], [("wal",)]]


def test_a_file_that_is_no_database(tmp_path, make):
    (tmp_path / "db.sqlite").write_text("hello, this is my diary and no database at all\n" * 50)
    before = (tmp_path / "db.sqlite").read_bytes()
    assert f"{tmp_path}/db.sqlite cannot be used as a SQLite database" in refusal(make(), PluginError)
    with pytest.raises(PluginError, match="not a database"):
        make().migrate(check=True)
    assert (tmp_path / "db.sqlite").read_bytes() == before


@pytest.mark.parametrize("statement", ["create table customers (id)", "pragma application_id = 7"])
def test_a_database_of_another_program(tmp_path, make, statement):
    sql(tmp_path / "db.sqlite", statement)
    before = (tmp_path / "db.sqlite").read_bytes()
    assert "another program" in refusal(make(), PluginError)
    assert (tmp_path / "db.sqlite").read_bytes() == before


def test_an_empty_file_becomes_a_database(tmp_path, make):
    (tmp_path / "db.sqlite").touch()
    storage = make()
    storage.start()
    assert storage.health() == ""


def test_a_database_of_a_newer_release(storage, make, tmp_path):
    storage.stop(5)
    sql(tmp_path / "db.sqlite", "insert into schema_version values ('9999_future', 0)")
    assert "9999_future" in refusal(make(), Conflict)
    with pytest.raises(Conflict, match="newer"):
        make().migrate(check=True)


def test_a_directory_in_place_of_the_file(tmp_path, make):
    (tmp_path / "db.sqlite").mkdir()
    assert "Is a directory" in refusal(make(), PluginError)


def test_a_file_in_place_of_the_directory(tmp_path, make):
    (tmp_path / "data").touch()
    assert str(tmp_path / "data") in refusal(make("data/db.sqlite"), PluginError)


def test_a_directory_that_is_not_writable(tmp_path, make):
    (tmp_path / "data").mkdir(mode=0o500)
    with nobody():
        assert "Permission denied" in refusal(make("data/db.sqlite"), Forbidden)


def test_an_old_sqlite_is_refused():
    with pytest.raises(PluginError, match=r"3\.34\.1 is too old: 3\.35\.0"):
        sqlite_file.check_library((3, 34, 1))


def test_a_failed_migration_leaves_the_file_as_it_was(tmp_path, make, monkeypatch):
    broken = migrations.import_module("wfcore_plugins.storage.migrations.0001_first")
    monkeypatch.setattr(broken, "_INDEXES", (*broken._INDEXES, "create index nonsense on nowhere (x)"))
    storage = make()
    assert "no such table" in refusal(storage, Unavailable)
    storage.stop(1)
    assert sql(tmp_path / "db.sqlite", "select count(*) from sqlite_master") == [[(0,)]]
    monkeypatch.undo()
    make().start()


@pytest.mark.parametrize(
    "config",
    [{"path": 7}, {"path": ""}, {"synchronous": "off"}, {"synchronous": 1}, {"journal": "wal"}],
)
def test_bad_configuration(config):
    assert not Validator(SqliteStorage.schema)(config)


def test_good_configuration():
    validator = Validator(SqliteStorage.schema)
    assert validator({})
    assert validator.document == {"path": "./data/db.sqlite", "synchronous": "full", "readOnly": False}


@pytest.mark.parametrize(
    "call", [lambda s: s.counts(), lambda s: s.commit([1]), lambda s: s.delete_record("a", "b")]
)
def test_a_driver_that_is_not_open_says_so(make, call):
    storage = make()
    for _ in range(2):
        with pytest.raises(Unavailable, match="is not open"):
            call(storage)
        storage.start()
        storage.stop(1)


def test_a_reader_beside_the_owner(make):
    owner, reader = make("db.sqlite"), make("db.sqlite", readOnly=True)
    owner.start()
    owner.set_record("a", "k", "1", None)
    reader.start()
    try:
        assert reader.get_record("a", "k", 0) == "1"
        owner.set_record("a", "k", "2", None)
        assert reader.get_record("a", "k", 0) == "2"
        for write in (
            lambda: reader.set_record("a", "k", "3", None),
            lambda: reader.put_blob(b"x"),
            lambda: reader.commit([Step(None)]),
        ):
            with pytest.raises(Unavailable, match="reading only"):
                write()
    finally:
        reader.stop(5.0)
        owner.stop(5.0)
    reader.start()
    assert reader.get_record("a", "k", 0) == "2"
    reader.stop(5.0)


def test_a_reader_makes_no_database(make, tmp_path):
    with pytest.raises(NotFound, match=r"there is no database .*none\.sqlite"):
        make("none.sqlite", readOnly=True).start()
    assert not (tmp_path / "none.sqlite").exists()


def test_a_file_whose_first_transaction_was_cut_off(tmp_path, make):
    """Killed while the file was being made: its rollback journal must be played back before a first read."""
    with closing(sqlite3.connect(tmp_path / "begun.sqlite", isolation_level=None)) as writer:
        writer.execute("pragma cache_size = 1")  # so that pages are written before the end
        writer.execute("begin")
        writer.execute("create table t (x)")
        writer.executemany("insert into t values (?)", [("x" * 4000,)] * 50)
        shutil.copy(tmp_path / "begun.sqlite", tmp_path / "db.sqlite")
        shutil.copy(tmp_path / "begun.sqlite-journal", tmp_path / "db.sqlite-journal")
        writer.execute("rollback")
    assert (tmp_path / "db.sqlite").stat().st_size > 0
    storage = make("db.sqlite")
    storage.start()
    try:
        assert storage.counts() == {}
    finally:
        storage.stop(5)
