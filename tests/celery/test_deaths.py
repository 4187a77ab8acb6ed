"""Workers and the broker are killed; nothing is lost, nothing is done twice."""

import time

import pytest

from tests.crash.fleet import kill, trouble


@pytest.mark.timeout(300)
def test_a_broker_and_its_workers_die(fleet, sink, stored, broker):
    more = {"dispatchers": {"celery": {"broker": broker.url, "queue": broker.queue, "resend": "1s"}}}
    servers = [fleet(role, more=more, dispatcher="celery") for role in ("api", "worker", "worker")]

    def harm(victim, number):
        if number % 2:
            broker.kill()
            time.sleep(0.5)
            broker.start()
        else:
            kill(victim, number)

    trouble(servers, servers[1:], sink, stored, harm)
