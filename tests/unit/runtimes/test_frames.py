"""Frames pass whole, and what is none is refused before it takes memory."""

import json
import socket
import struct
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfcore_plugins.runtimes.wasm.frames import MAX_HEAD, BadFrame, Channel

MOST = 1 << 20


@pytest.fixture
def pair():
    """Two ends: a channel and the bare socket of the other side."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours, MOST, patience=1)
    yield channel, theirs
    channel.close()
    theirs.close()


def test_frames_arrive_in_order(pair):
    channel, theirs = pair
    other = Channel(theirs, MOST)
    for body in (b"", b"\0" * 100, b"x"):
        other.send({"is": "ä", "n": len(body)}, body)
    assert [channel.receive() for _ in range(3)] == [
        ({"is": "ä", "n": len(body)}, body) for body in (b"", b"\0" * 100, b"x")
    ]


def test_a_large_frame_arrives_while_it_is_sent(pair):
    channel, theirs = pair
    sending = threading.Thread(target=Channel(theirs, MOST).send, args=({}, b"y" * MOST))
    sending.start()
    assert channel.receive() == ({}, b"y" * MOST)
    sending.join()


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack("!II", MAX_HEAD + 1, 0),
        struct.pack("!II", 2, MOST + 1),
        struct.pack("!II", 2, 0) + b"[]",
        struct.pack("!II", 2, 0) + b"{]",
        struct.pack("!II", 60_000, 0) + b"[" * 60_000,
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_frame_is_refused(pair, sent):
    channel, theirs = pair
    theirs.sendall(sent)
    with pytest.raises(BadFrame):
        channel.receive()


@pytest.mark.parametrize("sent", [b"", b"\0\0", struct.pack("!II", 2, 4) + b"{}ab"])
def test_the_end_is_the_end_also_within_a_frame(pair, sent):
    channel, theirs = pair
    theirs.sendall(sent)
    theirs.close()
    assert channel.receive() is None


def test_who_does_not_take_what_is_sent_is_given_up(pair):
    channel, _ = pair
    began = time.monotonic()
    with pytest.raises(OSError):
        channel.send({}, b"x" * (64 << 20))
    assert time.monotonic() - began < 10


def test_something_to_read_is_waited_for(pair):
    channel, theirs = pair
    assert not channel.readable(0.01)
    theirs.sendall(b"x")
    assert channel.readable(5)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_refused_or_the_end(content):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(content)
        theirs.shutdown(socket.SHUT_WR)
        channel = Channel(ours, MOST)
        try:
            while frame := channel.receive():
                json.dumps(frame[0])
        except BadFrame:
            pass
