"""The database under two servers crashes, or ends their connections, and again; they go on by themselves."""

import time
from contextlib import ExitStack, closing
from types import SimpleNamespace

import psycopg2
import pytest

from tests.crash.clients import clients, wait
from tests.crash.nodes import check, nodes, still_open
from tests.storages import KIND, PostgresDatabases

pytestmark = pytest.mark.skipif(KIND != "postgres", reason="about the server of PostgreSQL")
END_ALL = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'workflow'"


@pytest.fixture
def stored(mortal):
    with ExitStack() as stack:
        yield PostgresDatabases(mortal.get_uri(), stack)


@pytest.fixture
def servers(tmp_path, sink, stored):
    with nodes(tmp_path, sink, stored, 2, lease=5) as made:
        yield made


def crashes(mortal):
    return mortal.crash


def ends_connections(mortal):
    """Every connection of the product is ended by the database."""

    def act():
        with closing(psycopg2.connect(mortal.get_uri())) as db:
            db.autocommit = True
            cursor = db.cursor()
            cursor.execute(END_ALL)
            assert cursor.fetchall(), "nobody was connected: the test proves nothing"

    return act


def trouble(servers, sink, stored, chance, act, rounds):
    """Clients submit at both servers, with keys, while ``act`` happens every second or so."""
    sink.delay = lambda: chance.uniform(0.005, 0.03)
    for server in servers:
        server.start()
    servers[0].apply(sink.chain(6))
    chain = "/api/v1/workflows/default/chain"
    wait(lambda: all(server.call("GET", chain)[0] == 200 for server in servers), "it is unknown")
    heard = SimpleNamespace(accepted=set())
    with clients(servers[0], heard, 2), clients(servers[1], heard, 2):
        for _ in range(rounds):
            count = len(heard.accepted)
            wait(lambda count=count: len(heard.accepted) > count + 3, "nothing is accepted any more")
            time.sleep(chance.uniform(0, 1.0))
            act()
    wait(lambda: _quiet(servers), "they do not come to an end", 90)
    for server in servers:
        assert server.terminate()[0] == 0, server.log()
    check(stored, servers[0].data, sink, heard.accepted)


@pytest.mark.parametrize("busy", [1, 3])
def test_an_outage_that_is_longer_than_the_lease(tmp_path, sink, stored, mortal, busy):
    """Nobody could renew its lease, so nobody is dead: no task runs again, and all go on where they are."""
    sink.delay = lambda: 5
    with nodes(tmp_path, sink, stored, 3, lease=3) as servers:
        outlive(servers, busy, sink, stored, mortal)


def outlive(servers, busy, sink, stored, mortal):
    for server in servers:
        server.start()
    servers[0].apply(sink.chain(1))
    chain = "/api/v1/workflows/default/chain"
    wait(lambda: all(server.call("GET", chain)[0] == 200 for server in servers), "it is unknown")
    ids = [server.submit() for server in servers[:busy] for _ in range(3)]
    wait(lambda: len(sink.effects) == len(ids), "they do not begin")
    mortal.crash(8)
    wait(lambda: _quiet(servers), "they do not come to an end", 60)
    time.sleep(2)  # each has beaten since
    for server in servers:
        assert server.terminate()[0] == 0, server.log()
        assert "took this one for dead" not in server.log()
    check(stored, servers[0].data, sink, set(ids))
    assert set(sink.counts().values()) == {1}, "what was done is done again"


def _quiet(servers):
    try:
        return all(still_open(server) == 0 for server in servers)
    except (OSError, KeyError):  # it has not come back to its database yet
        return False


@pytest.mark.parametrize("what", [crashes, ends_connections])
def test_the_database_under_two_servers(servers, sink, stored, chance, mortal, what):
    trouble(servers, sink, stored, chance, what(mortal), 5)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("what", [crashes, ends_connections])
def test_the_database_under_two_servers_at_length(servers, sink, stored, chance, mortal, what, at_length):
    trouble(servers, sink, stored, chance, what(mortal), at_length(100))
