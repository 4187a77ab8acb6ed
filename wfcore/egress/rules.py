"""What ``egress.allow`` says: text patterns, read once into rules that can be asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any
from urllib.parse import unquote

from wfcore.egress.ranges import NEVER, Address, Network, Reach, reach
from wfcore.egress.url import PORTS, Url, parse_host
from wfcore.errors import Forbidden, InvalidConfig

Ports = tuple[tuple[int, int], ...]

_PATTERN = re.compile(r"(?:(https?|\*)://)?(\[[^\]]*\]|[^/:\[\]]+)(?::(\*|[0-9-]+))?(/[^?#\s]*)?", re.ASCII)
_RANGE = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?", re.ASCII)
_CIDR = re.compile(r"[0-9.]+/[0-9]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:/[0-9]+)?", re.ASCII)
_ANY_PORT: Ports = ((1, 65535),)
_METHODS = re.compile(r"([A-Z]+(?:\|[A-Z]+)*) +", re.ASCII)
_LOCALHOST = (ip_network("127.0.0.1/32"), ip_network("::1/128"))
_PATH = re.compile(r"/[^*?#\s]*\*?", re.ASCII)
_REMEDY = (
    "write https://*.example.com/path/*, http://127.0.0.1:8080, 10.20.0.0/16, "
    "or https://name.example.com at 10.20.0.0/16"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One grant: these requests, to public addresses if ``public``, and to ``networks``.

    ``host`` is a name, ``*.suffix`` (one or more labels before it, never the suffix itself),
    ``*`` or a literal address. An empty ``ports`` means the port of each scheme, an empty
    ``path`` any; a path that ends in ``*`` is a prefix. Empty ``methods`` are all.
    """

    host: str = "*"
    schemes: frozenset[str] = frozenset(PORTS)
    ports: Ports = _ANY_PORT
    public: bool = True
    networks: tuple[Network, ...] = ()
    path: str = ""
    methods: frozenset[str] = frozenset()

    def covers(self, url: Url, method: str = "") -> bool:
        """True when this rule speaks of such a request, whatever address it leads to."""
        return (
            (not self.methods or method in self.methods)
            and url.scheme in self.schemes
            and self._host(url.host)
            and self._port(url)
            and (not self.path or self._path(url.path))
        )

    def grants(self, address: Address) -> bool:
        """True when a covered request may connect to ``address``."""
        kind = reach(address)
        if kind is Reach.NEVER:
            return False
        if kind is Reach.PUBLIC and self.public:
            return True
        return any(address.version == net.version and address in net for net in self.networks)

    def _host(self, host: str) -> bool:
        if self.host.startswith("*."):
            return host.endswith(self.host[1:]) and len(host) >= len(self.host)
        return self.host in ("*", host)

    def _port(self, url: Url) -> bool:
        if not self.ports:
            return url.port == PORTS[url.scheme]
        return any(low <= url.port <= high for low, high in self.ports)

    def _path(self, path: str) -> bool:
        plain = unquote(path)
        # What a server may read as another path than the one matched here grants nothing.
        if "\\" in plain or plain.count("/") != path.count("/") or {".", ".."} & set(plain.split("/")):
            return False
        return path.startswith(self.path[:-1]) if self.path.endswith("*") else path == self.path


def _fault(where: str, reason: str) -> InvalidConfig:
    return InvalidConfig(f"{where}: {reason}; {_REMEDY}", remedy=_REMEDY)


def _network(text: Any, where: str) -> Network:
    try:
        network = ip_network(text if isinstance(text, str) else "")
    except ValueError:
        raise _fault(where, f"{text!r} is no CIDR (is a bit set behind the prefix?)") from None
    first, last = network.network_address, network.broadcast_address
    if any(net.version == network.version and first in net and last in net for net in NEVER):
        raise _fault(where, f"{text} is metadata, link-local or multicast and can never be granted")
    return network


def _host(text: str, where: str) -> tuple[str, tuple[Network, ...]]:
    """The host pattern, and the networks that it names by itself (a literal address, localhost)."""
    if text == "*":
        return text, ()
    star = text.startswith("*.")
    try:
        host, address = parse_host(text[2:] if star else text)
    except Forbidden:
        raise _fault(where, f"{text!r} is no host name, *.name, * or address") from None
    if address is not None:
        if star:
            raise _fault(where, "an address cannot follow '*.'")
        return host, (_network(str(address), where),)
    return ("*." + host if star else host), (_LOCALHOST if host == "localhost" and not star else ())


def _ports(text: str, where: str) -> Ports:
    if text == "*":
        return _ANY_PORT
    match = _RANGE.fullmatch(text)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not low <= high <= 65535:
        raise _fault(where, f"{text!r} is no port or range of ports")
    return ((low, high),)


def _pattern(text: str, addresses: Sequence[str], where: str) -> Rule:
    match = _PATTERN.fullmatch(text)
    if not match:
        raise _fault(where, f"{text!r} is no pattern")
    scheme, name, ports, path = match.groups()
    host, networks = _host(name, where)
    if path and not _PATH.fullmatch(path):
        raise _fault(where, f"{path!r} is no path; only its end may be *")
    return Rule(
        host=host,
        schemes=frozenset(PORTS) if scheme in (None, "*") else frozenset({scheme}),
        ports=_ports(ports, where) if ports else () if scheme else _ANY_PORT,
        public=not networks,
        networks=networks + tuple(_network(address, where) for address in addresses),
        path="" if path in (None, "/*") else path,
    )


def _rule(entry: Any, where: str) -> Rule:
    if not isinstance(entry, str):
        raise _fault(where, "a rule is text")
    methods, rest = _methods(entry.strip())
    pattern, at, addresses = rest.partition(" at ")
    if at and not addresses.split():
        raise _fault(where, "no CIDR follows 'at'")
    if not at and _CIDR.fullmatch(pattern):
        return Rule(public=False, networks=(_network(pattern, where),), methods=methods)
    return replace(_pattern(pattern.strip(), addresses.split(), where), methods=methods)


def _methods(entry: str) -> tuple[frozenset[str], str]:
    """The methods that a rule begins with, and the rest of it."""
    match = _METHODS.match(entry)
    return (frozenset(match[1].split("|")), entry[match.end() :]) if match else (frozenset(), entry)


def read_rules(allow: Sequence[Any], default: str = "public") -> tuple[Rule, ...]:
    """The rules of ``egress.default`` and ``egress.allow``. Raises InvalidConfig that names the entry.

    A rule is ``[METHOD|METHOD ][scheme://]host[:ports][/path] [at CIDR …]`` or a CIDR. With a scheme and
    without ports the scheme's own port is meant, without both any port. ``at`` adds private addresses
    that the name may lead to.
    """
    if default not in ("public", "none"):
        remedy = "write one of them"
        raise InvalidConfig(f"egress.default: {default!r} is neither public nor none", remedy=remedy)
    if isinstance(allow, str | bytes) or not isinstance(allow, Sequence):
        raise _fault("egress.allow", "it must be a list of rules")
    base = (Rule(),) if default == "public" else ()
    return base + tuple(_rule(entry, f"egress.allow[{index}]") for index, entry in enumerate(allow))
