"""Plugin packages: install, list, describe, remove."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from wfcore.errors import UsageError
from wfcore.service.answers import send
from wfcore.service.body import check_keys, read_json
from wfcore.service.params import FORCE, NAME, VERSION, WORDS
from wfcore.service.site import Site, actor

if TYPE_CHECKING:
    from falcon import Request, Response

_KEYS: Final = ("package", "signature", "source", "reference", "digest", "grant", "secrets")


class PackageList:
    """``/api/v1/packages``."""

    def __init__(self, site: Site) -> None:
        self._packages, self._limit = site.app.packages, site.max_body

    def on_get(self, _request: Request, response: Response) -> None:
        """List the installed packages."""
        send(response, {"packages": self._packages.list()})

    def on_post(self, request: Request, response: Response) -> None:
        """Install a package."""
        body = read_json(request, self._limit)
        check_keys(body, _KEYS, "the request body")
        grant, secrets = _mapping(body, "grant"), _mapping(body, "secrets")
        if "reference" in body:
            wanted = _text(body, "reference", needed=True), _text(body, "digest")
            done = self._packages.install_from(*wanted, grant, secrets, by=actor(request))
        else:
            content = _archive(body.get("package"))
            origin = {"signature": _text(body, "signature"), "source": _text(body, "source")}
            done = self._packages.install(content, grant, secrets, **origin, by=actor(request))
        send(response, done)

    def on_post_look(self, request: Request, response: Response) -> None:
        """Say what a reference would install."""
        body = read_json(request, self._limit)
        check_keys(body, ("reference", "digest"), "the request body")
        wanted = _text(body, "reference", needed=True), _text(body, "digest")
        send(response, self._packages.look(*wanted, by=actor(request)))

    def on_get_lock(self, _request: Request, response: Response) -> None:
        """List what a lock has."""
        send(response, {"packages": self._packages.locked()})

    def on_get_updates(self, request: Request, response: Response) -> None:
        """List newer versions."""
        send(response, {"updates": self._packages.updates(NAME.read(request))})

    def on_get_search(self, request: Request, response: Response) -> None:
        """Search the registries."""
        send(response, {"packages": self._packages.search(WORDS.read(request) or "")})


class PackageItem:
    """``/api/v1/packages/{namespace}/{name}``."""

    def __init__(self, site: Site) -> None:
        self._packages = site.app.packages

    def on_get(self, _request: Request, response: Response, namespace: str, name: str) -> None:
        """Describe a package."""
        send(response, self._packages.describe(f"{namespace}/{name}"))

    def on_delete(self, request: Request, response: Response, namespace: str, name: str) -> None:
        """Remove a package."""
        version, force = VERSION.read(request), FORCE.read(request)
        gone = self._packages.remove(f"{namespace}/{name}", version, force=force, by=actor(request))
        send(response, {"packages": gone})


def _archive(given: Any) -> bytes:
    try:
        content = base64.b64decode(given, validate=True) if isinstance(given, str) else b""
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise UsageError(
            "the request body has no package", remedy='send {"package": "base64 of the .wfp file"}'
        )
    return content


def _text(body: dict[str, Any], key: str, *, needed: bool = False) -> str:
    value = body.get(key)
    if (value is None and not needed) or isinstance(value, str):
        return value or ""
    raise UsageError(f"the request body: {key} is no text", remedy=f'send {{"{key}": "…"}}')


def _mapping(body: dict[str, Any], key: str) -> dict[str, Any] | None:
    value = body.get(key)
    if value is not None and not isinstance(value, dict):
        raise UsageError(f"the request body: {key} is no object", remedy=f'send {{"{key}": {{…}}}}')
    if key == "secrets" and not all(isinstance(name, str) and name for name in (value or {}).values()):
        raise UsageError(
            "the request body: secrets must name a secret for each slot", remedy='send {"SLOT": "name"}'
        )
    return value
