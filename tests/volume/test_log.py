"""The write-ahead log of SQLite: near its limit, and a warning while somebody prevents that."""

import logging
import re
import sqlite3
import threading
from contextlib import closing

import pytest

from wfcore.api import ExecutionQuery, Step
from wfcore_plugins.storage import sqlite_file
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfcore_plugins.storage.sqlite_log import WriteAheadLog
from wfsdk.contexts import context
from wfsdk.contracts.storage_executions import running

LIMIT = 512 * 1024


@pytest.fixture
def storage(tmp_path, monkeypatch):
    """A started storage whose log may have half a mebibyte, so that a second is like an hour."""
    monkeypatch.setattr(sqlite_file, "LOG_BYTES", LIMIT)
    settings = {"path": str(tmp_path / "db.sqlite"), "synchronous": "normal"}
    storage = SqliteStorage(settings, context("sqlite", tmp_path))
    storage.start()
    storage._writer.execute_sql("pragma wal_autocheckpoint = 50")
    yield storage
    storage.stop(5)


@pytest.fixture
def write(storage):
    """``write(count)`` commits so many executions of 20 kB, one by one; the log's largest size meanwhile."""
    number = [0]
    log = storage._path.with_name("db.sqlite-wal")

    def some(count):
        largest = 0
        for _ in range(count):
            number[0] += 1
            storage.commit([Step(running(f"{number[0]:06}", inputs="x" * 20_000), True)])
            largest = max(largest, log.stat().st_size)
        return largest

    some.log = log
    return some


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_it_stays_short(storage, write, caplog):
    assert write(300) < 2 * LIMIT
    assert not warnings(caplog)


def test_a_reader_that_stays_is_warned_of_and_the_log_shrinks_when_it_has_gone(storage, write, caplog):
    caplog.set_level(logging.INFO)
    write(5)
    with closing(sqlite3.connect(storage._path)) as foreign:
        foreign.execute("begin")
        foreign.execute("select count(*) from execution").fetchone()
        grown = write(300)
        assert grown > 8 * LIMIT, "it cannot be begun anew under this reader"
        (warning,) = warnings(caplog)
        assert re.search(r"db\.sqlite-wal has [23] MiB and cannot shrink while another program", warning)
        assert foreign.execute("select count(*) from execution").fetchone() == (5,)
    assert storage.health() == "", "it works all the same"
    write(1)
    for _ in range(100):
        write(1)
        if write.log.stat().st_size <= LIMIT:
            break
    assert write.log.stat().st_size <= LIMIT
    write(20)  # it is not looked at after every commit
    assert "is short again" in caplog.text
    assert write(100) < 2 * LIMIT
    with closing(sqlite3.connect(storage._path)) as foreign:
        foreign.execute("begin")
        foreign.execute("select count(*) from execution").fetchone()
        write(200)
    assert len(warnings(caplog)) == 2, "the next one is told of again"


def test_many_short_reads_do_not_keep_it_long(storage, write):
    """There is always one that needs the log, so SQLite alone would never begin it anew."""
    stop, counts = threading.Event(), []

    def read():
        while not stop.is_set():
            counts.append(len(storage.executions(ExecutionQuery(limit=10))))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        assert write(300) < 8 * LIMIT
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert len(counts) > 10


def test_lists_and_follows_leave_no_transaction_open(storage, write):
    """What a request reads it reads at once: nothing of it is left when it waits or writes its answer."""
    write(30)
    storage.executions(ExecutionQuery(limit=5))
    storage.tasks("000001")
    storage.facts("000001")
    storage.workflows()
    assert storage._reads == 0
    (busy, _, _) = storage._writer.execute_sql("pragma wal_checkpoint(truncate)").fetchone()
    assert busy == 0
    assert write.log.stat().st_size == 0


def test_a_sweep_gives_space_back_and_lets_commits_in_between(storage, write, monkeypatch):
    from wfcore_plugins.storage import sqlite

    monkeypatch.setattr(sqlite, "_PAGES_AT_ONCE", 50)
    steps = [
        Step(running(f"old{n:04}", inputs="x" * 20_000, state="SUCCESS", ended_at=1), True)
        for n in range(300)
    ]
    storage.commit(steps)
    while storage.purge(2, 100):
        pass
    rounds, shrink, go_on = [], storage._shrink, threading.Event()

    def counted():
        more = shrink()
        rounds.append("round")
        go_on.set()
        return more

    monkeypatch.setattr(storage, "_shrink", counted)
    (before,) = storage._writer.execute_sql("pragma page_count").fetchone()
    sweeper = threading.Thread(target=storage.sweep, args=(0,))
    sweeper.start()
    go_on.wait(10)
    for _ in range(5):
        write(1)
        rounds.append("commit")
    sweeper.join(30)
    (after,) = storage._writer.execute_sql("pragma page_count").fetchone()
    (free,) = storage._writer.execute_sql("pragma freelist_count").fetchone()
    assert rounds.count("round") > 15
    assert "round" in rounds[rounds.index("commit") :], "commits came in between"
    assert after < before / 3
    assert free < after / 5, "about a tenth stays free for what comes next"


def test_a_log_that_cannot_be_moved_makes_no_commit_fail(tmp_path, caplog):
    """The commit is durable by then; here the connection is in a transaction, where SQLite refuses."""
    connection = sqlite3.connect(tmp_path / "db.sqlite", isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("begin immediate")
    (tmp_path / "db.sqlite-wal").write_bytes(bytes(4096))
    log = WriteAheadLog(tmp_path / "db.sqlite", 1024, 5000, logging.getLogger("workflow.storage"))
    for _ in range(16):
        log.keep_short(connection)
    connection.close()
    assert "could not be moved into its database" in caplog.text
