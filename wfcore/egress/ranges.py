"""Which addresses are public, which are private and which are never connected to: a table of our own.

The standard library's ``is_global`` differs between Python releases and calls some translated
and metadata addresses global. Sources: the IANA special-purpose address registries (RFC 6890
and successors), RFC 4291, RFC 6052 and the metadata addresses that cloud providers publish.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Reach(Enum):
    """How far an address may be reached: by default, by an explicit grant, or not at all."""

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


def _nets(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


#: No rule can grant these: link-local and metadata services, "this host", multicast, broadcast,
#: and IPv6 spellings of IPv4 addresses that have no honest use in a URL.
NEVER = _nets(
    "0.0.0.0/8",  # this network
    "169.254.0.0/16",  # link-local, with most clouds' metadata
    "168.63.129.16/32",  # Azure's host services
    "100.100.100.200/32",  # Alibaba's metadata
    "192.0.0.192/32",  # Oracle's metadata
    "224.0.0.0/4",  # multicast
    "255.255.255.255/32",  # broadcast
    "::/128",  # unspecified
    "::ffff:0:0/96",  # IPv4-mapped
    "::ffff:0:0:0/96",  # IPv4-translated
    "64:ff9b:1::/48",  # local NAT64: where the IPv4 address sits is not known
    "100::/64",  # discard
    "2001::/32",  # Teredo
    "2002::/16",  # 6to4
    "fd00:ec2::254/128",  # Amazon's metadata
    "fd20:ce::254/128",  # Google's metadata
    "fe80::/10",  # link-local
    "ff00::/8",  # multicast
)

#: Inside the unicast space, yet not public.
_SPECIAL = _nets(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "2001::/23",
    "2001:db8::/32",
    "3ffe::/16",
    "3fff::/20",
)

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_COMPATIBLE = IPv6Network("::/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOOPBACK = IPv6Address("::1")
#: The interface identifiers of ISATAP (RFC 5214 section 6.1), the IPv4 address below them.
_ISATAP = (0x00005EFE, 0x02005EFE)


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == net.version and address in net for net in networks)


def _reach6(address: IPv6Address) -> Reach:
    number = int(address)
    if address == _LOOPBACK:
        return Reach.PRIVATE
    if address in _COMPATIBLE or (number >> 32) & 0xFFFFFFFF in _ISATAP:
        return Reach.NEVER
    if address in _NAT64:
        public = reach(IPv4Address(number & 0xFFFFFFFF)) is Reach.PUBLIC
        return Reach.PRIVATE if public else Reach.NEVER
    if address not in _GLOBAL_UNICAST or _within(address, _SPECIAL):
        return Reach.PRIVATE
    return Reach.PUBLIC


def reach(address: Address) -> Reach:
    """How far ``address`` may be reached. NAT64 (64:ff9b::/96) needs a grant and a public IPv4 inside."""
    if _within(address, NEVER):
        return Reach.NEVER
    if isinstance(address, IPv6Address):
        return _reach6(address)
    return Reach.PRIVATE if _within(address, _SPECIAL) else Reach.PUBLIC
