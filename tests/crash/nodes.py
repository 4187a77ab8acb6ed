"""Several servers on one database, and what must be true of it when they have gone."""

import os
import signal
import time
from collections import defaultdict
from contextlib import contextmanager

from tests.crash.conftest import Server, check_facts

LEASE = 1.0


@contextmanager
def nodes(directory, sink, stored, count, lease):
    """So many servers, not started, each with its own directory, all on the database of the first."""
    made = []
    for number in range(count):
        home = directory / f"node{number}"
        home.mkdir()
        server = Server(home, sink, stored)
        server.settings |= (
            {"dataDir": str(server.data), "storage": made[0].settings["storage"]} if made else {}
        )
        server.settings["execution"] |= {"lease": f"{lease}s"}
        made.append(server)
    try:
        yield made
    finally:
        for server in made:
            if server.process is not None and server.process.poll() is None:
                os.kill(server.process.pid, signal.SIGCONT)
            server.close()


def halt(server, seconds):
    """Its process stands still for so long, and does not know of it."""
    os.kill(server.process.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(server.process.pid, signal.SIGCONT)


def still_open(server):
    """How many executions have not ended, as this server says."""
    counts = server.call("GET", "/api/v1/server")[1]["executions"]
    return sum(counts.get(state, 0) for state in ("PENDING", "RUNNING", "WAITING"))


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
