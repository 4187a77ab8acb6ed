"""A request on its way through redirects (RFC 9110 section 15.4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from wfcore.egress.url import Url, follow

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
#: Headers that never follow a redirect to another origin.
_SENSITIVE: Final = frozenset(("authorization", "cookie", "proxy-authorization"))
_ENTITY: Final = frozenset(("content-type", "content-encoding", "content-language", "content-location"))


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of a chain; header names are lower case."""

    method: str
    url: Url
    headers: Mapping[str, str]
    body: bytes | None

    def next(self, location: str, status: int, sensitive: Collection[str] = ()) -> Hop:
        """The request that a redirect asks for: what may not cross origins stays behind. Raises Forbidden."""
        url = follow(self.url, location)
        secret = _SENSITIVE.union(sensitive)
        dropped: frozenset[str] = secret if url.origin != self.url.origin else frozenset()
        method, body = self.method, self.body
        if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
            method, body, dropped = "GET", None, dropped | _ENTITY
        headers = {name: value for name, value in self.headers.items() if name not in dropped}
        return Hop(method, url, headers, body)


def redirect(status: int, headers: Mapping[str, str]) -> str | None:
    """Where an answer sends its reader, None when it is none of the redirects."""
    return headers.get("location") if status in _REDIRECTS else None
