"""One HTTP/1.1 exchange with an address that has been checked: no name lookup happens here."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected
from typing import Any

from wfcore.egress.body import read_body
from wfcore.egress.pool import Key, Pool
from wfcore.egress.sockets import Bounds, Line, acknowledge_at_once, dial, secure
from wfcore.errors import InvalidInput

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
#: Framing and routing belong to this module alone (request smuggling, RFC 9112 section 11.2).
_OURS = frozenset(
    ("connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade")
)  # fmt: skip
_MAX_HEAD = 65536
_IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: ``target`` is path and query; ``netloc`` the Host header."""

    method: str
    scheme: str
    host: str
    port: int
    netloc: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are lower case, repeated headers joined by a comma and a space."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def check_method(method: str) -> str:
    """The method in upper case. Raises InvalidInput."""
    if not isinstance(method, str) or not _TOKEN.fullmatch(method) or method.upper() in ("CONNECT", "TRACE"):
        raise InvalidInput(f"method: {method!r} is no HTTP method that can be sent; use GET, POST, …")
    return method.upper()


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, names in lower case. Raises InvalidInput on injection, duplicates and framing headers."""
    checked: dict[str, str] = {}
    for name, value in headers.items():
        lower = str(name).lower()
        if not _TOKEN.fullmatch(lower):
            raise InvalidInput(f"headers: {name!r} is no header name")
        if lower in _OURS:
            raise InvalidInput(f"headers: {name} is set from the request itself; remove it")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise InvalidInput(f"headers: the value of {name} must be one line of latin-1 text")
        if lower in checked:
            raise InvalidInput(f"headers: {name} is given twice")
        checked[lower] = value.strip(" \t")
    if sum(len(name) + len(value) + 4 for name, value in checked.items()) > _MAX_HEAD:
        raise InvalidInput(f"headers: together they are longer than {_MAX_HEAD} bytes")
    return checked


class Exchanges:
    """Sends requests over kept or new connections; one per guard."""

    def __init__(self, context: Callable[[], ssl.SSLContext]) -> None:
        self._context = context
        self._pool = Pool()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._pool.close()

    def send(
        self, request: Request, addresses: tuple[str, ...], line: Line, bounds: Bounds, limit: int
    ) -> Answer:
        """The answer. Raises TerminalError beyond ``limit`` bytes, OSError, HTTPException and zlib.error."""
        for address in addresses:
            key = (request.scheme, request.host, request.port, address)
            if kept := self._pool.take(key):
                try:
                    return self._exchange(kept, key, request, line, bounds, limit)
                except (RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                    # The other side closed it while idle. What may be sent twice is sent again.
                    if request.method not in _IDEMPOTENT:
                        raise
                    break
        connection, key = self._connect(request, addresses, line, bounds)
        return self._exchange(connection, key, request, line, bounds, limit)

    def _connect(
        self, request: Request, addresses: tuple[str, ...], line: Line, bounds: Bounds
    ) -> tuple[HTTPConnection, Key]:
        plain = dial(addresses, request.port, line, bounds)
        address = str(plain.getpeername()[0])
        connection = HTTPConnection(request.host, request.port)
        connection.auto_open = 0  # a lost connection is never reopened behind the guard's back
        secured = request.scheme == "https"
        connection.sock = secure(plain, request.host, self._context(), line, bounds) if secured else plain
        return connection, (request.scheme, request.host, request.port, address)

    def _exchange(
        self, connection: HTTPConnection, key: Key, request: Request, line: Line, bounds: Bounds, limit: int
    ) -> Answer:
        whole = False
        try:
            response = _ask(connection, request, line, bounds)
            body = read_body(response, limit)
            line.hold(None)
            whole = response.isclosed() and not response.will_close
            return Answer(response.status, _joined(response), body)
        finally:
            if whole and connection.sock is not None:
                self._pool.give(key, connection)
            else:
                connection.close()


def _ask(connection: HTTPConnection, request: Request, line: Line, bounds: Bounds) -> HTTPResponse:
    """Send the request and read the head of the answer."""
    sock: Any = connection.sock
    line.hold(sock)
    bounds.room = _MAX_HEAD
    sock.bounds = bounds
    sock.settimeout(bounds.left())
    connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", request.netloc)
    for name, value in request.headers.items():
        connection.putheader(name, value.encode("latin-1"))
    if request.body is not None or request.method in ("POST", "PUT", "PATCH"):
        connection.putheader("Content-Length", str(len(request.body or b"")))
    connection.endheaders(request.body)
    acknowledge_at_once(sock)
    response = connection.getresponse()
    bounds.room = None
    if response.status < 200:
        raise ConnectionError(f"the server answered with the interim status {response.status}")
    return response


def _joined(response: HTTPResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    return headers
