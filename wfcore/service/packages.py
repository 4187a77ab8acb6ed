"""Plugin packages as operators see them: installed, listed, described, removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from wfcore.audit import AuditLog
from wfcore.engine.library import Library
from wfcore.errors import (
    Conflict,
    Forbidden,
    InvalidPackage,
    NotFound,
    PluginError,
    UsageError,
    WorkflowError,
)
from wfcore.hooks.calls import Hooks
from wfcore.language import words
from wfcore.model.actor import LOCAL, Actor
from wfcore.model.execution import OPEN
from wfcore.model.records import ExecutionQuery, PackageRecord
from wfcore.model.times import rfc3339
from wfcore.packages.archive import Archive, read_archive
from wfcore.packages.manifest import Manifest, expect_usable, parse_manifest
from wfcore.packages.permissions import Permissions, missing, parse
from wfcore.packages.shelf import Shelf
from wfcore.plugins.contracts import Clock, Runtime, Storage
from wfcore.plugins.packs import Packs

Rows = list[dict[str, Any]]
Records = list[PackageRecord]
_PAGE = 1000


class Packages:
    """``runtime`` gives the started runtime of a name; ``hooks`` are told of what has changed,
    the other servers by ``told`` that something has; ``audit`` records who did it."""

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
        self._audit = audit

    def install(
        self,
        content: bytes,
        grant: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        *,
        by: Actor = LOCAL,
    ) -> dict[str, Any]:
        """Install an archive as the current version of its package.

        ``grant`` are the permissions it gets; None: those of the version before it, if they suffice.
        ``secrets`` binds slots to stored secrets (slot -> name). Raises InvalidPackage,
        Forbidden with the permissions that nobody has granted, Conflict.
        """
        archive = read_archive(content)
        manifest = archive.manifest
        self._expect_fit(archive)
        before = next((one for one in self._storage.packages(manifest.name) if one.current), None)
        record = PackageRecord(
            digest=archive.digest,
            name=manifest.name,
            version=manifest.version,
            manifest=manifest.text,
            module=self._storage.put_blob(archive.module),
            granted=_granted(manifest, grant, before).to_dict(),
            secrets=_bound(manifest, secrets or {}, before),
            installed_at=self._clock.now(),
        )
        change = "installed" if before is None else "unchanged" if _same(before, record) else "updated"
        if change != "unchanged":
            detail = {"digest": record.digest, "granted": record.granted, "result": change}
            with self._audit.act(by, "package.install", f"{record.name} {record.version}", detail):
                self._storage.put_package(record)
            self._changed(manifest.name, change)
        return {"result": change, **_row(record)}

    def list(self) -> Rows:
        """Every installed version: name, version, digest, permissions in words, state, error."""
        return [_row(record) for record in self._storage.packages()]

    def describe(self, name: str) -> dict[str, Any]:
        """A package with its actions, permissions, versions and users. Raises NotFound."""
        records = self._versions(name)
        record = next((one for one in records if one.current), records[0])
        manifest = parse_manifest(record.manifest)
        declared = manifest.permissions
        return {
            **_row(record),
            "description": manifest.description,
            "author": manifest.author,
            "license": manifest.license,
            "actions": [
                {"type": f"{name}.{one.name}", "description": one.description, "inputs": dict(one.inputs)}
                for one in manifest.actions.values()
            ],
            "refused": missing(declared, parse(record.granted)),
            "secrets": dict(record.secrets),
            "versions": [
                {"version": one.version, "digest": one.digest, "installed_at": rfc3339(one.installed_at)}
                for one in records
            ],
            "used_by": sorted(set(self._users({one.digest for one in records}))),
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
        users = [] if force else sorted(set(self._users({one.digest for one in gone})))
        if users:
            raise Conflict(
                f"{name} is used by {words.listed(users)}",
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
        return [_row(record) for record in gone]

    def _versions(self, name: str) -> Records:
        records = self._storage.packages(name)
        if not records:
            known = [record.name for record in self._storage.packages()]
            near = words.hint(name, known)
            raise NotFound(
                f"the package {name} is not installed{near}", remedy="`workflow plugin list` shows what is"
            )
        return records

    def _expect_fit(self, archive: Archive) -> None:
        manifest = archive.manifest
        if self._packs.owns(manifest.name):
            namespace = manifest.name.partition("/")[0]
            raise Conflict(
                f"the namespace of {manifest.name} belongs to the installed driver {namespace}",
                remedy="give the package another namespace",
            )
        try:
            expect_usable(manifest)
            self._runtime(manifest.runtime).check(archive.module)
        except PluginError as error:
            raise InvalidPackage(f"{manifest.name}: {error.message}", remedy=error.remedy) from None

    def _users(self, digests: set[str]) -> Iterator[str]:
        """The workflows that may start and the executions that are open with one of these versions."""
        for record in self._storage.workflows():
            if digests.intersection(record.plugins.values()) and self._enabled(record.namespace, record.id):
                yield f"workflow {record.namespace}/{record.id}"
        before: str | None = None
        while page := self._storage.executions(
            ExecutionQuery(states=tuple(OPEN), before=before, limit=_PAGE)
        ):
            before = page[-1].id
            for one in page:
                workflow, _ = self._library.revision(one.namespace, one.workflow, one.revision)
                if digests.intersection(workflow.plugins.values()):
                    yield f"execution {one.id}"

    def _enabled(self, namespace: str, id: str) -> bool:
        try:
            return self._library.current(namespace, id).enabled
        except WorkflowError:  # what cannot be loaded cannot start either
            return False

    def _changed(self, name: str, change: str) -> None:
        self._shelf.forget()
        self._told()
        self._hooks.emit("wf_plugin_changed", {"name": name, "change": change})


def _granted(
    manifest: Manifest, grant: Mapping[str, Any] | None, before: PackageRecord | None
) -> Permissions:
    """What the package gets of what it declares. Raises Forbidden when nobody has granted that."""
    wanted = manifest.permissions
    if grant is not None:
        return wanted.narrow(parse(grant, "grant"))
    held = parse(before.granted) if before else Permissions()
    if lacking := missing(wanted, held):
        asked = "; it ".join(lacking)
        raise Forbidden(
            f"{manifest.name} {manifest.version} asks for what nobody has granted: it {asked}",
            remedy="grant them with --grant, if you trust the plugin with this",
        )
    return wanted.narrow(held)


def _bound(manifest: Manifest, given: Mapping[str, str], before: PackageRecord | None) -> dict[str, str]:
    """The stored secret of each slot: as given, as before, or the one of the same name."""
    slots = manifest.permissions.secrets
    for slot in given:
        if slot not in slots:
            raise UsageError(
                f"{manifest.name} has no secret {slot}{words.hint(slot, slots)}",
                remedy=f"its secrets are {words.listed(list(slots))}" if slots else "it asks for none",
            )
    former = before.secrets if before else {}
    return {slot: given.get(slot) or former.get(slot) or slot for slot in slots}


def _same(before: PackageRecord, record: PackageRecord) -> bool:
    return replace(before, installed_at=0) == replace(record, installed_at=0)


def _row(record: PackageRecord) -> dict[str, Any]:
    try:
        manifest = parse_manifest(record.manifest)
        expect_usable(manifest)
        permissions, error = manifest.permissions.narrow(parse(record.granted)).words(), None
    except WorkflowError as fault:
        permissions, error = [], fault.message
    return {
        "name": record.name,
        "version": record.version,
        "digest": record.digest,
        "permissions": permissions,
        "state": "broken" if error else "current" if record.current else "kept",
        "error": error,
        "installed_at": rfc3339(record.installed_at),
    }
