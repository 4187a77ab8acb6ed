"""Three servers on one PostgreSQL are killed, halted beyond their lease, started again; nothing is lost."""

import time

import pytest

from tests.crash.clients import wait
from tests.crash.nodes import LEASE, check, halt, nodes, still_open
from tests.storages import KIND

pytestmark = pytest.mark.skipif(KIND != "postgres", reason="SQLite belongs to one server")
SERVERS = 3


@pytest.fixture
def servers(tmp_path, sink, stored):
    """Each with a directory of its own, all on the database of the first."""
    with nodes(tmp_path, sink, stored, SERVERS, LEASE) as made:
        yield made


def taken(server):
    """The id of a new execution; None while the server finds out that the others took it for dead."""
    status, answer = server.call("POST", "/api/v1/workflows/default/chain/executions", {})
    assert status in (201, 503), answer
    return answer.get("id")


def test_new_servers_tell_that_each_has_a_token_of_its_own(servers):
    """Each has made one for itself, and the tokens of webhooks follow from it."""
    for server in servers[:2]:
        server.start()
    (first, second) = servers[0].call("GET", "/api/v1/server")[1]["nodes"]
    assert (first["differs"], second["differs"]) == ([], ["admin.token"])
    for server in servers[:2]:
        assert "has another admin.token" in servers[1].log()
        assert server.terminate()[0] == 0


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
        accepted |= {wait(lambda to=to: taken(to)) for to in servers for _ in range(2)}
        victim = chance.choice(servers)
        time.sleep(chance.uniform(0, 0.3))
        if chance.random() < 0.5:
            victim.kill()
            time.sleep(chance.choice([0, 2 * LEASE]))
            victim.start()
        else:
            halt(victim, chance.choice([0.2, 2.5 * LEASE]))
        asked = chance.choice(servers)
        wait(lambda of=asked: still_open(of) == 0, "they do not come to an end", 90)
    wait(lambda: still_open(servers[0]) == 0, "they do not come to an end", 90)
    for server in servers:
        assert server.terminate()[0] == 0
    check(stored, servers[0].data, sink, accepted)


def test_three_servers_are_killed_and_halted(servers, sink, stored, chance):
    trouble(servers, sink, stored, chance, 8)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_three_servers_are_killed_and_halted_at_length(servers, sink, stored, chance, at_length):
    trouble(servers, sink, stored, chance, at_length(100))
