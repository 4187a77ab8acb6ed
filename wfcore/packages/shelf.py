"""The installed packages, as storage has them, read once and kept until something changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from wfcore.errors import InvalidPackage, PluginError
from wfcore.model.records import PackageRecord
from wfcore.packages import revoked
from wfcore.packages.manifest import Manifest, accepted, expect_usable
from wfcore.packages.permissions import Permissions, parse
from wfcore.plugins.contracts import Module, Storage
from wfcore.plugins.registry import Revocation

_INSTALL: Final = "install it again, or apply the workflow again to take the version that is installed"


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package, ready to use. ``permissions`` are what it declares and the operator granted."""

    record: PackageRecord
    manifest: Manifest
    permissions: Permissions
    module: Module


class Shelf:
    """Reads packages from the storage that it is told to use; without one there are none."""

    def __init__(self) -> None:
        self._open: Callable[[], Storage | None] = lambda: None
        self._packages: dict[str, Package] = {}
        self._current: Mapping[str, str] | None = None
        self._revoked: Mapping[str, Revocation] = {}
        self._lock = threading.Lock()

    def use(self, open: Callable[[], Storage | None]) -> None:
        """Read from the storage that ``open`` gives, which is asked when a package is first looked for."""
        self._open = open
        self.forget()

    def forget(self) -> None:
        """Something was installed or removed: read again when next asked."""
        with self._lock:
            self._packages = {}
            self._current = None

    def current(self) -> Mapping[str, str]:
        """The digest of the current version of each installed package, by name."""
        found = self._current
        if found is None:
            with self._lock:
                if self._current is None:
                    storage = self._open()
                    records = storage.packages() if storage else []
                    self._revoked = revoked.read(storage) if storage else {}
                    self._current = {record.name: record.digest for record in records if record.current}
                found = self._current
        return found

    def find(self, name: str, pins: Mapping[str, str]) -> Package | None:
        """The package that ``pins`` names, else the current one; None when there is none.

        Raises PluginError when the pinned one is gone or revoked, or this release cannot use it.
        """
        current = self.current()
        digest = pins.get(name) or current.get(name)
        return None if digest is None else self._package(name, digest)

    def _package(self, name: str, digest: str) -> Package:
        found = self._packages.get(digest)
        if found is None:
            storage = self._open()
            record = storage.package(digest) if storage else None
            if storage is None or record is None:
                raise PluginError(
                    f"the {name} that the workflow was applied with ({digest[:12]}) is no longer installed",
                    remedy=_INSTALL,
                )
            revoked.expect_usable(self._revoked, digest, record.name, record.version)
            found = self._packages[digest] = _opened(storage, record)
        return found


def _opened(storage: Storage, record: PackageRecord) -> Package:
    try:
        manifest = accepted(record.manifest)
    except InvalidPackage as error:
        raise PluginError(f"the manifest of {record.name} cannot be read: {error.message}") from None
    expect_usable(manifest)
    permissions = manifest.permissions.narrow(parse(record.granted))
    module = Module(record.module, lambda: storage.get_blob(record.module))
    return Package(record, manifest, permissions, module)
