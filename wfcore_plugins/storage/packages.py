"""Installed plugin packages; the same for every database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from wfcore.api import Conflict, PackageRecord

from .schema import COLUMNS, Sessions, Tables

#: Columns that hold JSON.
_TEXTS: Final = ("granted", "secrets", "origin")


class PackageQueries:
    """The part of the storage contract that is about packages."""

    def put_package(self: Sessions, record: PackageRecord) -> None:
        """See ``Storage``."""
        with self.writing(alone=True) as t:
            _expect_unchanged(t, record)
            p = t.package
            if record.current:
                p.update(current=0).where((p.name == record.name) & (p.current == 1)).execute()
            row = _row(record)
            p.insert(row).on_conflict(conflict_target=[p.digest], update=row).execute()

    def packages(self: Sessions, name: str | None = None) -> list[PackageRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            p = t.package
            found = _select(t) if name is None else _select(t).where(p.name == name)
            newest_first = found.order_by(p.name, p.installed_at.desc(), p.digest)
            return [_record(row) for row in newest_first.dicts()]

    def package(self: Sessions, digest: str) -> PackageRecord | None:
        """See ``Storage``."""
        with self.reading() as t:
            found = _select(t).where(t.package.digest == digest)
            return next((_record(row) for row in found.dicts()), None)

    def remove_package(self: Sessions, digest: str) -> bool:
        """See ``Storage``."""
        with self.writing() as t:
            return bool(t.package.delete().where(t.package.digest == digest).execute())


def _select(t: Tables) -> Any:
    return t.package.select(*(getattr(t.package, name) for name in COLUMNS["package"]))


def _row(record: PackageRecord) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(record, name) for name in COLUMNS["package"]}
    texts = {name: json.dumps(row[name], ensure_ascii=False) for name in _TEXTS}
    return {**row, **texts, "current": int(record.current)}


def _record(row: Mapping[str, Any]) -> PackageRecord:
    values = {name: json.loads(row[name]) for name in _TEXTS}
    return PackageRecord(**{**row, **values, "current": bool(row["current"])})


def _expect_unchanged(t: Tables, record: PackageRecord) -> None:
    p = t.package
    same = (p.name == record.name) & (p.version == record.version) & (p.digest != record.digest)
    for (digest,) in p.select(p.digest).where(same).tuples():
        raise Conflict(
            f"{record.name} {record.version} is installed with other content: {digest[:12]},"
            f" not {record.digest[:12]}",
            remedy="a version never changes: give the new content a new version, or remove the old one",
        )
