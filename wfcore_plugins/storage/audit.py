"""The audit log and the tokens; the same for every database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from peewee import Tuple, fn

from wfcore.api import AuditQuery, AuditRecord, Conflict, TokenRecord

from .schema import COLUMNS, Sessions, Tables

_ENTRY: Final = COLUMNS["audit"]
_TOKEN: Final = COLUMNS["token"]


class AuditQueries:
    """The part of the storage contract that is about the audit log."""

    def append_audit(self: Sessions, record: AuditRecord) -> None:
        """See ``Storage``."""
        with self.writing() as t:
            row = {**{name: getattr(record, name) for name in _ENTRY}, "detail": _text(record.detail)}
            if not t.audit.insert(row).on_conflict("nothing").as_rowcount().execute():
                raise Conflict(
                    f"the audit log of {record.server} has an entry {record.seq} already",
                    remedy="another process wrote it meanwhile: try again",
                )

    def audit(self: Sessions, query: AuditQuery) -> list[AuditRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            order = (t.audit.at, t.audit.server, t.audit.seq)
            newest_first = (column.desc() for column in order)
            found = _entries(t).where(*_wanted(t, query)).order_by(*newest_first).limit(query.limit)
            return [_entry(row) for row in found.dicts()]

    def audit_chain(self: Sessions, server: str, after: int = 0, limit: int = 1000) -> list[AuditRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            a = t.audit
            found = _entries(t).where((a.server == server) & (a.seq > after)).order_by(a.seq).limit(limit)
            return [_entry(row) for row in found.dicts()]

    def audit_heads(self: Sessions) -> list[AuditRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            a = t.audit
            last = a.select(a.server, fn.MAX(a.seq)).group_by(a.server)
            found = _entries(t).where(Tuple(a.server, a.seq).in_(last)).order_by(a.server)
            return [_entry(row) for row in found.dicts()]

    def prune_audit(self: Sessions, server: str, upto: int) -> int:
        """See ``Storage``."""
        with self.writing() as t:
            a = t.audit
            return int(a.delete().where((a.server == server) & (a.seq <= upto)).execute())


class TokenQueries:
    """The part of the storage contract that is about tokens."""

    def put_token(self: Sessions, record: TokenRecord) -> None:
        """See ``Storage``."""
        with self.writing() as t:
            row = {name: getattr(record, name) for name in _TOKEN}
            insert = t.token.insert({**row, "namespaces": json.dumps(record.namespaces)})
            if not insert.on_conflict("nothing").as_rowcount().execute():
                raise Conflict(f"there is a token {record.name} already", remedy="give it another name")

    def tokens(self: Sessions) -> list[TokenRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            return [_token(row) for row in _tokens(t).order_by(t.token.name).dicts()]

    def token(self: Sessions, digest: str) -> TokenRecord | None:
        """See ``Storage``."""
        with self.reading() as t:
            found = _tokens(t).where(t.token.digest == digest).dicts()
            return next((_token(row) for row in found), None)

    def delete_token(self: Sessions, name: str) -> bool:
        """See ``Storage``."""
        with self.writing() as t:
            return bool(t.token.delete().where(t.token.name == name).execute())


def _text(detail: Mapping[str, Any]) -> str:
    return json.dumps(detail, ensure_ascii=False)


def _entries(t: Tables) -> Any:
    return t.audit.select(*(getattr(t.audit, name) for name in _ENTRY))


def _entry(row: Mapping[str, Any]) -> AuditRecord:
    return AuditRecord(**{**row, "detail": json.loads(row["detail"])})


def _wanted(t: Tables, query: AuditQuery) -> list[Any]:
    a = t.audit
    wanted = [a.seq > 0]
    if query.actor is not None:
        wanted.append(a.actor == query.actor)
    if query.action is not None:
        family = fn.SUBSTR(a.action, 1, len(query.action) + 1) == f"{query.action}."
        wanted.append((a.action == query.action) | family)
    if query.since is not None:
        wanted.append(a.at >= query.since)
    if query.until is not None:
        wanted.append(a.at < query.until)
    if query.before is not None:
        wanted.append(Tuple(a.at, a.server, a.seq) < Tuple(*query.before))
    return wanted


def _tokens(t: Tables) -> Any:
    return t.token.select(*(getattr(t.token, name) for name in _TOKEN))


def _token(row: Mapping[str, Any]) -> TokenRecord:
    return TokenRecord(**{**row, "namespaces": tuple(json.loads(row["namespaces"]))})
