"""Starting and stopping a real process: graceful, quick, and never two on one data directory."""

import contextlib
import json
import signal
import socket
import stat
import subprocess
import time

import pytest

from wfcore.service.lock import read_lock

WORK = """
id: work
tasks:
  a: {type: core/wait, inputs: {for: 1s}}
  b: {type: core/log, needs: [a], inputs: {message: done}}
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_stops_at_once(start, number):
    server = start()
    with socket.create_connection((server.host, server.port)):
        server.signal(number)
        code, seconds = server.wait()
    assert code == 0, server.output
    assert seconds < 5
    assert read_lock(server.data_dir) is None
    assert "Traceback" not in server.output
    assert "stopped" in server.output


def test_stop_through_the_api(start):
    server = start()
    answer = server.post("/api/v1/server/stop")
    assert (answer.status, answer.json) == (202, {"stopping": True})
    code, seconds = server.wait()
    assert code == 0
    assert seconds < 5


def test_streams_and_polls_end_with_the_server(start, in_background):
    server = start()
    server.apply(server.slow)
    id = server.submit("slow", wait=0.5)["id"]
    seen = server.get(f"/api/v1/executions/{id}/facts").json["next"]
    poll = in_background(server.get, f"/api/v1/executions/{id}/facts?after={seen}&wait=20")
    submission = in_background(server.submit, "slow", wait=10)
    with server.stream(id, last=seen) as response:
        assert response.readline() == b"retry: 500\n"
        time.sleep(0.3)
        server.signal()
        assert list(server.events(response)) == [], "it ends cleanly, in the middle of no chunk"
    assert poll.result().json["facts"] == []
    assert submission.result()["state"] in ("RUNNING", "WAITING")
    code, seconds = server.wait()
    assert code == 0, server.output
    assert seconds < 5


def test_a_request_in_progress_is_answered(start, in_background):
    """The stop comes in between: who was accepted is answered, who came too late is not accepted."""
    server = start()
    server.apply(server.quick)
    calls = [in_background(server.submit, "quick", wait=10) for _ in range(8)]
    time.sleep(0.02)
    server.signal()
    for call in calls:
        with contextlib.suppress(ConnectionError):
            assert call.result()["state"] in ("PENDING", "RUNNING", "SUCCESS")
    assert server.wait()[0] == 0


def test_the_second_signal_ends_it_at_once(start):
    with socket.create_server(("127.0.0.1", 0)) as sink:
        url = f"http://127.0.0.1:{sink.getsockname()[1]}"
        server = start(server__stopGrace="60s", egress__allow=url)
        server.apply(f"id: hangs\ntasks:\n  a: {{type: core/http.get, inputs: {{url: '{url}/'}}}}\n")
        server.submit("hangs")
        connection, _ = sink.accept()
        with connection:
            server.signal()
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(1)
            server.signal()
            code, seconds = server.wait()
    assert code == 128 + signal.SIGTERM
    assert seconds < 5


def test_it_is_ready_or_says_that_it_is_not(inside):
    with inside() as client:
        assert client.get("/readyz", token="").json["status"] == "ready"
        client.site.stopping.set()
        answer = client.get("/readyz", token="")
        assert (answer.status, answer.json["status"]) == (503, "stopping")
        assert client.get("/healthz", token="").status == 200


def test_work_goes_on_after_a_restart(start, eventually):
    server = start()
    server.apply(WORK)
    id = server.submit("work", wait=0.3)["id"]
    server.signal()
    assert server.wait()[0] == 0
    server = start()
    eventually(lambda: server.get(f"/api/v1/executions/{id}").json["state"] == "SUCCESS")


def test_a_second_server_is_refused(start):
    first = start()
    before = first.get("/api/v1/server").json["node"]
    second = start(ready=False)
    code, seconds = second.wait()
    assert code != 0
    assert seconds < 10
    assert f"process {first.process.pid}" in second.output
    assert first.address in second.output
    assert first.get("/api/v1/server").json["node"] == before
    assert read_lock(first.data_dir).address == first.address


def test_a_taken_port_is_refused(start):
    first = start()
    second = start("other", ready=False, server__port=str(first.port))
    assert second.wait()[0] != 0
    assert f"cannot listen on 127.0.0.1:{first.port}" in second.output
    assert first.get("/healthz").status == 200


@pytest.mark.parametrize("host", ["no such host", "999.1.1.1", "host.invalid"])
def test_a_bad_host_is_refused(start, host):
    server = start(ready=False, server__host=host)
    assert server.wait()[0] != 0
    assert "server.host" in server.output


def test_after_kill_9_the_next_one_starts(start):
    first = start()
    token = first.token
    first.process.kill()
    first.wait()
    assert read_lock(first.data_dir) is None
    second = start()
    assert second.token == token, "the token stays"
    assert second.get("/api/v1/server").status == 200


def test_what_it_leaves_on_disk_is_private(start):
    server = start()
    for name in ("admin.token", "server.lock"):
        assert stat.S_IMODE((server.data_dir / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    assert server.token not in server.output


def test_an_open_token_file_keeps_it_from_starting(start):
    server = start()
    server.signal()
    server.wait()
    (server.data_dir / "admin.token").chmod(0o644)
    again = start(ready=False)
    assert again.wait()[0] != 0
    assert "other users" in again.output


def test_the_log_as_json(start):
    server = start(logging__format="json")
    server.signal()
    server.wait()
    lines = [json.loads(line) for line in server.output.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert any(server.address in line["message"] for line in lines)
