"""Statements, round trips, connections and threads: what the driver does to PostgreSQL."""

import threading
import time

import pytest

from wfcore.api import ExecutionQuery, Fact, Step, TaskRecord, Tick, Unavailable
from wfcore_plugins.storage import postgres_content
from wfcore_plugins.storage.postgres import PostgresStorage
from wfsdk.contexts import context
from wfsdk.contracts.storage_executions import running

HOUR = 3_600_000_000


@pytest.fixture
def storage(proxy, tmp_path):
    """A started driver behind the proxy, which has a connection."""
    storage = PostgresStorage({"url": proxy.url}, context("postgres", tmp_path))
    storage.start()
    storage.counts()
    proxy.seen.clear()
    yield storage
    storage.stop(5.0)


def group(size, create=False, seq=1):
    rows = {"tasks": [TaskRecord("a", "SUCCESS"), TaskRecord("b", "RUNNING")], "blobs": ["0" * 64]}
    return [
        Step(running(f"{n:04}", seq=seq), create, facts=[Fact(seq, 1, "x"), Fact(seq + 1, 1, "y")], **rows)
        for n in range(size)
    ]


@pytest.mark.parametrize("size", [1, 500])
def test_a_group_of_any_size_takes_two_round_trips(storage, proxy, size):
    storage.commit(group(size, create=True), notify=["a", "b"])
    storage.commit(group(size, seq=3), notify=["c"])
    mixed = [*group(size, seq=5), *(Step(running(f"new-{n}"), create=True) for n in range(size))]
    storage.commit([*mixed, Step(running("none"))])
    ticks = [Tick("default", "flow", "hourly", n, n + 1) for n in range(size)]
    storage.commit([Step(running(f"tick-{t.due_at}"), create=True, tick=t) for t in ticks])
    assert len(proxy.seen) == 8
    assert [text.partition(";")[0] for text in proxy.seen[::2]] == ["begin"] * 4
    assert [text.rpartition("; ")[2] for text in proxy.seen[1::2]] == ["commit"] * 4


def test_what_stands_in_sql_is_what_was_given(storage):
    """Though each text of a group is quoted once: texts that look like SQL or like another value."""
    texts = [
        "1",
        "NULL",
        "null",
        "",
        "it's",
        "''",
        "\\",
        "\\'; drop table task --",
        "%s",
        "$1",
        "é🦊",
        "a\nb",
    ]
    tasks = [TaskRecord(f"t{n:02}", "SUCCESS", text, n, output=text) for n, text in enumerate(texts)]
    tasks.append(TaskRecord("t99", "SUCCESS", "1", 1, 0, None, 1, 0, -1))
    step = Step(running("1"), True, tasks=tasks, facts=[Fact(1, 1, text, text) for text in ("1",)])
    assert storage.commit([step]) == frozenset()
    assert {task.path: task for task in storage.tasks("1")} == {task.path: task for task in tasks}


def test_an_idle_storage_executes_nothing(storage, proxy, sql):
    heard = threading.Event()
    storage.subscribe(lambda payload: heard.set())
    assert heard.wait(30)
    seen = len(proxy.seen)
    since = "select max(query_start) from pg_stat_activity where application_name = 'workflow'"
    before = sql(since)
    time.sleep(0.5)
    assert len(proxy.seen) == seen
    assert sql(since) == before
    storage.counts()
    assert len(proxy.seen) == seen + 1


def test_reads_and_writes_cost_no_more_than_they_must(storage, proxy):
    for count, act in (
        (1, lambda: storage.execution("0001")),
        (1, lambda: storage.executions(ExecutionQuery())),
        (1, lambda: storage.announce("x")),
        (3, lambda: storage.set_record("a", "k", "1", None)),
        (1, lambda: storage.get_record("a", "k", 0)),
    ):
        proxy.seen.clear()
        act()
        assert len(proxy.seen) == count, proxy.seen


def test_the_hot_reads_use_an_index(storage, sql):
    """Once there is enough in the tables that looking through them would not pay."""
    storage.commit(group(300, create=True))
    ended = [running(f"old-{n:05}", state="SUCCESS", ended_at=n) for n in range(3000)]
    storage.commit([Step(record, create=True, facts=[Fact(1, 1, "x")]) for record in ended])
    storage._target.connect().cursor().execute("analyze")
    plans = []
    execute = storage._pool.execute_sql

    def explain(sql, params=None):
        plans.append(" ".join(line for (line,) in execute(f"explain {sql}", params).fetchall()))
        return execute(sql, params)

    storage._pool.execute_sql = explain
    storage.pending("me", "", 10)
    storage.executions(ExecutionQuery(namespace="default", workflow="flow", before="0100", limit=5))
    storage.executions(ExecutionQuery(states=("FAILED",), limit=5))
    storage.facts("0001", 1)
    storage.tasks("0001")
    storage.execution("0001")
    assert "execution_open" in plans[0]
    assert not [plan for plan in plans if "Seq Scan" in plan], plans


def test_threads_that_ended_leave_no_connection(storage, sql):
    def count():
        ((found,),) = sql("select count(*) from pg_stat_activity where application_name = 'workflow'")
        return found

    before = count()
    for _ in range(30):
        thread = threading.Thread(target=storage.counts)
        thread.start()
        thread.join()
    assert count() == before == 1


def test_stop_waits_for_a_read_and_closes_everything(storage, sql):
    inside, go_on, seen = threading.Event(), threading.Event(), []

    def read():
        with storage.reading():
            inside.set()
            go_on.wait(30)
            seen.append(storage._pool.execute_sql("select count(*) from task").fetchone())

    storage.subscribe(lambda payload: None)
    reader = threading.Thread(target=read)
    reader.start()
    assert inside.wait(30)
    stopper = threading.Thread(target=storage.stop, args=(30.0,))
    stopper.start()
    time.sleep(0.1)
    assert stopper.is_alive()
    go_on.set()
    stopper.join(30)
    reader.join(30)
    assert seen == [(0,)]
    left = "select count(*) from pg_stat_activity where application_name = 'workflow'"
    deadline = time.monotonic() + 30
    while sql(left) != [(0,)]:
        assert time.monotonic() < deadline, "a connection is left"
        time.sleep(0.01)


def test_stop_gives_up_on_a_read_at_its_deadline(storage):
    with storage.reading():
        storage.stop(0.2)
    assert "not open" in storage.health()


def test_content_lies_in_chunks_and_goes_with_them(storage, sql):
    used, lost = storage.put_blob(bytes(2**20 * 2 + 1)), storage.put_blob(b"")
    sizes = "select number, length(bytes) from content_chunk where digest = '{}' order by number"
    assert sql(sizes.format(used)) == [(0, 2**20), (1, 2**20), (2, 1)]
    assert sql(sizes.format(lost)) == [(0, 0)]
    storage.commit([Step(running("0001"), create=True, blobs=[used])])
    later = time.time_ns() // 1000 + HOUR + 60_000_000
    assert storage.sweep(later) == 1
    assert sql("select distinct digest from content_chunk") == [(used,)]


def test_putting_again_makes_content_young(storage, sql):
    digest = storage.put_blob(b"x")
    with storage.writing():
        storage._pool.execute_sql("update content set stored_at = 0")
    assert storage.put_blob(b"x") == digest
    assert storage.sweep(time.time_ns() // 1000) == 0
    assert storage.get_blob(digest) == b"x"


def test_damage_is_noticed(storage):
    digest = storage.put_blob(b"abc")
    with storage.writing():
        storage._pool.execute_sql("update content_chunk set bytes = 'abd'")
    with pytest.raises(Unavailable, match="damaged"):
        storage.get_blob(digest)


def test_a_sweep_is_bounded(storage):
    for n in range(5):
        storage.put_blob(bytes([n]))
    with storage.writing():
        storage._pool.execute_sql("update content set stored_at = 0")
        assert postgres_content.sweep(storage._pool, 1, 3) == 3
        assert postgres_content.sweep(storage._pool, 1, 3) == 2


def test_of_two_rows_of_a_task_in_one_step_the_last_one_counts(storage):
    twice = [TaskRecord("a", "RUNNING"), TaskRecord("a", "SUCCESS")]
    storage.commit([Step(running("0001"), create=True, tasks=twice)])
    assert storage.tasks("0001") == [TaskRecord("a", "SUCCESS")]


def test_values_cannot_leave_their_quotes(storage):
    """Statements are put together as text; psycopg2 quotes what goes in."""
    nasty = "'); drop table task; -- %s \\' \" $$ \n\t ü € 😀"
    record = running("0001", key=nasty, labels={nasty: nasty}, inputs=nasty, trigger=nasty)
    step = Step(
        record,
        create=True,
        tasks=[TaskRecord(nasty, nasty, nasty)],
        facts=[Fact(1, 1, nasty, nasty, 1, {nasty: nasty})],
    )
    assert storage.commit([step], notify=[nasty]) == frozenset()
    assert storage.execution("0001") == record
    assert storage.tasks("0001") == list(step.tasks)
    assert storage.facts("0001") == list(step.facts)
