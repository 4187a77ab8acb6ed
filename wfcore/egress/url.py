"""A strict URL grammar (a subset of RFC 3986), so that what is checked is what is connected to.

Lenient parsers disagree about tabs, backslashes, user names and odd spellings of numbers, and
each disagreement is a way past a check; here every such spelling is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urljoin

from wfcore.errors import Forbidden

#: The schemes that are spoken, with their default ports.
PORTS = {"http": 80, "https": 443}
MAX_LENGTH = 16384

_SHAPE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(/[^?#]*)?(\?[^#]*)?(?:#.*)?", re.ASCII)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?", re.ASCII)
_PCHAR = r"A-Za-z0-9._~!$&'()*+,;=:@/\-"
_PATH = re.compile(rf"(?:[{_PCHAR}]|%[0-9A-Fa-f]{{2}})*", re.ASCII)
_QUERY = re.compile(rf"(?:[{_PCHAR}?\[\]|]|%[0-9A-Fa-f]{{2}})*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Url:
    """A parsed URL. ``host`` is canonical: lower case, no root dot, IPv6 without brackets.

    ``address`` is set when the host is a literal address; ``path`` begins with ``/`` and
    ``query`` is empty or begins with ``?``. The fragment is gone: it is never sent.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str
    address: IPv4Address | IPv6Address | None

    @property
    def netloc(self) -> str:
        """Host and, unless it is the scheme's own, port: the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """``scheme://host[:port]``: what messages show, as paths and queries may hold secrets."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def text(self) -> str:
        """The URL in canonical spelling."""
        return f"{self.origin}{self.path}{self.query}"


def _refuse(
    reason: str, remedy: str = "write it as http(s)://host[:port]/path?query (RFC 3986)"
) -> Forbidden:
    return Forbidden(f"egress: the URL is refused: {reason}; {remedy}", remedy=remedy)


def parse_host(text: str) -> tuple[str, IPv4Address | IPv6Address | None]:
    """The canonical host of ``text`` and, when it is a literal, its address. Raises Forbidden."""
    if text.startswith("["):
        try:
            six = IPv6Address(text[1:-1] if "%" not in text else "%")
        except AddressValueError:
            raise _refuse("its IPv6 address is malformed or has a zone") from None
        return str(six), six
    host = text.lower().removesuffix(".")
    if not host.isascii():
        raise _refuse("its host has letters outside ASCII", "write the host in its xn-- form")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refuse("its host is no host name and no address")
    if not _NUMBER.fullmatch(labels[-1]):
        return host, None
    try:
        return host, IPv4Address(text)
    except AddressValueError:
        raise _refuse("its host is an odd spelling of an address", "write the address as a.b.c.d") from None


def _port(text: str | None, scheme: str) -> int:
    if text is None:
        return PORTS.get(scheme, 0)
    if not text or text[0] == "0" or int(text[:6]) > 65535:
        raise _refuse("its port is not a number from 1 to 65535")
    return int(text)


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4 for plain dots; encoded ones are left for the rules to distrust."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment == "..":
            del kept[-1:]
        if segment not in (".", ".."):
            kept.append(segment)
        elif last:
            kept.append("")
    return "/" + "/".join(kept)


def parse(text: str) -> Url:
    """The parts of an http or https URL. Raises Forbidden for everything outside the grammar."""
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise _refuse(f"it is not text of at most {MAX_LENGTH} characters")
    if any(char <= " " or char in '\x7f\\"<>' for char in text):
        raise _refuse("it contains white space, a control character, a backslash, a quote or < >",
                      "percent-encode them, or give parameters in `query`")  # fmt: skip
    shape = _SHAPE.fullmatch(text)
    if not shape:
        raise _refuse("it is not absolute")
    scheme, authority = shape[1].lower(), shape[2]
    if scheme not in PORTS:
        raise _refuse(f"its scheme is {scheme!r}", "use http or https")
    if "@" in authority:
        raise _refuse("it contains a user name", "use the `auth` input for credentials")
    place = _AUTHORITY.fullmatch(authority)
    if not place or not place[1]:
        raise _refuse("its host or port is malformed")
    host, address = parse_host(place[1])
    path, query = shape[3] or "/", shape[4] or ""
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        raise _refuse("its path or query has characters that must be percent-encoded",
                      "percent-encode them, or give parameters in `query`")  # fmt: skip
    return Url(scheme, host, _port(place[2], scheme), _without_dots(path), query, address)


def follow(base: Url, location: str) -> Url:
    """The URL that a Location header (as latin-1 text) names, seen from ``base``. Raises Forbidden."""
    if any(char <= " " or char in "\x7f\\" for char in location):
        raise _refuse("a redirect names a malformed URL", "tell the owner of that server")
    target = quote(location.encode("latin-1", "replace"), safe=_PRINTABLE)
    try:
        joined = urljoin(base.text, target)
    except ValueError:
        raise _refuse("a redirect names a malformed URL", "tell the owner of that server") from None
    return parse(joined)
