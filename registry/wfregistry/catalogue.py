"""What a registry has: versions published once, taken back, revoked; and the index over them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from wfcore.errors import Conflict, InvalidPackage, NotFound, UsageError
from wfcore.packages import index, minisign, names, trust, versions
from wfcore.packages.archive import Archive, read_archive
from wfcore.plugins.registry import Revocation
from wfregistry.store import Store
from wfregistry.tokens import Publisher
from wfregistry.witness import Witness

#: Documents of former editions are kept so long for those who have read the index just before, in seconds.
KEEP: Final = 3600
_MAX_TEXT: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """``name`` is that of the index, ``validity`` how long an edition of it is valid, in seconds."""

    name: str = "main"
    validity: int = 7 * 86_400


class Catalogue:
    """``now`` is UTC in microseconds; ``key`` signs every edition of the index."""

    def __init__(
        self,
        store: Store,
        witness: Witness,
        key: minisign.SecretKey,
        settings: Settings,
        now: Callable[[], int],
    ) -> None:
        self._store = store
        self._witness = witness
        self._key = key
        self._settings = settings
        self._now = now

    def open(self) -> None:
        """Check that every version is what was published, and make the first edition.

        Raises Conflict for a database in which a version has changed.
        """
        table = self._store.version
        with self._store.writing():
            for one in table.select().iterator():
                found = hashlib.sha256(bytes(one.content)).hexdigest()
                if found != one.digest:
                    raise Conflict(
                        f"the database is damaged: {one.name} {one.version} has the sha256 {found},"
                        f" not {one.digest}",
                        remedy="restore it from a backup",
                    )
                self._witness.expect_same(one.name, one.version, one.digest)
                self._witness.note(self._witness.serial, one.name, one.version, one.digest)
            edition = self._edition()
            if edition is None or edition.serial < self._witness.serial or not self._is_ours(edition):
                self._renew()

    def publish(self, publisher: Publisher, content: bytes, signature: str, changelog: str) -> dict[str, Any]:
        """Take a package. The same again changes nothing.

        Raises Forbidden, InvalidPackage, Conflict for a version that is there with other content.
        """
        archive = read_archive(content)
        manifest = archive.manifest
        publisher.expect_may(manifest.name)
        _expect_signed(publisher, archive, content, signature)
        if len(changelog) > _MAX_TEXT:
            raise UsageError(f"the changelog has more than {_MAX_TEXT} letters", remedy="shorten it")
        table = self._store.version
        with self._store.writing():
            self._witness.expect_same(manifest.name, manifest.version, archive.digest)
            if table.get_or_none((table.name == manifest.name) & (table.version == manifest.version)):
                return {"result": "unchanged", "digest": archive.digest, "warnings": []}
            if self._store.revocation.get_or_none(self._store.revocation.digest == archive.digest):
                raise Conflict(
                    f"{manifest.name} {manifest.version} is revoked", remedy="publish another version"
                )
            warnings = self._expect_no_lookalike(manifest.name)
            self._witness.note(self._serial(), manifest.name, manifest.version, archive.digest)
            table.create(
                name=manifest.name, version=manifest.version, digest=archive.digest, size=len(content),
                description=manifest.description, permissions=json.dumps(manifest.permissions.to_dict()),
                published_at=self._now(), publisher=publisher.id, signature=signature, changelog=changelog,
                yanked="", content=content,
            )  # fmt: skip
            self._renew()
        return {"result": "published", "digest": archive.digest, "warnings": warnings}

    def yank(self, publisher: Publisher, name: str, version: str, reason: str) -> dict[str, Any]:
        """Take a version back, or with an empty reason offer it again.

        Ranges pass it by; who names the version or its digest still gets it. Raises Forbidden, NotFound.
        """
        publisher.expect_may(name)
        table = self._store.version
        with self._store.writing():
            same = (table.name == name) & (table.version == version)
            if not table.update(yanked=reason).where(same).execute():
                raise NotFound(f"there is no {name} {version}", remedy="search shows what there is")
            self._renew()
        return {"result": "yanked" if reason else "offered", "name": name, "version": version}

    def revoke(self, name: str, version: str, reason: str) -> str:
        """Forbid a version for ever, wherever it is installed; its digest. Raises NotFound, UsageError."""
        if not reason:
            raise UsageError("a revocation needs a reason", remedy="say what is wrong with the version")
        table = self._store.version
        with self._store.writing():
            found = table.get_or_none((table.name == name) & (table.version == version))
            if found is None:
                raise NotFound(f"there is no {name} {version}", remedy="search shows what there is")
            row = {"digest": found.digest, "name": name, "version": version, "reason": reason}
            self._store.revocation.insert(row).on_conflict_ignore().execute()
            table.update(yanked=reason).where(table.digest == found.digest).execute()
            self._renew()
            return str(found.digest)

    def search(self, words: str) -> list[dict[str, str]]:
        """The packages whose name or description has all words."""
        wanted = words.lower().split()
        top = index.read_top(self.top()[0], [self._key.public()], self._settings.name)
        return [
            {"name": one.name, "version": one.latest, "description": one.description}
            for one in sorted(top.packages.values(), key=lambda one: one.name)
            if all(word in f"{one.name} {one.description}".lower() for word in wanted)
        ]

    def top(self) -> tuple[bytes, int]:
        """The top document in its envelope, and its serial; a new edition when the last one has aged."""
        with self._store.reading():
            edition = self._edition()
        half = self._settings.validity * 500_000
        if edition is None or edition.expires_at - self._now() < half:
            with self._store.writing():
                edition = self._edition()
                if edition is None or edition.expires_at - self._now() < half:
                    edition = self._renew()
        return bytes(edition.envelope), edition.serial

    def document(self, digest: str) -> bytes:
        """A package's document. Raises NotFound."""
        with self._store.reading():
            found = self._store.document.get_or_none(self._store.document.digest == digest)
        if found is None:
            raise NotFound("there is no such document", remedy="read index.json again")
        return bytes(found.content)

    def archive(self, digest: str) -> bytes:
        """An archive. Raises NotFound."""
        with self._store.reading():
            found = self._store.version.get_or_none(self._store.version.digest == digest)
        if found is None:
            raise NotFound("there is no such archive", remedy="read index.json again")
        return bytes(found.content)

    def digests(self) -> list[str]:
        """Those of all archives."""
        with self._store.reading():
            return sorted(one.digest for one in self._store.version.select(self._store.version.digest))

    def _edition(self) -> Any:
        table = self._store.edition
        return table.select().order_by(table.serial.desc()).first()

    def _is_ours(self, edition: Any) -> bool:
        """Whether an edition has the key and the name that this registry has now."""
        try:
            top = index.read_top(bytes(edition.envelope), [self._key.public()], self._settings.name)
        except InvalidPackage:
            return False
        return top.name == self._settings.name

    def _serial(self) -> int:
        edition = self._edition()
        return max(self._witness.serial, edition.serial if edition else 0) + 1

    def _renew(self) -> Any:
        """Write the next edition of the index, within the transaction of what has changed."""
        now, serial = self._now(), max(self._serial(), 1)
        expires = now + self._settings.validity * 1_000_000
        packages = {name: self._listed(name, rows) for name, rows in self._releases().items()}
        self._leave({one.document for one in packages.values()}, now)
        revoked = tuple(
            Revocation(one.digest, one.name, one.version, one.reason)
            for one in self._store.revocation.select().order_by(self._store.revocation.digest)
        )
        top = index.Top(self._settings.name, serial, now, expires, packages, revoked)
        table = self._store.edition
        self._witness.note(serial)
        made = table.create(serial=serial, expires_at=expires, envelope=index.write_top(top, self._key))
        table.delete().where(table.serial < serial).execute()
        return made

    def _releases(self) -> dict[str, list[Any]]:
        table, found = self._store.version, dict[str, list[Any]]()
        columns = [getattr(table, name) for name in table._meta.sorted_field_names if name != "content"]
        for one in table.select(*columns).order_by(table.name):
            found.setdefault(one.name, []).append(one)
        return found

    def _listed(self, name: str, rows: list[Any]) -> index.Listed:
        rows = sorted(rows, key=lambda one: versions.key(one.version))
        content = index.write_document(name, [_release(one) for one in rows])
        digest = hashlib.sha256(content).hexdigest()
        row = {"digest": digest, "name": name, "content": content, "left_at": None}
        kept = self._store.document.insert(row)
        kept.on_conflict(conflict_target=[self._store.document.digest], update={"left_at": None}).execute()
        offered = [one for one in rows if not one.yanked] or rows
        return index.Listed(name, digest, offered[-1].version, offered[-1].description)

    def _leave(self, current: set[str], now: int) -> None:
        """Forget documents some time after the index has left them."""
        table = self._store.document
        gone = table.left_at.is_null() & table.digest.not_in(sorted(current))
        table.update(left_at=now).where(gone).execute()
        table.delete().where(table.left_at < now - KEEP * 1_000_000).execute()

    def _expect_no_lookalike(self, name: str) -> list[str]:
        """Refuse what looks like a package of somebody else; warn of what is a slip away from one."""
        table = self._store.version
        others = {one.name for one in table.select(table.name).distinct()}
        other = names.confusable(name, others)
        if not other or other.partition("/")[0] == name.partition("/")[0]:
            return []
        if names.skeleton(other) == names.skeleton(name):
            raise Conflict(f"{name} looks like {other}, which is there already", remedy="choose another name")
        return [f"{name} is one letter away from {other}"]


def _release(one: Any) -> index.Release:
    published = datetime.fromtimestamp(one.published_at / 1_000_000, UTC).isoformat(timespec="seconds")
    return index.Release(
        one.version, one.digest, one.size, published, json.loads(one.permissions), one.signature,
        one.changelog, one.yanked,
    )  # fmt: skip


def _expect_signed(publisher: Publisher, archive: Archive, content: bytes, signature: str) -> None:
    """Refuse a signature that is none, and what the publisher's key has not signed."""
    if publisher.key:
        namespace = archive.manifest.name.partition("/")[0]
        trust.of("require", {namespace: [publisher.key]}).judge(archive, content, signature, False)
    elif signature:
        minisign.signature(signature)
    if len(signature) > _MAX_TEXT:
        raise InvalidPackage("the signature is too long", remedy="send a minisign file")
