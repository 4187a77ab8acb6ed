"""Statements, connections and threads: what the driver does to SQLite, and what faults do to the driver."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from wfcore.api import ExecutionQuery, Fact, Step, TaskRecord, Unavailable
from wfsdk.contracts.storage_executions import running


def group(size, create=False, seq=1):
    rows = {"tasks": [TaskRecord("a", "SUCCESS"), TaskRecord("b", "RUNNING")]}
    return [
        Step(running(f"{n:04}", seq=seq), create, facts=[Fact(seq, 1, "x"), Fact(seq + 1, 1, "y")], **rows)
        for n in range(size)
    ]


@pytest.fixture
def statements(make):
    """The statements of a started driver, and the driver."""
    heard = []
    storage = make()
    storage.trace = heard.append
    storage.start()
    storage.executions(ExecutionQuery())
    heard.clear()
    return heard, storage


def test_an_idle_storage_executes_nothing(statements):
    heard, storage = statements
    time.sleep(0.3)
    assert heard == []
    storage.counts()
    assert len(heard) == 1


def test_a_group_is_one_transaction(statements):
    heard, storage = statements
    storage.commit(group(10, create=True))
    storage.commit(group(10, seq=3))
    assert [s for s in heard if s.split()[0] in ("begin", "commit")] == ["begin immediate", "commit"] * 2
    assert len(heard) == 2 * (2 + 10 * (1 + 2 + 2))


def test_the_hot_reads_use_an_index(storage, monkeypatch):
    storage.commit(group(3, create=True))
    details, execute = [], storage._reader.execute_sql

    def explain(sql, params=None):
        details.append(str(execute(f"explain query plan {sql}", params).fetchall()))
        return execute(sql, params)

    monkeypatch.setattr(storage._reader, "execute_sql", explain)
    storage.pending("me", "", 10)
    storage.executions(ExecutionQuery(namespace="default", workflow="flow"))
    storage.executions(ExecutionQuery(states=("RUNNING",)))
    storage.inbox("me")
    storage.facts("0001", 1)
    assert "execution_open" in details[0]
    assert "execution_by_workflow" in details[1]
    assert "execution_by_state" in details[2]
    assert not any("TEMP B-TREE" in detail for detail in details)
    assert "USING INDEX sqlite_autoindex_execution_1 (id=?)" in details[3]
    assert "SCAN" not in "".join(details[:3] + details[4:])


def test_threads_that_ended_leave_no_connection(storage):
    storage.counts()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(30):
        thread = threading.Thread(target=storage.counts)
        thread.start()
        thread.join()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_stop_waits_for_a_read_and_closes_everything(storage, tmp_path):
    inside, go_on, seen = threading.Event(), threading.Event(), []

    def read():
        with storage.reading():
            inside.set()
            go_on.wait(5)
            seen.append(storage._reader.execute_sql("select count(*) from task").fetchone())

    reader = threading.Thread(target=read)
    reader.start()
    inside.wait(5)
    stopper = threading.Thread(target=storage.stop, args=(5.0,))
    stopper.start()
    time.sleep(0.1)
    assert stopper.is_alive()
    go_on.set()
    stopper.join(5)
    reader.join(5)
    assert seen == [(0,)]
    held = {str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.exists()}
    assert not {name for name in held if name.startswith(str(tmp_path))}


def test_stop_gives_up_on_a_read_at_its_deadline(storage):
    with storage.reading():
        start = time.monotonic()
        storage.stop(0.2)
        assert time.monotonic() - start < 2
    with pytest.raises(Unavailable):
        storage.counts()


def test_a_full_disk_writes_nothing_and_passes(storage):
    storage.commit(group(1, create=True))
    (pages,) = storage._writer.execute_sql("pragma page_count").fetchone()
    storage._writer.execute_sql(f"pragma max_page_count = {pages + 4}")
    big = TaskRecord("big", "SUCCESS", output="x" * 60_000)
    with pytest.raises(Unavailable, match="full") as caught:
        small = Step(running("0000", seq=9), facts=[Fact(9, 1, "z")])
        storage.commit([small, Step(running("9999"), create=True, tasks=[big])])
    assert "space" in caught.value.remedy
    with pytest.raises(Unavailable, match="full"):
        storage.set_record("a", "b", "x" * 60_000, None)
    assert storage.execution("0000") == running("0000", seq=1)
    assert storage.execution("9999") is None
    assert len(storage.facts("0000")) == 2
    storage._writer.execute_sql("pragma max_page_count = 100000")
    assert storage.commit([Step(running("9999"), True, tasks=[big])]) == frozenset()


def test_a_busy_file_is_waited_for(storage):
    other = sqlite3.connect(storage._path, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    threading.Timer(0.3, lambda: other.execute("commit")).start()
    assert storage.commit(group(1, create=True)) == frozenset()
    other.close()


def test_a_damaged_file_is_reported(storage, make):
    storage.commit(group(1000, create=True))
    path = storage._path
    storage.stop(5)
    half = path.stat().st_size // 2
    with path.open("r+b") as file:
        file.seek(half)
        file.write(b"\xff" * half)
    broken = make()
    broken.start()
    with pytest.raises(Unavailable, match=r"db\.sqlite cannot be used") as caught:
        broken.executions(ExecutionQuery(limit=1000))
    assert "backup" in caught.value.remedy


def test_health_tells_of_a_stopped_or_full_storage(storage, monkeypatch):
    usage = type("Usage", (), {"free": 1 << 20})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    assert "1024 KiB are free" in storage.health()
    monkeypatch.undo()
    storage.stop(1)
    assert "not open" in storage.health()


def test_a_sweep_gives_space_back(storage):
    big = [running(f"{n:04}", inputs="x" * 9000, state="FAILED", ended_at=1) for n in range(100)]
    storage.commit([Step(execution, create=True) for execution in big])
    assert storage.purge(2, 100) == 100
    (before,) = storage._writer.execute_sql("pragma page_count").fetchone()
    storage.sweep(0)
    (after,) = storage._writer.execute_sql("pragma page_count").fetchone()
    assert after < before / 2


def test_a_reading_connection_cannot_write(storage):
    with pytest.raises(Unavailable, match="readonly"), storage.reading():
        storage._reader.execute_sql("delete from record")
