"""Waitress, tamed: its errors in our shape, one packet for each answer, no thread pinned by a slow client."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask

from wfcore.service.answers import dumps, status_body

#: A request's body must come at least this fast, in bytes a second.
SLOWEST: Final = 16 * 1024


class _Served(threading.local):
    """The connection that this thread serves, if it is a worker that serves one."""

    connection: Connection | None = None


_served: Final = _Served()


class Refusal(ErrorTask):  # type: ignore[misc]
    """What the parser refuses before the application sees it."""

    def execute(self) -> None:
        """Write the error and end the connection."""
        self.channel.refused = True
        error = self.request.error
        body = dumps(status_body(error.code, f"{error.reason}: {error.body}", "correct the HTTP request"))
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Answer(WSGITask):  # type: ignore[misc]
    """Sends head and body together: half the system calls, and one packet."""

    wrote_header: bool

    def write(self, data: bytes) -> None:
        """As its parent does, for answers that are whole; streams go the parent's way."""
        if self.wrote_header or not data or self.content_length != len(data) or not self.has_body:
            super().write(data)
            return
        self.channel.write_whole(self.build_response_header() + data)
        self.wrote_header = True
        self.content_bytes_written = len(data)


class Connection(HTTPChannel):  # type: ignore[misc]
    """Remembers when the request that is being received began, and ends a refused one gently.

    While a request is served it notices that its client has gone: whoever follows an execution for
    that client is woken and gives its thread back.

    Closing a socket with unread input would reset it, and the client might never see why it was
    refused. So after a refusal only the sending half is closed, and what still comes is thrown away.
    """

    task_class = Answer
    error_task_class = Refusal
    begun = 0.0
    refused = False
    draining = False
    gone = False
    answering = False
    unwatched = True

    def received(self, data: bytes) -> bool:
        """Bytes have come."""
        if self.request is None:
            self.begun = self.last_activity
        return bool(super().received(data))

    def readable(self) -> bool:
        """Whether the loop should wait for input."""
        self.unwatched = True  # before it looks: what changes meanwhile must not be taken for seen
        watched = self.draining or (not (self.gone and self.requests) and bool(super().readable()))
        self.unwatched = not watched
        return watched

    def writable(self) -> bool:
        """Whether the loop should wait until output is possible."""
        if self.draining or self.answering:
            return bool(self.will_close)
        return bool(super().writable())

    def handle_read(self) -> None:
        """There is input; its end closes the connection."""
        if self.draining:
            self.recv(self.adj.recv_bytes)
        elif self.requests and self._ended():
            self.gone = True
            self.server.client_gone()
        else:
            super().handle_read()

    def handle_close(self) -> None:
        """Everything is sent, or the other side is gone, or it took too long."""
        if self.refused and not self.draining:
            self.draining, self.will_close = True, False
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                return
        super().handle_close()
        if self.requests:
            self.server.client_gone()

    def write_whole(self, data: bytes) -> None:
        """Send the last output of a request, from its worker.

        Meanwhile the loop leaves the output alone: both would contend for it. What cannot be sent
        at once the loop sends later, for the end of every request wakes it.
        """
        self.answering = not self.total_outbufs_len
        try:
            self.write_soon(data)
        finally:
            self.answering = False

    def service(self) -> None:
        """Serve a request, on a worker's thread."""
        _served.connection = self
        try:
            super().service()
        finally:
            _served.connection = None

    @property
    def settled(self) -> bool:
        """Whether the loop has nothing to do for it but to wait for input, and does so already."""
        return not (self.unwatched or self.total_outbufs_len or self.will_close or self.close_when_flushed)

    def check_client_disconnected(self) -> bool:
        """Given to the application with each request."""
        return self.gone or bool(super().check_client_disconnected())

    def _ended(self) -> bool:
        """Whether the client sends nothing more; it may still read the answer."""
        try:
            return not self.socket.recv(1, socket.MSG_PEEK)
        except OSError as error:
            return not isinstance(error, BlockingIOError)


class Listener(TcpWSGIServer):  # type: ignore[misc]
    """Also ends connections that take too long to send a request or to take an answer.

    ``client_gone`` is called when the client of a request that is being served has gone.
    """

    channel_class = Connection
    client_gone: Callable[[], None]

    def adopt(self, inner: socket.socket, address: tuple[Any, ...]) -> None:
        """Serve a connection that somebody else has accepted by TLS, from any thread."""
        adjustments = copy(self.adj)
        adjustments.url_scheme = "https"
        self.trigger.pull_trigger(
            lambda: self.channel_class(self, inner, address, adjustments, map=self._map)
        )

    def pull_trigger(self) -> None:
        """Wake the loop, unless that is for a connection that needs nothing: to wake it costs much."""
        connection = _served.connection
        if connection is None or not connection.settled:
            super().pull_trigger()

    def maintenance(self, now: float) -> None:
        """Called by the loop every ``cleanup_interval`` seconds."""
        super().maintenance(now)
        patience = self.adj.channel_timeout
        for channel in self.active_channels.values():
            if _stalled(channel, now, patience) or _trickles(channel, now, patience):
                _hang_up(channel)


def _stalled(channel: Any, now: float, patience: float) -> bool:
    """There is output, and the client has taken none of it for too long."""
    return bool(channel.total_outbufs_len and channel.last_activity < now - patience)


def _trickles(channel: Any, now: float, patience: float) -> bool:
    """A request has begun to come, and does not end."""
    if channel.request is None:
        return False
    return bool(now > channel.begun + patience + channel.request.content_length / SLOWEST)


def _hang_up(channel: Any) -> None:
    """The loop sees the end of the socket and closes it in its own time."""
    with suppress(OSError):  # already gone
        channel.socket.shutdown(socket.SHUT_RDWR)
