"""Secrets: set, list, delete, encrypt anew. No answer has a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wfcore.errors import UsageError
from wfcore.service.answers import send
from wfcore.service.body import check_keys, read_json
from wfcore.service.params import SCOPE
from wfcore.service.site import Site, actor

if TYPE_CHECKING:
    from falcon import Request, Response


class SecretList:
    """``/api/v1/secrets``."""

    def __init__(self, site: Site) -> None:
        self._secrets, self._limit = site.app.secrets, site.max_body

    def on_get(self, request: Request, response: Response) -> None:
        """List the secrets."""
        send(response, {"secrets": self._secrets.list(by=actor(request))})

    def on_post_rotate(self, request: Request, response: Response) -> None:
        """Encrypt all anew."""
        body = read_json(request, self._limit)
        check_keys(body, ("new_key",), "the request body")
        new_key = body.get("new_key", False)
        if not isinstance(new_key, bool):
            raise UsageError("the request body: new_key is no boolean", remedy='send {"new_key": true}')
        send(response, self._secrets.rotate(new_key=new_key, by=actor(request)))


class SecretItem:
    """``/api/v1/secrets/{name}``."""

    def __init__(self, site: Site) -> None:
        self._secrets, self._limit = site.app.secrets, site.max_body

    def on_put(self, request: Request, response: Response, name: str) -> None:
        """Set a secret."""
        body = read_json(request, self._limit)
        check_keys(body, ("value",), "the request body")
        value: Any = body.get("value")
        if not isinstance(value, str):
            raise UsageError("the request body has no value", remedy='send {"value": "text"}')
        send(response, self._secrets.set(name, value, SCOPE.read(request) or "", by=actor(request)))

    def on_delete(self, request: Request, response: Response, name: str) -> None:
        """Delete a secret."""
        send(response, self._secrets.delete(name, SCOPE.read(request) or "", by=actor(request)))
