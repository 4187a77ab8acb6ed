"""Requests through the guard to real servers: pinning, redirects, limits, TLS, cancel."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from wfcore.egress.guard import Guard
from wfcore.errors import Forbidden, InvalidConfig, InvalidInput, RetryableError, TerminalError

LOCAL = "*://*:* at 127.0.0.0/8"


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard([LOCAL], default="none", resolve=lambda host: ["127.0.0.1"])
    yield guard
    guard.close()


def reading(answer: bytes) -> Callable[[socket.socket], None]:
    """A connection that takes one request head and answers with these bytes."""

    def talk(connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        connection.sendall(answer)

    return talk


def test_a_request_goes_out_as_asked_and_comes_back_whole(guard: Guard, site: Any) -> None:
    site.answer("/a", b"hello", 201, X_One="1", Content_Type="text/x")
    response = guard.request("post", site.url("/a?b=c#d"), headers={"X-A": "1"}, body=b"data")
    assert (response.status, response.body, response.url) == (201, b"hello", site.url("/a?b=c"))
    assert response.headers["x-one"] == "1"
    seen = site.seen[0]
    assert (seen.method, seen.path, seen.body) == ("POST", "/a?b=c", b"data")
    assert seen.headers["host"] == f"127.0.0.1:{site.port}"
    assert seen.headers["x-a"] == "1"
    assert seen.headers["user-agent"].startswith("workflow/")


def test_the_name_is_looked_up_once_and_the_checked_address_is_used(site: Any) -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    guard = Guard([LOCAL], default="none", resolve=lambda host: next(answers))
    assert guard.request("GET", site.url(host="re.example")).body == b"ok"
    assert site.seen[0].headers["host"] == f"re.example:{site.port}"
    with pytest.raises(Forbidden, match=r"leads to 169\.254\.169\.254"):
        guard.request("GET", site.url(host="re.example"))
    assert len(site.seen) == 1
    guard.close()


def test_addresses_are_tried_in_turn_and_those_not_granted_are_left_out(site: Any) -> None:
    found = ["10.255.255.1", "127.0.0.9", "127.0.0.1"]
    guard = Guard([LOCAL], default="none", resolve=lambda host: found)
    assert guard.check("GET", site.url(host="x.example")).addresses == ("127.0.0.9", "127.0.0.1")
    assert guard.request("GET", site.url(host="x.example"), timeout=5).status == 200
    guard.close()


def test_a_connection_is_kept_for_the_same_origin_alone(guard: Guard, site: Any) -> None:
    for host in ("a.example", "a.example", "b.example"):
        guard.request("GET", site.url(host=host))
    first, second, other = (seen.client for seen in site.seen)
    assert first == second != other


def test_a_kept_connection_that_was_closed_is_replaced(guard: Guard, raw: Any) -> None:
    count: list[int] = []

    def once(connection: socket.socket) -> None:
        count.append(1)
        reading(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(connection)

    port = raw(once)
    for _ in range(3):
        assert guard.request("POST", f"http://127.0.0.1:{port}/", body=b"x").body == b"ok"
        time.sleep(0.05)
    assert len(count) == 3


def test_an_answer_that_closes_while_the_next_request_is_sent_is_asked_again(guard: Guard, raw: Any) -> None:
    heads: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        reading(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(connection)
        heads.append(connection.recv(65536))

    port = raw(talk)
    assert guard.request("GET", f"http://127.0.0.1:{port}/").body == b"ok"
    assert guard.request("GET", f"http://127.0.0.1:{port}/").body == b"ok"
    with pytest.raises(RetryableError):  # what must not be sent twice is the caller's to repeat
        guard.request("POST", f"http://127.0.0.1:{port}/", body=b"x")
    assert len(heads) == 2


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"),
     (301, "PUT", "PUT"), (307, "POST", "POST"), (308, "POST", "POST"), (302, "GET", "GET")],
)  # fmt: skip
def test_a_redirect_changes_the_method_as_rfc_9110_says(
    guard: Guard, site: Any, status: int, method: str, then: str
) -> None:
    site.answer("/a", b"", status, Location="b")
    site.answer("/b")
    body = None if method in ("GET", "HEAD") else b"data"
    sent = {"Content-Type": "text/x", "Authorization": "s"}
    guard.request(method, site.url("/a"), headers=sent, body=body)
    last = site.seen[1]
    assert (last.method, last.path) == (then, "/b")
    assert last.body == (b"data" if then == method and body else b"")
    assert ("content-type" in last.headers) == (then == method)
    assert last.headers["authorization"] == "s"


@pytest.mark.parametrize("where", ["http://b.example:{port}/b", "//b.example:{port}/b"])
def test_secrets_stay_behind_when_a_redirect_leaves_the_origin(guard: Guard, site: Any, where: str) -> None:
    site.answer("/a", b"", 307, Location=where.format(port=site.port))
    site.answer("/b", b"", 307, Location=site.url("/c", host="a.example"))
    site.answer("/c")
    secrets = {"Authorization": "a", "Cookie": "b", "X-Api-Key": "c", "X-Plain": "d"}
    response = guard.request(
        "POST", site.url("/a", host="a.example"), headers=secrets, body=b"x", sensitive=["X-API-Key"]
    )
    assert response.url == site.url("/c", host="a.example")
    first, second, third = (seen.headers for seen in site.seen)
    assert {"authorization", "cookie", "x-api-key", "x-plain"} <= set(first)
    for headers in (second, third):
        assert not {"authorization", "cookie", "x-api-key"} & set(headers)
        assert headers["x-plain"] == "d"


@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/", "//169.254.169.254/", "http://10.0.0.1/", "file:///etc/passwd", "http://u@x/",
     "http://[::ffff:127.0.0.1]/", "http://[", "/a b", "http://x.example:0/", "javascript:x", "/\\x"],
)  # fmt: skip
def test_every_redirect_is_checked(guard: Guard, site: Any, location: str) -> None:
    site.answer("/a", b"", 302, Location=location)
    with pytest.raises(Forbidden, match=r"^egress: "):
        guard.request("GET", site.url("/a"))
    assert len(site.seen) == 1


def test_a_location_in_utf8_is_percent_encoded(guard: Guard, site: Any, raw: Any) -> None:
    site.routes["/%C3%A9"] = site.routes["/"]
    head = f"HTTP/1.1 302 Found\r\nLocation: {site.url()}é\r\nContent-Length: 0\r\n\r\n".encode()
    assert guard.request("GET", f"http://127.0.0.1:{raw(reading(head))}/").url == site.url("/%C3%A9")


def test_the_number_of_redirects_is_bounded(guard: Guard, site: Any) -> None:
    site.answer("/a", b"", 302, Location="/a")
    with pytest.raises(TerminalError, match="more than 3 redirects") as failed:
        guard.request("GET", site.url("/a"), redirects=3)
    assert failed.value.kind == "redirect"
    assert len(site.seen) == 4
    assert guard.request("GET", site.url("/a"), redirects=0).status == 302
    site.answer("/n", b"", 304)
    assert guard.request("GET", site.url("/n")).status == 304


@pytest.mark.parametrize(
    ("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("X-GZIP", gzip.compress)]
)
def test_a_compressed_body_is_decoded(guard: Guard, site: Any, coding: str, pack: Any) -> None:
    site.answer("/a", pack(b"x" * 1000), Content_Encoding=coding)
    assert guard.request("GET", site.url("/a"), max_bytes=1000).body == b"x" * 1000
    assert site.seen[0].headers["accept-encoding"] == "gzip"


def test_gzip_of_several_members_and_an_empty_body(guard: Guard, site: Any) -> None:
    site.answer("/a", gzip.compress(b"one") + gzip.compress(b"two"), Content_Encoding="gzip")
    assert guard.request("GET", site.url("/a")).body == b"onetwo"
    site.answer("/a", b"", Content_Encoding="gzip")
    assert guard.request("GET", site.url("/a")).body == b""


def test_a_gzip_bomb_stops_at_the_limit(guard: Guard, site: Any) -> None:
    site.answer("/a", gzip.compress(bytes(200_000_000), 9), Content_Encoding="gzip")
    started = time.monotonic()
    with pytest.raises(TerminalError, match="larger than 1000000 bytes") as failed:
        guard.request("GET", site.url("/a"), max_bytes=1_000_000)
    assert failed.value.kind == "too_large"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("content", [b"not gzip at all", gzip.compress(b"x" * 5000, mtime=0)[:-9]])
def test_a_damaged_compressed_body_may_be_retried(guard: Guard, site: Any, content: bytes) -> None:
    site.answer("/a", content, Content_Encoding="gzip")
    with pytest.raises(RetryableError) as failed:
        guard.request("GET", site.url("/a"))
    assert failed.value.kind == "network"


def test_the_limit_holds_for_every_framing(guard: Guard, raw: Any) -> None:
    head = b"HTTP/1.1 200 OK\r\n"
    answers = [
        head + b"Content-Length: 101\r\n\r\n" + b"x" * 101,
        head + b"Transfer-Encoding: chunked\r\n\r\n" + b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n",
        head + b"\r\n" + b"x" * 101,
    ]
    for answer in answers:
        url = f"http://127.0.0.1:{raw(reading(answer))}/"
        assert guard.request("GET", url, max_bytes=101).body == b"x" * 101
        with pytest.raises(TerminalError, match="larger than 100 bytes"):
            guard.request("GET", url, max_bytes=100)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X%d: %s\r\n" % (n, b"y" * 2000) for n in range(60)) + b"\r\n",
    ],
)
def test_a_broken_answer_may_be_retried(guard: Guard, raw: Any, answer: bytes) -> None:
    with pytest.raises(RetryableError) as failed:
        guard.request("GET", f"http://127.0.0.1:{raw(reading(answer))}/p?secret=1")
    assert failed.value.kind == "network"
    assert "secret" not in failed.value.message
    assert "\n" not in failed.value.message


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_the_deadline_is_for_the_whole_request(guard: Guard, raw: Any, head: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        reading(head)(connection)
        for _ in range(100):
            time.sleep(0.05)
            connection.sendall(b"x")

    started = time.monotonic()
    with pytest.raises(RetryableError, match="no complete answer in time") as failed:
        guard.request("GET", f"http://127.0.0.1:{raw(drip)}/", timeout=0.4)
    assert failed.value.kind == "timeout"
    assert 0.3 < time.monotonic() - started < 4


def test_a_slow_lookup_ends_by_the_deadline() -> None:
    over = threading.Event()
    guard = Guard([LOCAL], default="none", resolve=lambda host: (over.wait(10) and ["127.0.0.1"]) or [])
    started = time.monotonic()
    with pytest.raises(RetryableError, match="no complete answer in time"):
        guard.request("GET", "http://slow.example/", timeout=0.2)
    assert time.monotonic() - started < 5
    over.set()


class Switch:
    """What a task context offers to a request, with a hand on it."""

    def __init__(self) -> None:
        self.closers: list[Callable[[], None]] = []

    @contextmanager
    def on_cancel(self, close: Callable[[], None]) -> Iterator[None]:
        self.closers.append(close)
        yield
        self.closers.remove(close)

    def fire(self) -> None:
        for close in list(self.closers):
            close()


@pytest.mark.parametrize("where", ["lookup", "connect", "head", "body", "tls"])
def test_cancel_interrupts_wherever_it_waits(raw: Any, where: str) -> None:
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        if where == "body":
            reading(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")(connection)
        over.wait(10)

    def resolve(host: str) -> list[str]:
        if where == "lookup":
            over.wait(10)
        return ["127.0.0.1"]

    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    filling = [socket.socket() for _ in range(4)]
    port = raw(talk)
    if where == "connect":  # a listener whose queue is full leaves connections hanging
        port = full.getsockname()[1]
        for one in filling:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
    guard, switch = Guard([LOCAL], default="none", resolve=resolve), Switch()
    threading.Timer(0.2, switch.fire).start()
    started = time.monotonic()
    with pytest.raises(RetryableError) as failed:
        scheme = "https" if where == "tls" else "http"
        guard.request("GET", f"{scheme}://x.example:{port}/", timeout=8, on_cancel=switch.on_cancel)
    assert failed.value.kind == "network"
    assert 0.1 < time.monotonic() - started < 5
    over.set()
    for one in [full, *filling]:
        one.close()


def test_tls_is_verified_against_the_name_and_our_authority(tls_site: Any, authority: Any) -> None:
    trusting = Guard([LOCAL], default="none", ca_file=str(authority.file), resolve=lambda host: ["127.0.0.1"])
    for host in ("tls.example", "127.0.0.1"):
        assert trusting.request("GET", tls_site.url(host=host, scheme="https")).body == b"ok"
    assert trusting.request("GET", tls_site.url(host="tls.example", scheme="https")).body == b"ok"
    assert tls_site.seen[0].client == tls_site.seen[2].client
    with pytest.raises(
        TerminalError, match=r"certificate is not trusted: .*mismatch.*egress\.caFile"
    ) as failed:
        trusting.request("GET", tls_site.url(host="other.example", scheme="https"))
    assert failed.value.kind == "tls"
    plain = Guard([LOCAL], default="none", resolve=lambda host: ["127.0.0.1"])
    with pytest.raises(TerminalError, match="certificate is not trusted"):
        plain.request("GET", tls_site.url(host="tls.example", scheme="https"))
    trusting.close()


def test_http_to_a_tls_port_and_tls_to_an_http_port_may_be_retried(
    guard: Guard, site: Any, tls_site: Any
) -> None:
    for url in (site.url(scheme="https"), tls_site.url(scheme="http")):
        with pytest.raises(RetryableError) as failed:
            guard.request("GET", url, timeout=3)
        assert failed.value.kind == "network"


def test_a_ca_file_that_cannot_be_read_is_named(tmp_path: Any, site: Any) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    for name in ("ca.pem", "missing.pem"):
        guard = Guard([LOCAL], default="none", ca_file=str(tmp_path / name))
        with pytest.raises(InvalidConfig, match=rf"^egress\.caFile: .*{name} cannot be read"):
            guard.request("GET", site.url(scheme="https"))


@pytest.mark.parametrize(
    "headers",
    [{"A\r\nB": "c"}, {"A": "b\nC: d"}, {"A": "b\x00"}, {"": "x"}, {"A": "x", "a": "y"}, {"Host": "x"},
     {"Connection": "close"}, {"Upgrade": "websocket"}, {"Expect": "100-continue"}, {"A": "b" * 70_000}],
)  # fmt: skip
def test_headers_that_would_break_the_framing_are_refused(guard: Guard, site: Any, headers: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^headers: "):
        guard.request("GET", site.url(), headers=headers)
    assert site.seen == []


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_must_be_positive(guard: Guard, site: Any, timeout: float) -> None:
    with pytest.raises(InvalidInput, match=r"^timeout: "):
        guard.request("GET", site.url(), timeout=timeout)


def test_a_body_the_server_does_not_want_still_gets_its_answer(guard: Guard, raw: Any) -> None:
    port = raw(reading(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"))
    try:
        assert guard.request("POST", f"http://127.0.0.1:{port}/", body=bytes(20_000_000)).status == 413
    except RetryableError as error:  # the reset may overtake the answer
        assert error.kind == "network"


def test_many_threads_share_a_guard(guard: Guard, site: Any) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(20):
                site_body = guard.request("POST", site.url(host=f"h{number % 3}.example"), body=b"x").body
                assert site_body == b"ok"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(site.seen) == 160
    assert len({seen.client for seen in site.seen}) <= 30


def test_the_pool_is_bounded() -> None:
    from http.client import HTTPConnection

    from wfcore.egress.pool import Pool

    pool = Pool(per_key=2, total=3, idle=0.1)
    pairs = [socket.socketpair() for _ in range(6)]
    for index, (mine, _) in enumerate(pairs):
        connection = HTTPConnection("x")
        connection.sock = mine
        pool.give(("http", f"h{index // 3}", 80, "a"), connection)
    assert [mine.fileno() >= 0 for mine, _ in pairs] == [False, False, True, False, True, True]
    taken = pool.take(("http", "h0", 80, "a"))
    assert taken is not None
    assert taken.sock is pairs[2][0]
    assert pool.take(("http", "h0", 80, "a")) is None
    time.sleep(0.15)
    assert pool.take(("http", "h1", 80, "a")) is None
    assert pairs[5][0].fileno() < 0
    taken.close()
    for _, theirs in pairs:
        theirs.close()


def test_importing_the_guard_is_light() -> None:
    import subprocess
    import sys

    heavy = ("ssl", "http.client", "socket")
    code = f"import sys, wfcore.egress.guard; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
