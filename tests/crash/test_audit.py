"""A server that is killed in the middle of acts: what was done is in the log, what is in the log was done."""

import http.client
import json
import threading
import time

FLOW = "id: switched\ntasks:\n  a: {type: core/set}\n"
SWITCH = "/api/v1/workflows/default/switched"


def switch(server, done, stopped):
    """Turn the workflow on and off until the server is gone; what was answered goes into ``done``."""
    for number in range(100_000):
        act = ("disable", "enable")[number % 2]
        if stopped.is_set():
            return
        try:
            status, _ = server.call("POST", f"{SWITCH}/{act}", b"{}")
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return
        if status == 200:
            done.append(f"workflow.{act}")


def entries(server):
    found, after = [], 0
    (log,) = server.call("GET", "/api/v1/audit/verify")[1]["servers"]
    place = log["server"].replace("/", "%2F")
    while True:
        page = server.call("GET", f"/api/v1/audit/entries?server={place}&after={after}")[1]
        if not page["entries"]:
            return found
        found += page["entries"]
        after = page["next"]


def test_acts_and_their_entries_survive_kills_together(server, chance):
    server.start()
    server.apply(FLOW)
    answered = 0
    for _ in range(8):
        done, stopped = [], threading.Event()
        thread = threading.Thread(target=switch, args=(server, done, stopped))
        thread.start()
        time.sleep(chance.uniform(0.1, 0.5))
        server.kill()
        stopped.set()
        thread.join()
        server.start()
        status, verified = server.call("GET", "/api/v1/audit/verify")
        assert (status, verified["valid"]) == (200, True), verified
        told = [one["action"] for one in entries(server) if one["action"].startswith("workflow.")]
        switches = [action for action in told if action != "workflow.apply"]
        answered += len(done)
        assert len(switches) >= answered, "what was answered is not in the log"
        enabled = server.call("GET", SWITCH)[1]["enabled"]
        assert enabled is (told[-1] != "workflow.disable"), "the log says other than what was done"
        answered = len(switches)
    assert answered > 20, "the test proves little"
