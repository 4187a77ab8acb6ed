"""Servers that share limits are killed, and halted beyond their lease: never more hold a permit than may."""

from functools import partial

import pytest

from tests.crash.clients import wait
from tests.crash.fleet import ended, finish, kill, stand_still
from tests.crash.fleet import fleet as fleet
from tests.crash.permits import PAY, alone, check_permits, paying
from tests.storages import KIND

pytestmark = [
    pytest.mark.skipif(KIND != "postgres", reason="SQLite belongs to one server"),
    pytest.mark.timeout(300),
]


@pytest.mark.parametrize("harm", [kill, stand_still])
def test_permits_of_servers_that_die_and_halt(fleet, sink, stored, chance, harm):
    servers = [fleet(role, limits={"pay": PAY}) for role in ("all", "all", "worker")]
    front = servers[0]
    sink.delay = lambda: chance.uniform(0.01, 0.08)
    front.apply(paying(sink, 6))
    front.apply(alone(sink, 3))
    ids = []
    for number in range(6):
        effects = len(sink.effects) + chance.randint(3, 8)  # of the twelve that follow
        ids += [front.submit("paying"), servers[1].submit("alone"), front.submit("alone")]
        wait(lambda many=effects: len(sink.effects) >= many, "it does not go on", 60)
        harm(servers[1 + number % 2], number)
    wait(partial(ended, front, ids), "they do not come to an end", 120)
    finish(servers, stored, sink, ids)
    check_permits(stored, front.data)
