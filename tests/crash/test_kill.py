"""The server is killed at random moments, again and again; what it promised holds."""

import json
import time

import pytest

from tests.crash.clients import clients, wait
from wfcore.engine.machine import MAX_LOSSES
from wfcore.model.execution import TERMINAL

HOOK = "trigger: {webhook: {path: /go, auth: none}}\n"
EVERY_MINUTE = "id: minutely\ntrigger: {cron: '* * * * *'}\ntasks:\n  a: {type: core/set}\n"
#: Seconds after it is ready in which a server goes on by itself.
SOON = 1.0


def spare_the_often_lost(server, snapshot):
    """Let those get to their end that were lost so often that once more would rightly fail them."""
    for (execution, path), row in snapshot.tasks.items():
        losses = row["losses"] + (row["state"] == "RUNNING")
        if losses >= MAX_LOSSES - 1 and row["state"] not in TERMINAL:
            wait(lambda id=execution, path=path: server.task(id, path)["state"] in TERMINAL)


def kill_a_chain(server, sink, historian, chance, kills):
    sink.delay = lambda: chance.uniform(0.005, 0.04)
    server.start()
    server.apply(sink.chain(40, head=HOOK))
    server.apply(EVERY_MINUTE)
    status, answer = server.call("POST", "/hooks/go", json.dumps({"n": 0}).encode())
    assert status == 202
    chains = [answer["execution"]]
    historian.accepted.update(chains)
    in_the_middle, snapshot = 0, historian.last
    for _ in range(kills):
        spare_the_often_lost(server, snapshot)
        time.sleep(chance.uniform(0, 0.6))
        server.kill()
        snapshot = historian.look(killed=True)
        state = snapshot.executions[chains[-1]]["state"]
        killed_at = time.monotonic()
        ready_at = server.start()
        if state == "RUNNING":
            in_the_middle += 1
            first = wait(lambda at=killed_at: next((e for e in list(sink.effects) if e.at > at), None))
            assert first.execution == chains[-1]
            assert first.at < ready_at + SOON, "it did not go on by itself"
        else:
            chains.append(server.call("POST", "/hooks/go", b"{}")[1]["execution"])
            historian.accepted.add(chains[-1])
    for chain in chains:
        wait(lambda chain=chain: server.state(chain) == "SUCCESS")
    assert server.terminate()[0] == 0
    end = historian.finish(without="minutely")
    assert in_the_middle >= kills * 0.6, "too few kills hit a running chain: the test proves little"
    for chain in chains:
        assert sum(execution == chain for execution, _ in end.tasks) == 40
    ticks = [row["trigger"] for row in end.executions.values() if row["workflow"] == "minutely"]
    assert len(ticks) == len(set(ticks)), "a tick fired twice"


def test_a_chain_survives_twenty_kills(server, sink, historian, chance):
    kill_a_chain(server, sink, historian, chance, 20)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_chain_survives_many_kills(server, sink, historian, chance, at_length):
    kill_a_chain(server, sink, historian, chance, at_length(300))


def kill_under_load(server, sink, historian, chance, kills):
    """Clients submit with keys and ask again when the server is gone; the server dies all the while."""
    sink.delay = lambda: chance.uniform(0.01, 0.06)
    server.settings["execution"]["maxConcurrentTasks"] = 8
    server.start()
    server.apply(sink.chain(5))
    in_flight, snapshot = [], historian.last
    with clients(server, historian, 4) as ids:
        for _ in range(kills):
            spare_the_often_lost(server, snapshot)
            time.sleep(chance.uniform(0, 0.5))
            server.kill()
            snapshot = historian.look(killed=True)
            in_flight.append(len(snapshot.running()))
            server.start()
    for id in ids.values():
        wait(lambda id=id: server.state(id) not in ("PENDING", "RUNNING", "WAITING"))
    assert server.terminate()[0] == 0
    end = historian.finish()
    assert end.executions.keys() == set(ids.values()), "one key, one execution"
    assert len(ids) == len(set(ids.values())) >= 2 * kills
    assert max(in_flight) <= 8
    assert sum(in_flight) >= 2 * kills, "few kills hit many tasks: the test proves little"


def test_many_executions_survive_kills(server, sink, historian, chance):
    kill_under_load(server, sink, historian, chance, 10)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_very_many_executions_survive_many_kills(server, sink, historian, chance, at_length):
    kill_under_load(server, sink, historian, chance, at_length(150))
