"""Servers that run tasks for each other are killed and halted; nothing is lost, nothing is done twice."""

import contextlib
import os
import random
import signal
import time
from functools import partial

import pytest

from tests.broker import broker_in
from tests.crash.clients import wait
from tests.crash.conftest import Server
from tests.crash.test_nodes_postgres import LEASE, check, halt
from tests.storages import KIND

pytestmark = [
    pytest.mark.skipif(KIND != "postgres", reason="SQLite belongs to one server"),
    pytest.mark.timeout(300),
]
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


@pytest.mark.parametrize("harm", [kill, stand_still])
def test_workers_behind_an_api_server_die_and_halt(fleet, sink, stored, harm):
    servers = [fleet("api"), fleet("worker"), fleet("worker")]
    trouble(servers, servers[1:], sink, stored, harm)


@pytest.mark.parametrize("harm", [kill, stand_still])
def test_owners_of_what_others_run_die_and_halt(fleet, sink, stored, harm):
    """The first server owns all, and the second runs most of it."""
    servers = [fleet("api"), fleet("all", 1), fleet("worker", 6, maxConcurrentWorkflows=50)]
    trouble(servers, servers[1:2], sink, stored, harm)


def test_a_broker_and_its_workers_die(fleet, sink, stored, tmp_path):
    with broker_in(tmp_path / "broker") as broker:
        more = {"dispatchers": {"celery": {"broker": broker.url, "resend": "1s"}}}
        servers = [fleet(role, more=more, dispatcher="celery") for role in ("api", "worker", "worker")]

        def harm(victim, number):
            if number % 2:
                broker.kill()
                time.sleep(0.5)
                broker.start()
            else:
                kill(victim, number)

        trouble(servers, servers[1:], sink, stored, harm)
