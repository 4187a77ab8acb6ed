"""Packages as the command line has them: where an archive comes from, and who keeps the installed ones."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from wfcore.cli.finding import running
from wfcore.cli.session import Session
from wfcore.errors import UsageError

if TYPE_CHECKING:
    from wfcore.cli.client import Client
    from wfcore.model.actor import Actor
    from wfcore.plugins.contracts import OpenRegistry, Parcel, Registry

_PATH: Final = "/api/v1/packages"
Grant = Mapping[str, Any] | None
Secrets = Mapping[str, str] | None
Rows = list[dict[str, Any]]


class Keeper(Protocol):
    """What can be done with installed packages; see ``service.packages.Packages``."""

    def install(
        self,
        content: bytes,
        grant: Grant = None,
        secrets: Secrets = None,
        *,
        signature: str,
        source: str,
        by: Actor,
    ) -> dict[str, Any]:
        """Install an archive."""

    def look(self, reference: str, digest: str = "") -> dict[str, Any]:
        """What a reference would install."""

    def install_from(
        self, reference: str, digest: str = "", grant: Grant = None, secrets: Secrets = None, *, by: Actor
    ) -> dict[str, Any]:
        """Install what a reference names."""

    def updates(self, name: str | None = None) -> Rows:
        """Newer versions of what is installed."""

    def search(self, words: str) -> Rows:
        """What the registries have."""

    def list(self) -> Rows:
        """Every installed version."""

    def locked(self) -> Rows:
        """Every installed version, with all that it takes to install it again."""

    def describe(self, name: str) -> dict[str, Any]:
        """One package."""

    def remove(self, name: str, version: str | None = None, *, force: bool = False) -> Any:
        """Remove a package."""


class Remote:
    """The packages of a server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def install(
        self,
        content: bytes,
        grant: Grant = None,
        secrets: Secrets = None,
        *,
        signature: str,
        source: str,
        by: Actor,
    ) -> dict[str, Any]:
        """See ``Keeper``; the server knows by its token who installs."""
        package = {"package": base64.b64encode(content).decode(), "signature": signature, "source": source}
        done: dict[str, Any] = self._client.post(_PATH, {**package, "grant": grant, "secrets": secrets or {}})
        return done

    def look(self, reference: str, digest: str = "") -> dict[str, Any]:
        """See ``Keeper``."""
        found: dict[str, Any] = self._client.post(f"{_PATH}/look", {"reference": reference, "digest": digest})
        return found

    def install_from(
        self, reference: str, digest: str = "", grant: Grant = None, secrets: Secrets = None, *, by: Actor
    ) -> dict[str, Any]:
        """See ``Keeper``."""
        wanted = {"reference": reference, "digest": digest}
        done: dict[str, Any] = self._client.post(_PATH, {**wanted, "grant": grant, "secrets": secrets or {}})
        return done

    def updates(self, name: str | None = None) -> Rows:
        """See ``Keeper``."""
        found: Rows = self._client.call("GET", f"{_PATH}/updates", query={"name": name})["updates"]
        return found

    def search(self, words: str) -> Rows:
        """See ``Keeper``."""
        query = {"words": words or None}
        found: Rows = self._client.call("GET", f"{_PATH}/search", query=query)["packages"]
        return found

    def list(self) -> Rows:
        """See ``Keeper``."""
        found: Rows = self._client.get(_PATH)["packages"]
        return found

    def locked(self) -> Rows:
        """See ``Keeper``."""
        found: Rows = self._client.get(f"{_PATH}/lock")["packages"]
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


@contextmanager
def driver(session: Session, name: str) -> Iterator[Registry]:
    """A registry of this machine, for what needs no server and no database."""
    from wfcore.cli.projects import installation
    from wfcore.plugins.kinds import REGISTRIES

    with installation(session) as installed:
        yield installed.live(REGISTRIES, name)


@contextmanager
def taking(session: Session) -> Iterator[OpenRegistry]:
    """The first of the configured registries that takes packages. Raises PluginError."""
    from wfcore.cli.projects import installation
    from wfcore.errors import PluginError
    from wfcore.plugins.contracts import OpenRegistry
    from wfcore.plugins.kinds import REGISTRIES

    names = session.config["plugins"]["registries"]
    with installation(session) as installed:
        found = (installed.live(REGISTRIES, name) for name in names)
        registry = next((one for one in found if isinstance(one, OpenRegistry)), None)
        if registry is None:
            raise PluginError(
                f"none of the registries takes packages: {', '.join(names) or 'there is none'}",
                remedy="name one that does in plugins.registries, such as http",
            )
        yield registry


def local(session: Session, target: str) -> Parcel:
    """The package in a file or of a folder, which is built. Raises NotFound, UsageError, InvalidPackage."""
    from wfcore.packages.reference import FOLDER

    with driver(session, FOLDER) as folders:
        (candidate,) = folders.candidates(target)
        return folders.fetch(candidate)


def user() -> Actor:
    """Who runs this command, as the audit log of this machine has it."""
    import getpass

    from wfcore.model.actor import Actor

    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        name = f"uid {os.getuid()}"
    return Actor(f"local:{name}", "admin")
