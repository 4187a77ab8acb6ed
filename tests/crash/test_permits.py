"""A server with limits is killed again and again: never more hold a permit than may, and none is lost."""

import pytest

from tests.crash.clients import wait
from tests.crash.permits import PAY, alone, check_permits, paying


@pytest.mark.timeout(300)
def test_permits_of_a_server_that_is_killed(server, sink, stored, chance):
    server.settings["execution"] |= {"limits": {"pay": PAY}}
    sink.delay = lambda: chance.uniform(0.005, 0.03)
    server.start()
    server.apply(paying(sink, 6))
    server.apply(alone(sink, 3))
    ids = []
    for _ in range(12):
        effects = len(sink.effects) + chance.randint(3, 8)  # of the twelve that follow
        ids += [server.submit("paying"), server.submit("alone"), server.submit("alone")]
        wait(lambda many=effects: len(sink.effects) >= many, "it does not go on", 60)
        server.kill()
        server.start()
    wait(lambda: all(server.state(id) == "SUCCESS" for id in ids), "they do not come to an end", 120)
    assert server.terminate()[0] == 0
    check_permits(stored, server.data)
