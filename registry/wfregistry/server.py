"""The server process: waitress in front of the application, until a signal ends it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waitress.server import create_server

from wfcore.errors import Conflict, InvalidConfig
from wfcore.packages import minisign
from wfregistry.app import build
from wfregistry.catalogue import Catalogue, Settings
from wfregistry.store import Store
from wfregistry.tokens import Tokens
from wfregistry.witness import Witness


@dataclass(frozen=True, slots=True)
class Place:
    """Where a registry is: its directory, its database if that is elsewhere, and what its index is."""

    data: Path
    database: str = ""
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, slots=True)
class Parts:
    """An opened registry."""

    catalogue: Catalogue
    tokens: Tokens
    key: minisign.SecretKey


@contextmanager
def opened(place: Place) -> Iterator[Parts]:
    """The registry of a place, made at its first use. Raises InvalidConfig, Conflict."""
    os.umask(0o077)
    place.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = _key(place.data / "index.key")
    try:
        store = Store(place.database, place.data)
    except ValueError as error:
        raise InvalidConfig(f"--database: {error}", remedy="correct the URL") from None
    store.open()
    try:
        catalogue = Catalogue(store, Witness(place.data / "published.log"), key, place.settings, _now)
        catalogue.open()
        yield Parts(catalogue, Tokens(store, _now), key)
    finally:
        store.close()


def serve(place: Place, host: str, port: int, threads: int, most: int) -> int:
    """Serve until SIGTERM or SIGINT. Raises Conflict when the port is taken."""
    with opened(place) as parts:
        app = build(parts.catalogue, parts.tokens, most * 4 // 3 + 65_536)
        server = _bound(app, host, port, threads, most)
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        loop = threading.Thread(target=server.run, name="http", daemon=True)
        loop.start()
        address = f"http://{host}:{server.effective_port}"
        print(f"registry {place.settings.name} at {address}", flush=True)
        print(f"its public key is {parts.key.public()}", flush=True)
        ended.wait()
        server.accepting = False
        server.task_dispatcher.shutdown(cancel_pending=True, timeout=5)
        # Not before the trigger has been pulled, which the loop, woken by something else, could overtake.
        pulled = threading.Event()
        server.trigger.pull_trigger(lambda: pulled.wait(2) and server.close())
        pulled.set()
        loop.join(2)
    return 0


def _bound(app: Any, host: str, port: int, threads: int, most: int) -> Any:
    try:
        return create_server(
            app, host=host, port=port, threads=threads, ident=None, connection_limit=1000,
            channel_timeout=30, max_request_body_size=most * 4 // 3 + 131_072,
        )  # fmt: skip
    except (OSError, socket.gaierror) as error:
        raise Conflict(
            f"{host}:{port} cannot be listened on: {error}", remedy="choose another --port"
        ) from None


def _key(file: Path) -> minisign.SecretKey:
    """The key of the index, made at the first start. Raises InvalidConfig."""
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(minisign.secret_text(minisign.generate()))
            opened.flush()
            os.fsync(opened.fileno())
    if file.stat().st_mode & 0o077:
        raise InvalidConfig(f"{file} can be read by others", remedy=f"chmod 600 {file}, and make a new key")
    return minisign.secret_key(file.read_text())


def _now() -> int:
    return time.time_ns() // 1000
