"""Clients that are slow, broken or hostile: the server goes on answering everybody else."""

import contextlib
import json
import resource
import socket
import subprocess
import sys
import time

import pytest

from tests import forks


@contextlib.contextmanager
def raw(client, *, timeout=20):
    with socket.create_connection((client.host, client.port), timeout=timeout) as made:
        yield made


def exchange(client, data):
    """All that the server answers to these bytes, until it closes."""
    with raw(client) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            return answer.read()


def parse(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, json.loads(body)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"GARBAGE\r\n\r\n", 400, "usage"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n", 400, "usage"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", 400, "usage"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "usage"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400, "usage"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"POST /hooks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413, "too_large"),
    ],
)
def test_what_is_not_http(server, data, status, code):
    found, headers, body = parse(exchange(server, data))
    assert (found, body["error"]["code"]) == (status, code)
    assert set(body["error"]) == {"code", "message", "remedy"}
    assert headers["content-type"] == "application/json"
    assert "server" not in headers


def test_too_large_in_chunks(start):
    server = start(server__maxBody="10KiB")
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    head = b"POST /hooks/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    status, _, body = parse(exchange(server, head + chunk * 3 + b"0\r\n\r\n"))
    assert (status, body["error"]["code"]) == (413, "too_large")
    answer = server.post("/hooks/x", b"x" * 10 * 1024, kind="text/plain")
    assert answer.status == 404, "exactly the limit is taken"
    assert server.post("/hooks/x", b"x" * (10 * 1024 + 1), kind="text/plain").status == 413


def test_who_sends_too_much_is_told(start):
    """The refusal comes before the body has been read, and still arrives."""
    server = start(server__maxBody="10KiB")
    for _ in range(5):
        answer = server.post("/api/v1/workflows/default/quick/executions", b"x" * 8_000_000)
        assert (answer.status, answer.code) == (413, "too_large")
        assert answer.headers["connection"] == "close"


def test_who_goes_on_after_a_refusal_is_cut_off(start):
    server = start(server__maxBody="10KiB", server__channelTimeout="1s")
    with raw(server) as connection:
        connection.sendall(b"POST /hooks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        begun = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - begun < 15:
                connection.sendall(b"x" * 1000)
                time.sleep(0.05)
    assert time.monotonic() - begun < 8


def test_one_connection_many_requests(server):
    connection = server.connect()
    with contextlib.closing(connection):
        used = set()
        for path in ["/healthz", "/api/v1/server", "/api/v1/nothing", "/healthz"] * 5:
            connection.request("GET", path, headers={"Authorization": f"Bearer {server.token}"})
            used.add(connection.sock.getsockname())
            connection.getresponse().read()
    assert len(used) == 1


def test_pipelined_requests_are_answered_in_order(server):
    one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    two = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = exchange(server, one * 3 + two)
    assert answer.count(b"HTTP/1.1 200 OK") == 4
    assert answer.index(b'{"status":"ok"}') < answer.index(b'"ready"')


def test_head_and_body_come_in_one_piece(server):
    with raw(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).endswith(b'{"status":"ok"}')


def test_200_half_open_sockets(server):
    with contextlib.ExitStack() as stack:
        for number in range(200):
            connection = stack.enter_context(raw(server))
            if number % 2:
                connection.sendall(b"POST /api/v1/executions HTTP/1.1\r\nContent-Length: 100\r\n")
        begun = time.monotonic()
        for _ in range(20):
            assert server.get("/healthz").status == 200
        assert server.submit("quick", wait=5)["state"] == "SUCCESS"
        assert time.monotonic() - begun < 5


def test_idle_connections_make_room(start, eventually):
    """As many silent sockets as the server takes: after the timeout, others get their turn."""
    server = start(server__connections="20", server__channelTimeout="1s")
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(raw(server))
        begun = time.monotonic()
        assert server.get("/healthz").status == 200
        assert time.monotonic() - begun < 8


@pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="this system does not tell the limits of a process"
)
def test_connections_not_files_are_what_runs_out(start):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        pytest.skip("there is no limit here")
    wanted = soft + 100
    server = start(server__connections=str(wanted))
    found, _ = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    assert found >= (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))


@pytest.mark.parametrize(
    "head",
    [b"GET /healthz HTTP/1.1\r\nX: ", b"POST /hooks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"],
)
def test_a_request_that_trickles_is_cut_off(start, head):
    server = start(server__channelTimeout="1s")
    with raw(server) as connection:
        connection.sendall(head)
        begun = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - begun < 15:
                connection.sendall(b"x")
                time.sleep(0.1)
    assert 1 <= time.monotonic() - begun < 8


def test_a_client_that_does_not_read_gives_its_thread_back(inside, monkeypatch, eventually):
    """A stream to a client that takes nothing fills the buffers and blocks its thread, but not for ever."""
    fact = {"seq": 1, "at": None, "kind": "log", "task": "", "attempt": 0, "body": {"message": "x" * 100_000}}
    with inside(server__channelTimeout="1s", server__threads="4") as client:
        client.apply(client.slow)
        id = client.submit("slow")["id"]
        monkeypatch.setattr(type(client.app.executions), "facts", lambda *_: [fact])
        request = f"GET /api/v1/executions/{id}/events HTTP/1.1\r\nHost: x\r\n"
        request += f"Authorization: Bearer {client.token}\r\n\r\n"
        with raw(client) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(request.encode())
            eventually(lambda: client.site.parking.taken == 1)
            eventually(lambda: client.site.parking.taken == 0, seconds=15)
        assert client.get("/healthz").status == 200


def test_a_client_that_leaves_before_its_answer(server, eventually):
    for _ in range(30):
        with raw(server) as connection:
            connection.sendall(
                f"POST /api/v1/workflows/default/quick/executions?wait=2 HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {server.token}\r\n\r\n".encode()
            )
    eventually(lambda: "workflow_http_parked 0" in server.get("/metrics").body.decode())
    assert server.submit("quick", wait=5)["state"] == "SUCCESS"


def test_forwarded_headers_are_believed_from_the_proxy_alone(start):
    task = "{type: core/log, inputs: {message: x}}"
    hook = f"id: who\ntrigger: {{webhook: {{path: /who, auth: none}}}}\ntasks:\n  a: {task}\n"
    forged = {"X_Forwarded_For": "203.0.113.9", "X_Forwarded_Proto": "https"}
    for name, settings, believed in (
        ("plain", {}, False),
        ("proxied", {"server__trustedProxy": "127.0.0.1"}, True),
    ):
        server = start(name, **settings)
        server.apply(hook)
        id = server.post("/hooks/who", {}, token="", **forged).json["execution"]
        headers = server.get(f"/api/v1/executions/{id}").json["trigger"]["headers"]
        assert ("x-forwarded-for" in headers) == believed


@pytest.mark.parametrize(
    ("host", "proxy", "warned"),
    [("0.0.0.0", None, True), ("0.0.0.0", "10.0.0.1", False), ("127.0.0.1", None, False)],
)
def test_a_server_that_is_open_to_a_network_says_so(tmp_path, host, proxy, warned):
    """Nobody should send tokens in plain text without knowing."""
    config = tmp_path / "c.yaml"
    named = f", trustedProxy: {proxy}" if proxy else ""
    config.write_text(f"server: {{host: {host}, port: 0{named}}}\nstorage: {{path: {tmp_path}/db.sqlite}}\n")
    command = [sys.executable, "-m", "wfcore", "server", "start", "--config", str(config)]
    with forks.start(command, stderr=subprocess.PIPE, text=True) as server:
        lines = []
        for line in server.stderr:
            lines.append(line)
            if "listening on" in line:
                break
        server.terminate()
        lines += server.stderr.readlines()
    assert any("without TLS" in line for line in lines) is warned
