"""Secrets as the command line has them: those of a server, or of a data directory that no server uses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from wfcore.cli.finding import running
from wfcore.cli.session import Session

if TYPE_CHECKING:
    from wfcore.cli.client import Client

_PATH: Final = "/api/v1/secrets"


class Keeper(Protocol):
    """What can be done with secrets; see ``service.secrets.Secrets``."""

    def set(self, name: str, value: str, scope: str = "") -> dict[str, Any]:
        """Store a value."""

    def list(self) -> list[dict[str, Any]]:
        """Every secret, without its value."""

    def delete(self, name: str, scope: str = "") -> dict[str, Any]:
        """Forget a value."""

    def rotate(self, *, new_key: bool = False) -> dict[str, Any]:
        """Encrypt everything anew."""


class Remote:
    """The secrets of a server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def set(self, name: str, value: str, scope: str = "") -> dict[str, Any]:
        """See ``Keeper``."""
        return self._call("PUT", name, {"value": value}, scope)

    def list(self) -> list[dict[str, Any]]:
        """See ``Keeper``."""
        found: list[dict[str, Any]] = self._client.get(_PATH)["secrets"]
        return found

    def delete(self, name: str, scope: str = "") -> dict[str, Any]:
        """See ``Keeper``."""
        return self._call("DELETE", name, None, scope)

    def rotate(self, *, new_key: bool = False) -> dict[str, Any]:
        """See ``Keeper``."""
        done: dict[str, Any] = self._client.post("/api/v1/secret-keys/rotate", {"new_key": new_key})
        return done

    def _call(self, method: str, name: str, body: dict[str, str] | None, scope: str) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        done: dict[str, Any] = self._client.call(
            method, f"{_PATH}/{quote(name, safe='')}", content, query={"scope": scope or None}
        )
        return done


@contextmanager
def keeper(session: Session) -> Iterator[Keeper]:
    """The secrets of the server that is named or that runs here, else those of the data directory."""
    client = running(session.server, lambda: session.config.data_dir)
    if client is not None:
        yield Remote(client)
        return
    from wfcore.service.offline import stored_secrets
    from wfcore.service.private import keep_private

    keep_private()

    with stored_secrets(session.config) as secrets:
        yield secrets
