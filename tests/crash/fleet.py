"""Servers of several roles on one database, and what they do for each other while they die and halt."""

import contextlib
import os
import random
import signal
import time
from functools import partial

import pytest

from tests.crash.clients import wait
from tests.crash.conftest import Server
from tests.crash.nodes import LEASE, check, halt

WIDTH = 12


def fan(sink):
    return "id: fan\ntasks:\n" + "".join(sink.task(f"t{n:02}") for n in range(WIDTH))


@pytest.fixture
def fleet(tmp_path, sink, stored):
    """Makes servers on one database, each with a role and room for few tasks."""
    made = []

    def server(role, tasks=3, **settings):
        directory = tmp_path / f"node{len(made)}"
        directory.mkdir()
        one = Server(directory, sink, stored)
        if made:
            one.settings |= {"dataDir": str(one.data), "storage": made[0].settings["storage"]}
        one.settings["server"] |= {"role": role}
        one.settings["execution"] |= {"lease": f"{LEASE}s", "maxConcurrentTasks": tasks}
        one.settings |= settings.pop("more", {})
        one.settings["execution"] |= settings
        made.append(one)
        one.start()
        return one

    yield server
    for one in made:
        if one.process is not None and one.process.poll() is None:
            os.kill(one.process.pid, signal.SIGCONT)
        one.close()


def ended(server, ids):
    return all(server.state(id) == "SUCCESS" for id in ids)


def finish(fleet_, stored, sink, ids):
    """All come to their end; the servers stop; what is left is right."""
    wait(lambda: ended(fleet_[0], ids), "they do not come to an end", 120)
    for server in fleet_:
        assert server.terminate()[0] == 0, server.log()
    check(stored, fleet_[0].data, sink, set(ids))
    with stored.frozen(fleet_[0].data) as rows:
        assert rows("select * from offer") == []


def runs_something(server):
    return server.call("GET", "/api/v1/server")[1]["running_tasks"] > 0


def trouble(servers, victims, sink, stored, harm, rounds=4):
    front = servers[0]
    sink.delay = lambda: random.uniform(0.05, 0.15)
    front.apply(fan(sink))
    ids = []
    for number in range(rounds):
        ids += [front.submit("fan") for _ in range(2)]
        victim = victims[number % len(victims)]
        with contextlib.suppress(AssertionError):  # its work may be over already
            wait(partial(runs_something, victim), seconds=5)
        harm(victim, number)
        wait(partial(ended, front, ids), "they do not come to an end", 90)
    finish(servers, stored, sink, ids)


def kill(victim, number):
    victim.kill()
    if number % 2:
        time.sleep(2 * LEASE)
    victim.start()


def stand_still(victim, _number):
    halt(victim, 2.5 * LEASE)
