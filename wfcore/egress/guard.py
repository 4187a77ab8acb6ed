"""The guard: decides where a request may go, and sends it to exactly the address it has decided on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from wfcore.egress.hop import Hop, redirect
from wfcore.egress.ranges import Address, Reach, reach
from wfcore.egress.rules import read_rules
from wfcore.egress.url import Url, parse
from wfcore.errors import Forbidden, InvalidConfig, InvalidInput, RetryableError, TerminalError

if TYPE_CHECKING:
    import ssl

    from wfcore.egress.http import Answer, Exchanges
    from wfcore.egress.sockets import Bounds, Line

#: From a host name to the literal addresses it has; an empty sequence when there are none.
Resolver = Callable[[str], Sequence[str]]
#: As TaskContext.on_cancel: while inside, the given function is called on cancel.
OnCancel = Callable[[Callable[[], None]], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Target:
    """A request that is allowed: ``addresses`` (literals) are the only ones to connect to, in this order.

    ``path`` includes the query; ``netloc`` is the Host header's value.
    """

    scheme: str
    host: str
    port: int
    netloc: str
    path: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: lower-case header names, the decoded body, the URL that was asked last."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def lookup(host: str) -> Sequence[str]:
    """The addresses of ``host`` by the system's resolver, in its order. Raises OSError."""
    import socket

    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


class Guard:
    """The one way by which actions, plugins and the kernel connect out.

    By default http and https to public unicast addresses are allowed. ``allow`` (``egress.allow``)
    adds grants, ``default="none"`` takes the public ones away; metadata, link-local and multicast
    addresses can never be granted. A name is looked up once and the connection goes to an address
    that was checked; every redirect is checked anew. TLS is always verified, ``ca_file`` adds
    authorities. Connections to databases that the operator named in the configuration are the
    operator's own and do not pass here.
    """

    def __init__(
        self,
        allow: Sequence[Any] = (),
        *,
        default: str = "public",
        ca_file: str | None = None,
        resolve: Resolver = lookup,
    ) -> None:
        self._rules = read_rules(allow, default)
        self._ca_file = ca_file
        self._resolve = resolve
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._exchanges: Exchanges | None = None

    def check(self, method: str, url: str) -> Target:
        """Where this request would go. Raises Forbidden, or RetryableError when the host has no address."""
        from wfcore.egress.http import check_method

        parsed, verb = parse(url), check_method(method)
        with _told(verb, parsed):
            return self._target(verb, parsed, self._resolve)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 30.0,
        max_bytes: int = 10 * 1024 * 1024,
        redirects: int = 5,
        sensitive: Iterable[str] = (),
        on_cancel: OnCancel | None = None,
    ) -> Response:
        """Send a request and read the whole answer within ``timeout`` seconds, redirects included.

        ``max_bytes`` caps the body both as sent and as decoded. With ``redirects`` at 0 a redirect
        is the answer. The headers named in ``sensitive``, Authorization and Cookie stay behind when
        a redirect leads to another origin. ``on_cancel`` interrupts the request from another thread.
        Raises Forbidden, InvalidInput, RetryableError (kinds ``network``, ``timeout``) and
        TerminalError (kinds ``too_large``, ``tls``, ``redirect``).
        """
        from wfcore.egress.http import check_headers, check_method
        from wfcore.egress.sockets import Bounds, Line

        if not timeout > 0:
            raise InvalidInput(f"timeout: {timeout} must be above 0 seconds")
        hop = Hop(check_method(method), parse(url), _defaults(check_headers(headers or {})), body)
        secret = {name.lower() for name in sensitive}
        bounds, line = Bounds(time.monotonic() + timeout), Line()
        with on_cancel(line.close) if on_cancel else nullcontext():
            for left in range(redirects, -1, -1):
                answer = self._send(hop, line, bounds, max_bytes)
                place = redirect(answer.status, answer.headers)
                if place is None or redirects == 0:
                    return Response(answer.status, answer.headers, answer.body, hop.url.text)
                if left:
                    hop = hop.next(place, answer.status, secret)
        remedy = "ask for the final URL, or raise the number of redirects"
        raise TerminalError(
            f"{method.upper()} {hop.url.origin}: more than {redirects} redirects; {remedy}",
            kind="redirect",
            remedy=remedy,
        )

    def close(self) -> None:
        """Close the connections that are kept for later requests."""
        if self._exchanges is not None:
            self._exchanges.close()

    def _send(self, hop: Hop, line: Line, bounds: Bounds, limit: int) -> Answer:
        from wfcore.egress.http import Request

        url = hop.url
        with _told(hop.method, url):
            target = self._target(
                hop.method, url, lambda host: line.ask(lambda: self._resolve(host), bounds.left())
            )
            request = Request(
                hop.method, url.scheme, url.host, url.port, url.netloc, target.path, hop.headers, hop.body
            )
            return self._sender().send(request, target.addresses, line, bounds, limit)

    def _target(self, method: str, url: Url, resolve: Resolver) -> Target:
        rules = [rule for rule in self._rules if rule.covers(url, method)]
        if not rules:
            remedy = f"add {url.origin!r} to egress.allow"
            raise Forbidden(f"egress: {method} {url.origin} is not allowed; {remedy}", remedy=remedy)
        found = _literals(url, resolve)
        granted = tuple(str(address) for address in found if any(rule.grants(address) for rule in rules))
        if not granted:
            raise _refused(url, found)
        return Target(url.scheme, url.host, url.port, url.netloc, url.path + url.query, granted)

    def _sender(self) -> Exchanges:
        from wfcore.egress.http import Exchanges

        with self._lock:
            if self._exchanges is None:
                self._exchanges = Exchanges(self._tls)
            return self._exchanges

    def _tls(self) -> ssl.SSLContext:
        from wfcore.egress.sockets import tls_context

        with self._lock:
            if self._context is None:
                try:
                    self._context = tls_context(self._ca_file)
                except OSError as error:
                    raise InvalidConfig(
                        f"egress.caFile: {self._ca_file} cannot be read as certificates: {error}",
                        remedy="name a readable PEM file",
                    ) from None
            return self._context


def _defaults(headers: Mapping[str, str]) -> dict[str, str]:
    from wfcore import __version__

    return {"user-agent": f"workflow/{__version__}", "accept": "*/*", "accept-encoding": "gzip", **headers}


def _literals(url: Url, resolve: Resolver) -> Sequence[Address]:
    if url.address is not None:
        return [url.address]
    if url.host == "localhost" or url.host.endswith(".localhost"):  # RFC 6761: never asked of anybody
        return [ip_address("127.0.0.1"), ip_address("::1")]
    answers = resolve(url.host)
    if not answers:
        raise OSError(f"the host {url.host} has no address")
    return [ip_address(answer.partition("%")[0]) for answer in answers]


def _refused(url: Url, found: Sequence[Address]) -> Forbidden:
    """Why none of the addresses may be connected to, and the rule that would allow it, if any can."""
    where = url.origin if url.address is not None else f"{url.origin} leads to {found[0]}, which"
    private = [str(address) for address in found if reach(address) is not Reach.NEVER]
    if not private:
        remedy = "no rule can allow metadata, link-local or multicast addresses"
        return Forbidden(f"egress: {where} is never connected to; {remedy}", remedy=remedy)
    rule = url.origin if url.address is not None else f"{url.origin} at {private[0]}"
    remedy = f"add {rule!r} to egress.allow"
    return Forbidden(f"egress: {where} is not a public address; {remedy}", remedy=remedy)


@contextmanager
def _told(method: str, url: Url) -> Iterator[None]:
    """Network failures in the product's own words; paths and queries are left out, they may hold secrets."""
    import ssl
    import zlib
    from http.client import HTTPException

    try:
        yield
    except TimeoutError:
        raise RetryableError(f"{method} {url.origin}: no complete answer in time", kind="timeout") from None
    except ssl.SSLCertVerificationError as error:
        remedy = "add the authority of that server to egress.caFile"
        text = f"{method} {url.origin}: its certificate is not trusted: {error.verify_message}; {remedy}"
        raise TerminalError(text, kind="tls", remedy=remedy) from None
    except (HTTPException, zlib.error) as error:
        reason = " ".join(f"the answer is broken: {type(error).__name__}: {error}".split())
        raise RetryableError(f"{method} {url.origin}: {reason[:200]}", kind="network") from None
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise RetryableError(f"{method} {url.origin}: {reason}", kind="network") from None
