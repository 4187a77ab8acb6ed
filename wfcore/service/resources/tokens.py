"""Tokens: make, list, revoke; and who the sender of a request is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wfcore.errors import UsageError
from wfcore.language.duration import parse
from wfcore.service.answers import send
from wfcore.service.body import check_keys, read_json
from wfcore.service.site import Site, actor
from wfcore.service.tokens import LIFE, TokenDesk

if TYPE_CHECKING:
    from falcon import Request, Response


class TokenList:
    """``/api/v1/tokens``."""

    def __init__(self, site: Site) -> None:
        self._desk, self._limit = _desk(site), site.max_body

    def on_get(self, _request: Request, response: Response) -> None:
        """List the tokens."""
        send(response, {"tokens": self._desk.list()})

    def on_post(self, request: Request, response: Response) -> None:
        """Make a token."""
        body = read_json(request, self._limit)
        check_keys(body, ("name", "role", "namespaces", "expires"), "the request body")
        name, role = _text(body, "name"), _text(body, "role")
        namespaces = body.get("namespaces") or []
        if not isinstance(namespaces, list) or not all(isinstance(one, str) for one in namespaces):
            raise UsageError("`namespaces` is not a list of texts", remedy='send {"namespaces": ["default"]}')
        made = self._desk.create(name, role, namespaces, _life(body.get("expires")), by=actor(request))
        send(response, made, 201)


class TokenItem:
    """``/api/v1/tokens/{name}``."""

    def __init__(self, site: Site) -> None:
        self._desk = _desk(site)

    def on_delete(self, request: Request, response: Response, name: str) -> None:
        """Revoke a token."""
        self._desk.revoke(name, by=actor(request))
        response.status = 204


class Self:
    """``/api/v1/self``."""

    def __init__(self, _site: Site) -> None:
        """Asks nobody."""

    def on_get(self, request: Request, response: Response) -> None:
        """Who sends this."""
        who = actor(request)
        send(response, {"name": who.name, "role": who.role, "namespaces": list(who.namespaces)})


def _desk(site: Site) -> TokenDesk:
    return TokenDesk(site.app.storage, site.app.clock, site.app.audit)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise UsageError(f"`{name}` is not a text", remedy='send {"name": "ci", "role": "operator"}')
    return value


def _life(given: Any) -> float | None:
    """Seconds, from ``never`` or a duration; without one the usual life."""
    if given is None:
        return LIFE
    if given == "never":
        return None
    try:
        return parse(given)
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"`expires` is no duration: {error}", remedy="write one such as 90d, or never"
        ) from None
