"""Three servers on one PostgreSQL are killed, halted beyond their lease, started again; nothing is lost."""

import os
import signal
import time
from collections import defaultdict

import pytest

from tests.crash.clients import wait
from tests.crash.conftest import Server, check_facts
from tests.storages import KIND

pytestmark = pytest.mark.skipif(KIND != "postgres", reason="SQLite belongs to one server")
LEASE = 1.0
SERVERS = 3


@pytest.fixture
def servers(tmp_path, sink, stored):
    """Each with a directory of its own, all on the database of the first."""
    made = []
    for number in range(SERVERS):
        directory = tmp_path / f"node{number}"
        directory.mkdir()
        server = Server(directory, sink, stored)
        server.settings |= (
            {"dataDir": str(server.data), "storage": made[0].settings["storage"]} if made else {}
        )
        server.settings["execution"] |= {"lease": f"{LEASE}s"}
        made.append(server)
    yield made
    for server in made:
        if server.process is not None and server.process.poll() is None:
            os.kill(server.process.pid, signal.SIGCONT)
        server.close()


def halt(server, seconds):
    """Its process stands still for so long, and does not know of it."""
    os.kill(server.process.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(server.process.pid, signal.SIGCONT)


def check(stored, data, sink, accepted):
    """Every accepted execution has ended well, once, with a history that tells so."""
    with stored.frozen(data) as rows:
        executions = {row["id"]: row for row in rows("select * from execution")}
        tasks = rows("select * from task")
        facts = defaultdict(list)
        for row in rows("select * from fact order by execution, seq"):
            facts[row["execution"]].append(tuple(row.values()))
        assert rows("select * from node") == [], "all have left"
    assert accepted <= executions.keys(), "an accepted execution is lost"
    assert {row["state"] for row in executions.values()} == {"SUCCESS"}
    assert {row["state"] for row in tasks} == {"SUCCESS"}
    for id, row in executions.items():
        check_facts(id, facts[id], row)
        ends = [path for _, _, _, kind, path, *_ in facts[id] if kind == "task.finished"]
        assert len(ends) == len(set(ends)), "a task has two ends"
    keys = defaultdict(set)
    for effect in list(sink.effects):
        keys[effect.execution, effect.task].add(effect.key)
    assert keys.keys() == {(row["execution"], row["path"]) for row in tasks}
    assert all(len(each) == 1 for each in keys.values()), "an attempt had another idempotency key"
    attempts = {(row["execution"], row["path"]): row["attempt"] for row in tasks}
    assert all(count <= attempts[at] for at, count in sink.counts().items()), "an effect without an attempt"


def trouble(servers, sink, stored, chance, rounds):
    sink.delay = lambda: chance.uniform(0.01, 0.05)
    for server in servers:
        server.start()
    servers[0].apply(sink.chain(8))
    wait(
        lambda: all(s.call("GET", "/api/v1/workflows/default/chain")[0] == 200 for s in servers),
        "it is unknown",
    )
    accepted = set()
    for _ in range(rounds):
        accepted |= {server.submit() for server in servers for _ in range(2)}
        victim = chance.choice(servers)
        time.sleep(chance.uniform(0, 0.3))
        if chance.random() < 0.5:
            victim.kill()
            time.sleep(chance.choice([0, 2 * LEASE]))
            victim.start()
        else:
            halt(victim, chance.choice([0.2, 2.5 * LEASE]))
        asked = chance.choice(servers)
        wait(lambda of=asked: _open(of) == 0, "they do not come to an end", 90)
    wait(lambda: _open(servers[0]) == 0, "they do not come to an end", 90)
    for server in servers:
        assert server.terminate()[0] == 0
    check(stored, servers[0].data, sink, accepted)


def _open(server):
    counts = server.call("GET", "/api/v1/server")[1]["executions"]
    return sum(counts.get(state, 0) for state in ("PENDING", "RUNNING", "WAITING"))


def test_three_servers_are_killed_and_halted(servers, sink, stored, chance):
    trouble(servers, sink, stored, chance, 8)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_three_servers_are_killed_and_halted_at_length(servers, sink, stored, chance, at_length):
    trouble(servers, sink, stored, chance, at_length(100))
