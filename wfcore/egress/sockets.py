"""Sockets that keep an overall deadline and can be closed from another thread at any moment."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Bounds:
    """What a request may still take: until ``deadline`` (monotonic seconds), ``room`` bytes of head."""

    deadline: float
    room: int | None = None

    def left(self) -> float:
        """The seconds that are left. Raises TimeoutError when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is over")
        return left

    def count(self, size: int) -> int:
        """Take ``size`` received bytes off the room. Raises OverflowError when it was not enough."""
        if self.room is not None:
            self.room -= size
            if self.room < 0:
                raise OverflowError("the head of the answer is too long")
        return size


class PlainSocket(socket.socket):
    """A TCP socket whose every read ends by the deadline, so that slow drips cannot outlast it."""

    bounds: Bounds

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As socket.recv_into, within the bounds."""
        self.settimeout(self.bounds.left())
        return self.bounds.count(super().recv_into(buffer, nbytes, flags))


class SecureSocket(ssl.SSLSocket):
    """The same over TLS."""

    bounds: Bounds

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """As SSLSocket.recv_into, within the bounds."""
        self.settimeout(self.bounds.left())
        return self.bounds.count(super().recv_into(buffer, nbytes, flags))


class Line:
    """The line that one request holds at the moment: ``close`` hangs up, from any thread, for good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._answers: queue.SimpleQueue[Any] | None = None
        self._closed = False

    def hold(self, sock: socket.socket | None) -> None:
        """Name the socket in use. Raises ConnectionAbortedError when the line is closed."""
        with self._lock:
            if self._closed:
                raise ConnectionAbortedError("the request was given up")
            self._socket = sock

    def close(self) -> None:
        """Interrupt whatever the request waits for; it ends in an OSError."""
        with self._lock:
            self._closed = True
            if self._answers is not None:
                self._answers.put(ConnectionAbortedError("the request was given up"))
            if self._socket is not None:
                hang_up(self._socket)

    def ask(self, question: Callable[[], Sequence[str]], timeout: float) -> Sequence[str]:
        """``question()`` asked in a thread of its own, as a name lookup cannot be interrupted."""
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._lock:
            self._answers = answers
        self.hold(None)
        threading.Thread(target=_answer, args=(question, answers), name="egress-lookup", daemon=True).start()
        try:
            answer = answers.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError("the name lookup takes too long") from None
        if isinstance(answer, Exception):
            raise answer
        return list(answer)


def _answer(question: Callable[[], Sequence[str]], answers: queue.SimpleQueue[Any]) -> None:
    try:
        answers.put(question())
    except Exception as error:
        answers.put(error)


def hang_up(sock: socket.socket) -> None:
    """Shut the TCP connection down, waking whoever waits for it; TLS state is left to its own thread."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # it is not connected, or already closed


def acknowledge_at_once(sock: socket.socket) -> None:
    """Spare the 40 ms for which a server that sends head and body apart would wait for our delayed ACK."""
    if hasattr(socket, "TCP_QUICKACK"):  # Linux has it
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def dial(addresses: Sequence[str], port: int, line: Line, bounds: Bounds) -> PlainSocket:
    """A socket connected to the first of ``addresses`` (literals, all checked) that answers."""
    failure: OSError = ConnectionRefusedError("there is no address")
    for index, address in enumerate(addresses):
        sock = PlainSocket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            line.hold(sock)
            sock.settimeout(bounds.left() / (len(addresses) - index))
            sock.connect((address, port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
            if isinstance(error, ConnectionAbortedError):
                break
        else:
            return sock
    raise failure


def secure(
    sock: PlainSocket, host: str, context: ssl.SSLContext, line: Line, bounds: Bounds
) -> ssl.SSLSocket:
    """TLS over ``sock``, its certificate verified against ``host``."""
    wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        line.hold(wrapped)
        wrapped.settimeout(bounds.left())
        wrapped.do_handshake()
    except BaseException:
        wrapped.close()
        raise
    return wrapped


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Verification always on; ``ca_file`` adds authorities to the system's. Raises OSError."""
    context = ssl.create_default_context()
    context.sslsocket_class = SecureSocket
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context
