"""A server is killed while it records many executions; the same request again completes them."""

import json
import threading
import time

import pytest

from tests.crash.clients import wait

PATH = "/api/v1/workflows/default/chain/executions/batch"
#: More than one group of the owner, so that there is something between.
MANY = 1000


def submit(server, answers):
    asked = [{"key": f"row/{number}"} for number in range(MANY)]
    try:
        answers.append(server.call("POST", PATH, json.dumps({"executions": asked}).encode()))
    except (OSError, ValueError):  # no answer, or half of one
        answers.append(None)


@pytest.mark.parametrize("moment", ["any", "any", "some have begun", "some have begun"])
def test_killed_in_the_middle_of_a_batch(server, historian, chance, moment):
    server.start()
    server.apply("id: chain\ntasks:\n  a: {type: core/set}\n")
    answers = []
    asking = threading.Thread(target=submit, args=(server, answers))
    asking.start()
    if moment == "any":
        time.sleep(chance.uniform(0.0, 0.6))
    else:
        wait(lambda: server.call("GET", "/api/v1/server")[1]["executions"])
    server.kill()
    asking.join()
    if answers[0] is not None:
        assert answers[0][0] == 201
        historian.accepted.update(one["id"] for one in answers[0][1]["executions"])
    left = historian.look(killed=True).executions
    assert left or moment == "any"
    server.start()
    answers.clear()
    submit(server, answers)
    status, answer = answers[0]
    begun = answer["executions"]
    assert status == (201 if len(left) < MANY else 200)
    assert len({one["id"] for one in begun}) == MANY
    assert sum(not one["created"] for one in begun) == len(left), "what had begun has not begun again"
    historian.accepted.update(one["id"] for one in begun)
    wait(lambda: all_ended(server))
    assert server.terminate()[0] == 0
    historian.finish(without="chain")


def all_ended(server):
    return server.call("GET", "/api/v1/server")[1]["executions"].get("SUCCESS") == MANY
