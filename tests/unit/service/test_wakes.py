"""A worker wakes the loop of the server only for what the loop has to do, and then always."""

import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.task import ThreadedTaskDispatcher

from wfcore.service.wire import Connection, Listener

#: Longer than any test: who is not woken waits too long.
FOREVER = 600


def application(environ, start_response):
    """Answers as many bytes as the path says, at once or as a stream."""
    kind, _, size = environ["PATH_INFO"].strip("/").partition("/")
    environ["wsgi.input"].read()
    time.sleep(0.002)  # as work would take, in which the loop comes to its rest
    body = b"x" * int(size)
    if kind == "whole":
        start_response("200 OK", [("Content-Length", size)])
        return [body]
    start_response("200 OK", [])
    return (body[at : at + 1000] for at in range(0, len(body), 1000))


@pytest.fixture
def listener():
    listening = socket.create_server(("127.0.0.1", 0))
    adjustments = Adjustments(
        sockets=[listening], asyncore_loop_timeout=FOREVER, cleanup_interval=FOREVER, asyncore_use_poll=True,
        channel_request_lookahead=1,
    )  # fmt: skip
    workers = ThreadedTaskDispatcher()
    workers.set_thread_count(4)
    made = Listener(
        application, map={}, _sock=listening, dispatcher=workers, adj=adjustments, bind_socket=False,
        sockinfo=(listening.family, listening.type, listening.proto, listening.getsockname()),
    )  # fmt: skip
    made.client_gone = lambda: None
    made.pulls, pull = 0, made.trigger.pull_trigger

    def counted(*thunk):
        made.pulls += 1
        pull(*thunk)

    made.trigger.pull_trigger = counted
    loop = threading.Thread(target=made.run, daemon=True)
    loop.start()
    yield made
    with suppress(OSError):  # the loop was awake, and has closed what wakes it before it was woken for that
        pull(lambda: wasyncore.close_all(made._map))
    loop.join(10)
    assert not loop.is_alive()
    workers.shutdown()


class Observed(Connection):
    """Tells when the loop has looked at it and when a worker has left it, so that nothing is by chance."""

    def __init__(self, *args, **keywords):
        self.looked_at, self.left = threading.Event(), threading.Event()
        super().__init__(*args, **keywords)

    def received(self, data):
        self.looked_at.clear()
        self.left.clear()
        return super().received(data)

    def writable(self):  # the last that the loop asks before it rests
        found = super().writable()
        self.looked_at.set()
        return found

    def service(self):
        assert self.looked_at.wait(20)
        super().service()
        self.left.set()


@contextmanager
def connected(listener):
    with socket.create_connection(listener.socket.getsockname(), timeout=20) as made:
        yield made


def ask(path, *, close=False, expect=False, body=b""):
    head = f"POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    return (
        head + "Connection: close\r\n" * close + "Expect: 100-continue\r\n" * expect + "\r\n"
    ).encode() + body


def read(made, size):
    """One answer of so many bytes; a stream's ends with the connection."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += more(made)
    head, _, got = got.partition(b"\r\n\r\n")
    parts, missing = [got], size - len(got)
    while missing > 0:
        parts.append(more(made))
        missing -= len(parts[-1])
    got = b"".join(parts)
    assert head.startswith(b"HTTP/1.1 200"), head
    return head, got


def more(made):
    received = made.recv(65536)
    assert received, "the connection has ended"
    return received


def test_an_answer_that_has_left_wakes_nobody(listener):
    listener.channel_class = Observed
    with connected(listener) as made:
        for _ in range(50):
            made.sendall(ask("whole/100"))
            read(made, 100)
            (served,) = listener.active_channels.values()
            assert served.left.wait(20)
        assert listener.pulls == 0


def test_the_loop_leaves_alone_what_a_worker_is_sending(listener, monkeypatch):
    """Both would want the same lock."""
    wanted, send = [], HTTPChannel.send

    def sends(self, *args, **keywords):
        wanted.append(self.writable())
        return send(self, *args, **keywords)

    monkeypatch.setattr(HTTPChannel, "send", sends)
    with connected(listener) as made:
        for _ in range(3):
            made.sendall(ask("whole/10"))
            read(made, 10)
    assert wanted == [False] * 3


def test_what_changes_while_the_loop_looks_is_not_taken_for_seen(listener, monkeypatch):
    settled, readable = [], HTTPChannel.readable

    def looks(self):
        settled.append(self.settled)
        return readable(self)

    monkeypatch.setattr(HTTPChannel, "readable", looks)
    with connected(listener) as made:
        for _ in range(3):
            made.sendall(ask("whole/10"))
            read(made, 10)
    assert settled
    assert not any(settled)


def test_the_end_of_a_connection_is_seen_to(listener):
    for _ in range(20):
        with connected(listener) as made:
            made.sendall(ask("whole/10", close=True))
            read(made, 10)
            assert made.recv(10) == b""


@pytest.mark.parametrize("size", [12_000_000, 40_000_000])
def test_what_does_not_leave_at_once_leaves_later(listener, size):
    with connected(listener) as made:
        for _ in range(2):
            made.sendall(ask(f"whole/{size}"))
            time.sleep(0.3)  # what the system keeps on the way is full by then
            _, got = read(made, size)
            assert len(got) == size


def test_what_was_sent_ahead_is_served(listener):
    with connected(listener) as made:
        made.sendall(ask("whole/10") * 20)
        got = b""
        while got.count(b"x" * 10) < 20:
            got += more(made)
        made.sendall(ask("whole/10"))  # the loop, which had enough of this client, must look to it again
        read(made, 10)


def test_who_waits_to_be_asked_to_go_on_is_asked(listener):
    with connected(listener) as made:
        made.sendall(ask("whole/10") + ask("whole/10", expect=True, body=b"12345")[:-5])
        got = b""
        while b"100 Continue" not in got:
            got += more(made)
        made.sendall(b"12345")
        while got.count(b"x" * 10) < 2:
            got += more(made)


def test_clients_of_all_kinds_at_once(listener):
    chance = random.Random(4)
    seeds = [chance.randrange(10**9) for _ in range(24)]

    def client(seed):
        chance = random.Random(seed)
        for _ in range(6):
            with connected(listener) as made:
                for last in (False,) * chance.randrange(20) + (True,):
                    size = chance.choice((1, 100, 5_000, 300_000, 3_000_000))
                    made.sendall(ask(f"whole/{size}", close=last))
                    if chance.random() < 0.05:
                        break  # it goes without its answer
                    _, got = read(made, size)
                    assert got == b"x" * size
                else:
                    assert made.recv(10) == b""
        return True

    with ThreadPoolExecutor(len(seeds)) as several:
        assert all(several.map(client, seeds))


def test_streams_come_to_their_end(listener):
    for size in (0, 1, 2_500, 2_000_000):
        with connected(listener) as made:
            made.sendall(ask(f"stream/{size}"))
            got = b""
            while not got.endswith(b"\r\n0\r\n\r\n"):
                got += more(made)
            assert got.count(b"x") >= size
