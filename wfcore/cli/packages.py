"""Packages as the command line has them: where an archive comes from, and who keeps the installed ones."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from wfcore.cli.client import Client, running
from wfcore.cli.session import Session
from wfcore.errors import InvalidPackage, NotFound, UsageError

_PATH: Final = "/api/v1/packages"
_DIGEST: Final = re.compile(r"sha256=([0-9a-f]{64})")
#: The largest archive that is read.
_MOST: Final = 64 * 2**20
_SECONDS: Final = 60.0


class Keeper(Protocol):
    """What can be done with installed packages; see ``service.packages.Packages``."""

    def install(
        self, content: bytes, grant: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Install an archive."""

    def list(self) -> list[dict[str, Any]]:
        """Every installed version."""

    def describe(self, name: str) -> dict[str, Any]:
        """One package."""

    def remove(self, name: str, version: str | None = None, *, force: bool = False) -> Any:
        """Remove a package."""


class Remote:
    """The packages of a server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def install(
        self, content: bytes, grant: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """See ``Keeper``."""
        body = {"package": base64.b64encode(content).decode(), "grant": grant, "secrets": secrets or {}}
        done: dict[str, Any] = self._client.post(_PATH, body)
        return done

    def list(self) -> list[dict[str, Any]]:
        """See ``Keeper``."""
        found: list[dict[str, Any]] = self._client.get(_PATH)["packages"]
        return found

    def describe(self, name: str) -> dict[str, Any]:
        """See ``Keeper``."""
        found: dict[str, Any] = self._client.get(f"{_PATH}/{name}")
        return found

    def remove(self, name: str, version: str | None = None, *, force: bool = False) -> Any:
        """See ``Keeper``."""
        query = {"version": version, "force": "true" if force else None}
        return self._client.call("DELETE", f"{_PATH}/{name}", query=query)["packages"]


@contextmanager
def keeper(session: Session) -> Iterator[Keeper]:
    """The packages of the server that is named or that runs here, else those of the data directory."""
    client = running(session.server, lambda: session.config.data_dir)
    if client is not None:
        yield Remote(client)
        return
    from wfcore.service.offline import stored_packages

    with stored_packages(session.config) as packages:
        yield packages


@contextmanager
def reader(session: Session) -> Iterator[Keeper | None]:
    """The same, to be read only; None when there is neither a server nor a database."""
    client = running(session.server, lambda: session.config.data_dir)
    if client is not None:
        yield Remote(client)
        return
    from wfcore.service.offline import readable_packages

    with readable_packages(session.config) as packages:
        yield packages


def name_of(text: str) -> str:
    """The name of a package. Raises UsageError for what cannot be one."""
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}/[a-z][a-z0-9_-]{0,63}", text):
        raise UsageError(f"{text!r} is no name of a package", remedy="write one like community/slack")
    return text


def archive(session: Session, source: str) -> bytes:
    """The archive of a ``.wfp`` file, a URL with ``#sha256=…``, or a plugin's folder, which is built.

    Raises NotFound, UsageError, InvalidPackage, and the errors of a download.
    """
    if "://" in source:
        return _downloaded(session, source)
    place = Path(source)
    if place.is_dir():
        from wfcore.cli.projects import built

        return built(session, source).archive
    if not place.exists():
        raise NotFound(f"there is no {source}", remedy="name a folder, a .wfp file or a URL with #sha256=…")
    from wfcore.cli.sources import read

    return read(source, _MOST)


def _downloaded(session: Session, source: str) -> bytes:
    url, _, fragment = source.partition("#")
    digest = _DIGEST.fullmatch(fragment)
    if digest is None:
        raise UsageError(
            f"{url} comes without the digest that it must have",
            remedy="write URL#sha256=… with the sha256 that its publisher tells you",
        )
    from wfcore.egress import Guard

    egress = session.config["egress"]
    guard = Guard(egress["allow"], default=egress["default"], ca_file=egress["caFile"])
    try:
        response = guard.request("GET", url, timeout=_SECONDS, max_bytes=_MOST)
    finally:
        guard.close()
    if response.status != 200:
        raise NotFound(f"{url} answers {response.status}, not with a package", remedy="correct the URL")
    found = hashlib.sha256(response.body).hexdigest()
    if found != digest[1]:
        raise InvalidPackage(
            f"{url} is not what it should be: its sha256 is {found}, not {digest[1]}",
            remedy="ask its publisher; nothing was installed",
        )
    return response.body
