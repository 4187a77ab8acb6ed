"""Commits to PostgreSQL whose connection, server or process dies in the middle: what is said is true."""

import os
import random
import re
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from wfcore.api import ExecutionQuery, Fact, Message, Step, TaskRecord, Unavailable
from wfcore_plugins.storage import postgres_outcome
from wfcore_plugins.storage.postgres import PostgresStorage
from wfsdk.contexts import context
from wfsdk.contracts.storage_executions import running

CHILD = Path(__file__).with_name("storage_child.py")
GROUP = 100
PATIENCE = 60


@pytest.fixture
def make(tmp_path):
    made = []

    def build(url, **settings):
        made.append(PostgresStorage({"url": url, **settings}, context("postgres", tmp_path)))
        made[-1].start()
        return made[-1]

    yield build
    for storage in made:
        storage.stop(5.0)


@pytest.fixture
def storage(make, proxy):
    """A driver behind the proxy, with one execution and a message for it."""
    storage = make(proxy.url)
    storage.commit([Step(running("0001"), create=True)])
    storage.post(Message("0001", "cancel"))
    proxy.seen.clear()
    return storage


@pytest.fixture
def direct(make, storage, database):
    """The same database without the proxy."""
    return make(database)


def group(seq=1):
    """One step that is accepted, one that creates, and one that is refused."""
    return [
        Step(running("0001", seq=seq), tasks=[TaskRecord("a", "RUNNING")], facts=[Fact(seq, 1, "x")]),
        Step(running(f"new-{seq}"), create=True, facts=[Fact(1, 1, "x")]),
        Step(running("none"), facts=[Fact(1, 1, "x")]),
    ]


def written(storage, seq=1):
    """Whether all of the group is there; it is never there in part."""
    found = {
        storage.execution("0001").seq == seq,
        [fact.seq for fact in storage.facts("0001")][-1:] == [seq],
        storage.execution(f"new-{seq}") is not None,
        len(storage.facts(f"new-{seq}")) == 1,
    }
    assert len(found) == 1, "half of a group"
    assert storage.facts("none") == []
    return found.pop()


def test_a_commit_that_the_server_has_done_is_done(storage, direct, proxy):
    proxy.lose("; commit", "unanswered")
    assert storage.commit(group()) == {"none"}
    assert proxy.lost == 1
    assert written(direct)
    assert storage.commit(group(2)) == {"none"}


def test_a_commit_that_never_arrived_is_not_done(storage, direct, proxy):
    proxy.lose("; commit", "unsent")
    with pytest.raises(Unavailable, match="cannot be used") as caught:
        storage.commit(group())
    assert caught.value.remedy
    assert proxy.lost == 1
    assert not written(direct)
    assert storage.commit(group()) == {"none"}
    assert written(direct)


def test_a_commit_that_the_server_waits_for_is_ended_there(storage, direct, proxy, sql):
    """Its side of the connection stays open: without an end of it the rows would stay locked."""
    proxy.lose("; commit", "half")
    with pytest.raises(Unavailable):
        storage.commit(group())
    assert proxy.lost == 1
    assert not written(direct)
    assert direct.commit(group()) == {"none"}
    assert written(storage)


@pytest.mark.parametrize("how", ["unsent", "unanswered"])
def test_a_commit_that_had_only_begun_begins_again(storage, direct, proxy, how):
    proxy.lose("begin; ", how)
    assert storage.commit(group(), notify=["x"]) == {"none"}
    assert proxy.lost == 1
    assert written(direct)


def test_a_commit_while_the_server_cannot_be_reached_ends_with_the_driver(storage, direct, proxy):
    proxy.lose("; commit", "unanswered")
    proxy.refuse.set()
    errors = []

    def commit():
        try:
            storage.commit(group())
        except Unavailable as error:
            errors.append(error)

    thread = threading.Thread(target=commit)
    thread.start()
    while not proxy.lost:
        time.sleep(0.01)
    time.sleep(0.2)
    assert thread.is_alive(), "it asks as long as it may"
    storage.stop(1.0)
    thread.join(PATIENCE)
    assert "is not known" in errors[0].message
    assert written(direct)


def test_a_server_that_does_not_come_back_is_not_waited_for_for_ever(storage, proxy, monkeypatch):
    monkeypatch.setattr(postgres_outcome, "_PATIENCE", 0.3)
    proxy.lose("; commit", "unanswered")
    proxy.refuse.set()
    with pytest.raises(Unavailable, match="cannot be used"):
        storage.commit(group())


def test_an_id_of_another_transaction_proves_nothing(storage, direct, sql):
    """After a crash the server may give the id of a transaction that left no trace to another one."""
    ((transaction,),) = sql("insert into record values ('a', 'k', '1', null) returning pg_current_xact_id()")
    question = postgres_outcome.Question(transaction, "0001")
    with pytest.raises(Unavailable, match="is not known") as caught:
        postgres_outcome.was_committed(storage._pool, question, threading.Event())
    assert caught.value.remedy


def test_an_id_that_was_never_given_is_of_nothing(storage):
    question = postgres_outcome.Question("4000000000", "0001")
    assert not postgres_outcome.was_committed(storage._pool, question, threading.Event())


def test_a_read_whose_connection_breaks_is_read_again(storage, proxy):
    read = "from execution where id"
    for how in ("unsent", "unanswered"):
        proxy.lose(read, how)
        assert storage.execution("0001") == running("0001")
    assert proxy.lost == 2
    proxy.lose(read, "unsent")
    proxy.lose(read, "unsent")
    with pytest.raises(Unavailable):
        storage.execution("0001")
    assert storage.execution("0001") == running("0001")


def test_a_write_whose_connection_breaks_in_the_middle_is_refused(storage, proxy):
    proxy.lose("INSERT", "unsent")
    with pytest.raises(Unavailable, match="cannot be used"):
        storage.set_record("a", "k", "1", None)
    assert storage.get_record("a", "k", 0) is None
    storage.set_record("a", "k", "1", None)
    assert storage.get_record("a", "k", 0) == "1"


TERMINATE = (
    "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
    " where application_name = 'workflow' and datname = current_database()"
)


def test_connections_that_the_server_ends_are_replaced_without_a_word(storage, sql):
    acts = (
        lambda: storage.execution("0001") == running("0001"),
        lambda: storage.set_record("a", "k", "1", None) is None,
        lambda: storage.commit([Step(running("0001"))]) == frozenset(),
        lambda: storage.announce("x") is None,
        lambda: storage.health() == "",
    )
    for act in acts:
        assert all(ended for (ended,) in sql(TERMINATE))
        assert act()


def test_a_listener_that_the_server_ends_listens_again(storage, sql):
    heard = []
    storage.subscribe(heard.append)

    def until(expected):
        deadline = time.monotonic() + PATIENCE
        while heard != expected:
            assert time.monotonic() < deadline, heard
            time.sleep(0.01)

    until([""])
    storage.announce("one")
    until(["", "one"])
    sql(TERMINATE)
    until(["", "one", ""])
    storage.announce("two")
    until(["", "one", "", "two"])


def test_a_deadlock_is_no_error(storage, database):
    """Somebody from outside takes two rows in the other order; the server ends one of the two."""
    storage.commit([Step(running("0002"), create=True)])
    with closing(psycopg2.connect(database)) as other:
        cursor = other.cursor()
        cursor.execute("set deadlock_timeout = '60s'")  # so that it is never the one that is ended
        cursor.execute("update execution set labels = '{\"b\": \"2\"}' where id = '0002'")
        found = []
        steps = [Step(running(id, seq=1), facts=[Fact(1, 1, "x")]) for id in ("0001", "0002")]
        thread = threading.Thread(target=lambda: found.append(storage.commit(steps)))
        thread.start()
        cursor.execute("select count(*) from pg_locks where not granted")
        while not cursor.fetchone()[0]:
            time.sleep(0.01)
            cursor.execute("select count(*) from pg_locks where not granted")
        cursor.execute("update execution set labels = '{\"b\": \"1\"}' where id = '0001'")
        other.commit()
        thread.join(PATIENCE)
    assert found == [frozenset()]
    assert [len(storage.facts(id)) for id in ("0001", "0002")] == [1, 1]
    assert storage.execution("0001").labels == {"b": "1"}


def start(url, group, rounds):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(CHILD), url, str(group), str(rounds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def check(storage, acknowledged):
    """All executions are after the same commit, the last acknowledged or the one that was under way."""
    executions = storage.executions(ExecutionQuery(limit=GROUP + 1))
    numbers = {execution.seq for execution in executions}
    assert len(executions) in ((0, GROUP) if not acknowledged else (GROUP,))
    assert len(numbers) <= 1
    number = numbers.pop() if numbers else 0
    assert number in (acknowledged, acknowledged + 1)
    for execution in executions:
        assert [fact.seq for fact in storage.facts(execution.id)] == list(range(1, number + 1))
        assert [task.output for task in storage.tasks(execution.id)] == [str(number)]
    return number


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_commit_is_whole_or_not_there(make, database, sql, seed):
    chance, number, cut = random.Random(seed), 0, 0
    storage = make(database)
    others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> all(%s)"
    ours = [pid for (pid,) in sql("select pid from pg_stat_activity where application_name = 'workflow'")]
    for _ in range(6):
        process = start(database, GROUP, 1_000_000)
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        said = re.findall(r"^(begin|end) (\d+)$", process.communicate()[0], re.MULTILINE)
        acknowledged = max([number, *(int(n) for word, n in said if word == "end")])
        cut += said[-1:] != [("end", str(acknowledged))]
        while sql(others, ours)[0][0] > 1:  # that who asks is one of them
            time.sleep(0.01)
        number = check(storage, acknowledged)
        ours = [pid for (pid,) in sql("select pid from pg_stat_activity where application_name = 'workflow'")]
    assert number > 0
    assert cut > 0, "no commit was ever under way: the test proves nothing"


def test_what_is_said_is_true_when_the_server_crashes(make, mortal):
    """Commits from some threads all the while; each is there if it said so, and not if it said not."""
    storage, enough, outcomes = make(mortal.get_uri()), threading.Event(), {}

    def commit(worker):
        for number in range(1_000_000):
            if enough.is_set():
                return
            id = f"{worker}-{number:06}"
            steps = [Step(running(f"{id}-{n}"), create=True, facts=[Fact(1, 1, "x")]) for n in range(5)]
            try:
                outcomes[id] = "refused" if storage.commit(steps) else "done"
            except Unavailable as error:
                outcomes[id] = "unknown" if "is not known" in error.message else "not done"

    threads = [threading.Thread(target=commit, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        done = sum(outcome == "done" for outcome in list(outcomes.values()))
        deadline = time.monotonic() + PATIENCE
        while sum(outcome == "done" for outcome in list(outcomes.values())) < done + 20:
            assert time.monotonic() < deadline, "nothing is committed any more"
            time.sleep(0.005)
        mortal.crash()
    enough.set()
    for thread in threads:
        thread.join(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while said := storage.health():  # for a moment after a failure nobody tries again
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
    there = {record.id for record in storage.executions(ExecutionQuery(limit=1_000_000))}
    for id, outcome in outcomes.items():
        parts = [f"{id}-{n}" in there for n in range(5)]
        assert len(set(parts)) == 1, "half of a group"
        assert (outcome, parts[0]) in {
            ("done", True),
            ("not done", False),
            ("unknown", True),
            ("unknown", False),
        }
    found = list(outcomes.values())
    assert found.count("done") >= 80
    assert found.count("not done") > 0, "no crash hit a commit: the test proves nothing"
