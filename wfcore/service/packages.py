"""Plugin packages as operators see them: installed, listed, described, removed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, Final

from wfcore.audit import AuditLog
from wfcore.engine.library import Library
from wfcore.errors import (
    Conflict,
    InvalidPackage,
    NotFound,
)
from wfcore.hooks.calls import Hooks
from wfcore.language import words
from wfcore.model.actor import LOCAL, Actor
from wfcore.model.records import PackageRecord
from wfcore.model.times import rfc3339
from wfcore.packages import revoked
from wfcore.packages.manifest import accepted
from wfcore.packages.permissions import Permissions, missing, parse
from wfcore.packages.shelf import Shelf
from wfcore.plugins.contracts import Clock, Runtime, Storage
from wfcore.plugins.packs import Packs
from wfcore.plugins.registry import Revocation
from wfcore.service import packaged
from wfcore.service.supply import ByHand, Delivery, Supply
from wfcore.service.usage import users

Rows = list[dict[str, Any]]
Records = list[PackageRecord]
#: Who revokes.
REGISTRY: Final = Actor("registry", "admin")
log = logging.getLogger("workflow.packages")


class Packages:
    """``runtime`` gives the started runtime of a name; ``hooks`` are told of what has changed,
    the other servers by ``told`` that something has. ``supply`` makes the supply, given what heeds
    revocations; ``audit`` records who did what."""

    def __init__(
        self,
        storage: Storage,
        shelf: Shelf,
        packs: Packs,
        runtime: Callable[[str], Runtime],
        library: Library,
        clock: Clock,
        hooks: Hooks,
        told: Callable[[], None],
        supply: Callable[[Callable[[Sequence[Revocation]], int]], Supply],
        audit: AuditLog,
    ) -> None:
        self._storage = storage
        self._shelf = shelf
        self._packs = packs
        self._runtime = runtime
        self._library = library
        self._clock = clock
        self._hooks = hooks
        self._told = told
        self.supply = supply(self.revoke)
        self._audit = audit

    def look(self, reference: str, digest: str = "", *, by: Actor = LOCAL) -> dict[str, Any]:
        """What installing a reference would install; see ``supply.Supply.find``. Nothing is changed."""
        try:
            with self._noted(by, reference):
                found = self.supply.find(reference, digest)
        except ByHand as native:
            return {"command": list(native.command)}
        manifest = found.archive.manifest
        before = self._current(manifest.name)
        held = accepted(before.manifest).permissions if before else Permissions()
        wanted = manifest.permissions
        return {
            "name": manifest.name,
            "version": manifest.version,
            "digest": found.archive.digest,
            "source": found.source,
            "installed": before.version if before else None,
            "grant": wanted.to_dict(),
            "permissions": wanted.words(),
            "added": missing(wanted, held),
            "dropped": missing(held, wanted),
            "changelog": found.changelog,
            "key": found.key or None,
            "warnings": list(found.warnings),
        }

    def install_from(
        self,
        reference: str,
        digest: str = "",
        grant: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        *,
        by: Actor = LOCAL,
    ) -> dict[str, Any]:
        """Install what a reference names; see ``install``, and ``supply.Supply.find`` for what it raises."""
        with self._noted(by, reference):
            delivery = self.supply.find(reference, digest)
        return self._install(delivery, grant, secrets, by)

    def install(
        self,
        content: bytes,
        grant: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        *,
        signature: str = "",
        source: str = "",
        by: Actor = LOCAL,
    ) -> dict[str, Any]:
        """Install an archive as the current version of its package.

        ``grant`` are the permissions it gets; None: those of the version before it, if they suffice.
        ``secrets`` binds slots to stored secrets (slot -> name), ``signature`` is its minisign file,
        ``source`` where it came from, ``by`` who installs it. Raises InvalidPackage,
        Forbidden with the permissions that nobody has granted, Conflict.
        """
        with self._noted(by, source or "a file"):
            delivery = self.supply.accept(content, signature, source)
        return self._install(delivery, grant, secrets, by)

    def updates(self, name: str | None = None) -> Rows:
        """The newer versions of the installed packages, or of one, where they came from.

        Raises NotFound, and the errors of the registries.
        """
        records = self._versions(name) if name else self._storage.packages()
        found = (
            self.supply.newer(one.name, one.version, one.origin["source"])
            for one in records
            if one.current and one.origin.get("source")
        )
        versions = {one.name: one.version for one in records if one.current}
        return [
            {
                "name": one.name,
                "installed": versions[one.name],
                "version": one.version,
                "source": one.candidate.source,
                "changelog": one.changelog,
            }
            for one in found
            if one
        ]

    def search(self, words: str) -> Rows:
        """What the configured registries have: name, version, description, registry."""
        return [asdict(hit) for hit in self.supply.search(words)]

    def revoke(self, told: Sequence[Revocation]) -> int:
        """Remember what registries have revoked; how many of that are new. It does not run any more."""
        known = revoked.read(self._storage)
        new = [one for one in told if one.digest not in known]
        if new:
            names = words.listed(f"{one.name} {one.version}" for one in new)
            detail = {"packages": [f"{one.name} {one.version} ({one.digest}): {one.reason}" for one in new]}
            with self._audit.act(REGISTRY, "package.revoke", names, detail):
                revoked.add(self._storage, new)
            log.warning("revoked: %s", names)
            self.forget()
        return len(new)

    def forget(self) -> None:
        """Something about packages has changed: read them again, here and on the other servers."""
        self._shelf.forget()
        self._told()

    def _install(
        self,
        delivery: Delivery,
        grant: Mapping[str, Any] | None,
        secrets: Mapping[str, str] | None,
        by: Actor,
    ) -> dict[str, Any]:
        archive = delivery.archive
        manifest = archive.manifest
        with self._noted(by, f"{manifest.name} {manifest.version}"):
            packaged.expect_fit(archive, self._packs, self._runtime)
        before = self._current(manifest.name)
        record = PackageRecord(
            digest=archive.digest,
            name=manifest.name,
            version=manifest.version,
            manifest=manifest.text,
            module=self._storage.put_blob(archive.module),
            granted=packaged.granted(manifest, grant, before).to_dict(),
            secrets=packaged.bound(manifest, secrets or {}, before),
            installed_at=self._clock.now(),
            origin=packaged.origin(delivery, by.name),
        )
        change = (
            "installed" if before is None else "unchanged" if packaged.same(before, record) else "updated"
        )
        if change != "unchanged":
            detail = {"digest": record.digest, "granted": record.granted, "result": change}
            came = {name: record.origin[name] for name in ("source", "key") if name in record.origin}
            with self._audit.act(by, "package.install", f"{record.name} {record.version}", detail | came):
                self._storage.put_package(record)
            self._changed(manifest.name, change)
        said = {**packaged.rows(self._storage, [record])[0], **packaged.terms(record)}
        return {"result": change, "warnings": list(delivery.warnings), **said}

    def list(self) -> Rows:
        """Every installed version: name, version, digest, permissions in words, state, error."""
        return packaged.rows(self._storage, self._storage.packages())

    def locked(self) -> Rows:
        """Every installed version with all that it takes to install it again, just so."""
        records = self._storage.packages()
        terms = map(packaged.terms, records)
        return [row | more for row, more in zip(packaged.rows(self._storage, records), terms, strict=True)]

    def describe(self, name: str) -> dict[str, Any]:
        """A package with its actions, permissions, versions and users. Raises NotFound."""
        records = self._versions(name)
        record = next((one for one in records if one.current), records[0])
        manifest = accepted(record.manifest)
        declared = manifest.permissions
        return {
            **packaged.rows(self._storage, [record])[0],
            "description": manifest.description,
            "author": manifest.author,
            "license": manifest.license,
            "actions": [
                {"type": f"{name}.{one.name}", "description": one.description, "inputs": dict(one.inputs)}
                for one in manifest.actions.values()
            ],
            "refused": missing(declared, parse(record.granted)),
            **packaged.terms(record),
            "versions": [
                {"version": one.version, "digest": one.digest, "installed_at": rfc3339(one.installed_at)}
                for one in records
            ],
            "used_by": sorted(set(users(self._storage, self._library, {one.digest for one in records}))),
        }

    def remove(
        self, name: str, version: str | None = None, *, force: bool = False, by: Actor = LOCAL
    ) -> Rows:
        """Remove all versions of a package, or one. Raises NotFound; Conflict while it is in use.

        With ``force`` it goes all the same, and tasks that need it fail.
        """
        records = self._versions(name)
        gone = [one for one in records if version in (None, one.version)]
        if not gone:
            there = words.listed([one.version for one in records])
            raise NotFound(f"{name} {version} is not installed; there are {there}")
        using = (
            [] if force else sorted(set(users(self._storage, self._library, {one.digest for one in gone})))
        )
        if using:
            raise Conflict(
                f"{name} is used by {words.listed(using)}",
                remedy="disable or change these workflows first, or remove it with --force",
            )
        left = [one for one in records if one not in gone]
        detail = {"versions": [record.version for record in gone], "force": force}
        with self._audit.act(by, "package.remove", name, detail):
            for record in gone:
                self._storage.remove_package(record.digest)
            if left and not any(one.current for one in left):
                self._storage.put_package(replace(left[0], current=True))
        self._changed(name, "removed")
        return packaged.rows(self._storage, gone)

    @contextmanager
    def _noted(self, by: Actor, target: str) -> Iterator[None]:
        """A package that is refused inside is in the audit log."""
        try:
            yield
        except (InvalidPackage, Conflict) as error:
            self._audit.refused(by, "package.install", target, error)
            raise

    def _current(self, name: str) -> PackageRecord | None:
        return next((one for one in self._storage.packages(name) if one.current), None)

    def _versions(self, name: str) -> Records:
        records = self._storage.packages(name)
        if not records:
            known = [record.name for record in self._storage.packages()]
            near = words.hint(name, known)
            raise NotFound(
                f"the package {name} is not installed{near}", remedy="`workflow plugin list` shows what is"
            )
        return records

    def _changed(self, name: str, change: str) -> None:
        self.forget()
        self._hooks.emit("wf_plugin_changed", {"name": name, "change": change})
