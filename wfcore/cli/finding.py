"""Which server a command speaks to, and with which token. Without one, nothing of HTTP is imported."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from wfcore.errors import InvalidConfig, Unreachable
from wfcore.service.lock import read_lock

if TYPE_CHECKING:
    from wfcore.cli.client import Client

_LOCAL: Final = ("127.0.0.1", "::1", "localhost")


def find(server: str | None, data_dir: Callable[[], Path]) -> Client:
    """The client for ``--server``, else WORKFLOW_SERVER, else the server living on this data directory.

    The token is WORKFLOW_TOKEN, else the administrator's of the data directory, which goes to that
    directory's own loopback server alone, else what the keyring has for the server.
    """
    token = os.environ.get("WORKFLOW_TOKEN") or None
    address = named(server)
    if address:
        return _with_token(address, token, data_dir)
    directory = data_dir()
    running = read_lock(directory)
    if running is None or running.address is None:
        state = "is running" if running is None else "is ready yet"
        raise Unreachable(
            f"no server {state} on the data directory {directory}",
            remedy="start one with `workflow server start --detach`, or name one with --server URL",
        )
    return _with_token(running.address, token, lambda: directory)


def named(server: str | None) -> str | None:
    """The address of the server that is named: by ``--server``, else WORKFLOW_SERVER."""
    address = server or os.environ.get("WORKFLOW_SERVER") or ""
    return address.rstrip("/") or None


def running(server: str | None, data_dir: Callable[[], Path]) -> Client | None:
    """The same, or None when no server is named and none is ready here."""
    if server is None and not os.environ.get("WORKFLOW_SERVER"):
        found = read_lock(data_dir())
        if found is None or found.address is None:
            return None
    return find(server, data_dir)


def _with_token(address: str, token: str | None, data_dir: Callable[[], Path]) -> Client:
    from wfcore.cli.client import Client

    if token:
        return Client(address, token)
    directory = _home_of(address, data_dir)
    if directory is not None:
        from wfcore.service.auth import ADMIN_FILE, read_token

        return Client(address, read_token(directory), directory / ADMIN_FILE)
    from wfcore.cli import keys

    return Client(address, keys.load(address))


def _home_of(address: str, data_dir: Callable[[], Path]) -> Path | None:
    """The data directory of this machine's server, if that is the one at this address."""
    try:
        directory = data_dir()
    except InvalidConfig:  # a server was named, so a broken local configuration does not matter
        return None
    running = read_lock(directory)
    mine = running is not None and running.address == address and urlsplit(address).hostname in _LOCAL
    return directory if mine else None
