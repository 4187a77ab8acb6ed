"""The record of an installed package: made from what was delivered and granted, and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wfcore.errors import Conflict, Forbidden, InvalidPackage, PluginError, UsageError, WorkflowError
from wfcore.language import words
from wfcore.model.records import PackageRecord
from wfcore.model.times import rfc3339
from wfcore.packages import manifest as manifests
from wfcore.packages import permissions, revoked
from wfcore.packages.manifest import Manifest, expect_usable
from wfcore.packages.permissions import Permissions, missing, parse

if TYPE_CHECKING:
    from wfcore.packages.archive import Archive
    from wfcore.plugins.contracts import Runtime, Storage
    from wfcore.plugins.packs import Packs
    from wfcore.plugins.registry import Revocation
    from wfcore.service.supply import Delivery


def granted(manifest: Manifest, grant: Mapping[str, Any] | None, before: PackageRecord | None) -> Permissions:
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


def bound(manifest: Manifest, given: Mapping[str, str], before: PackageRecord | None) -> dict[str, str]:
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


def origin(delivery: Delivery, by: str) -> dict[str, str]:
    """Where it came from, as ``PackageRecord`` has it."""
    said = {"source": delivery.source, "signature": delivery.signature, "key": delivery.key, "by": by}
    return {name: value for name, value in said.items() if value}


def same(before: PackageRecord, record: PackageRecord) -> bool:
    """Whether an installation would change nothing; who installs, and when, does not count.

    Nor does how the manifest is written: what it says comes with the digest.
    """
    one, other = (
        replace(each, installed_at=0, manifest="", origin={**each.origin, "by": ""})
        for each in (before, record)
    )
    return one == other


def rows(storage: Storage, records: Sequence[PackageRecord]) -> list[dict[str, Any]]:
    """As API and command line show them."""
    found = revoked.read(storage)
    return [_row(record, found) for record in records]


def _row(record: PackageRecord, revoked: Mapping[str, Revocation]) -> dict[str, Any]:
    try:
        manifest = _manifest(record.manifest)
        expect_usable(manifest)
        granted = permissions.accepted(record.granted)
        allowed, error = manifest.permissions.narrow(granted).words(), None
    except WorkflowError as fault:
        allowed, error = [], fault.message
    state = "broken" if error else "current" if record.current else "kept"
    if record.digest in revoked:
        state, error = "revoked", f"revoked: {revoked[record.digest].reason}"
    return {
        "name": record.name,
        "version": record.version,
        "digest": record.digest,
        "permissions": allowed,
        "state": state,
        "current": record.current,
        "error": error,
        "installed_at": rfc3339(record.installed_at),
    }


@lru_cache(maxsize=512)
def _manifest(text: str) -> Manifest:
    return manifests.accepted(text)


def terms(record: PackageRecord) -> dict[str, Any]:
    """What only those see who decide about packages: grant, stored secrets, and where it came from."""
    return {
        "granted": dict(record.granted),
        "secrets": dict(record.secrets),
        "origin": dict(record.origin),
    }


def expect_fit(archive: Archive, packs: Packs, runtime: Callable[[str], Runtime]) -> None:
    """Raise Conflict for a package in a driver's namespace, InvalidPackage for one that cannot run here."""
    manifest = archive.manifest
    if packs.owns(manifest.name):
        namespace = manifest.name.partition("/")[0]
        raise Conflict(
            f"the namespace of {manifest.name} belongs to the installed driver {namespace}",
            remedy="give the package another namespace",
        )
    try:
        expect_usable(manifest)
        runtime(manifest.runtime).check(archive.module)
    except PluginError as error:
        raise InvalidPackage(f"{manifest.name}: {error.message}", remedy=error.remedy) from None
