"""The installed packages and the secrets of a data directory that no server is using."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from wfcore.audit import AuditLog
from wfcore.config import Config
from wfcore.engine.clock import SystemClock
from wfcore.engine.library import Library
from wfcore.plugins.contracts import SharedStorage, Storage
from wfcore.service.app import place
from wfcore.service.installed import Installed
from wfcore.service.packages import Packages
from wfcore.service.secrets import Secrets


@contextmanager
def stored_packages(config: Config) -> Iterator[Packages]:
    """The packages, to be changed too. Raises Conflict while a server uses the database."""
    installed = Installed(config, SystemClock())
    try:
        storage = installed.use_storage()
        installed.listen()
        yield _packages(installed, storage)
    finally:
        installed.host.stop(1.0)


@contextmanager
def stored_secrets(config: Config) -> Iterator[Secrets]:
    """The secrets, to be changed too. Raises Conflict while a server uses the database."""
    installed = Installed(config, SystemClock())
    try:
        storage = installed.use_storage()
        audit = AuditLog(storage, installed.clock, place(config))
        yield installed.secrets(audit, lambda: _servers(storage))
    finally:
        installed.host.stop(1.0)


@contextmanager
def readable_packages(config: Config) -> Iterator[Packages | None]:
    """The packages, to be read only; None when there is no database that could have some."""
    installed = Installed(config, SystemClock())
    try:
        storage = installed.reader(config)
        yield _packages(installed, storage) if storage else None
    finally:
        installed.host.stop(1.0)


def _servers(storage: Storage) -> int:
    return len(storage.nodes()) if isinstance(storage, SharedStorage) else 1


def _packages(installed: Installed, storage: Storage) -> Packages:
    library = Library(storage, installed.loader().revision)
    shelf, packs, runtime = installed.shelf, installed.packs, installed.runtime
    told = partial(storage.announce, "packages")
    supply = partial(installed.supply, storage)
    clock, hooks = installed.clock, installed.hooks
    audit = AuditLog(storage, clock, place(installed.config))
    return Packages(storage, shelf, packs, runtime, library, clock, hooks, told, supply, audit)
