"""The part of the storage that is about the audit log and the tokens."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from acme_workflow.journal import Change
from wfcore.api import AuditQuery, AuditRecord, Conflict, TokenRecord


class Ledger:
    """Keys: the server and number of an entry, the name of a token."""

    def _change(self) -> AbstractContextManager[Change]:
        raise NotImplementedError

    def _all(self, table: str, *prefix: Any) -> list[Any]:
        raise NotImplementedError

    def append_audit(self, record: AuditRecord) -> None:
        with self._change() as change:
            if change.get("audit", record.server, record.seq):
                raise Conflict(f"{record.server} has an entry {record.seq} already")
            change.put("audit", (record.server, record.seq), record)

    def audit(self, query: AuditQuery) -> list[AuditRecord]:
        def place(row: AuditRecord) -> tuple[int, str, int]:
            return row.at, row.server, row.seq

        def fits(row: AuditRecord) -> bool:
            named = query.action is None or f"{row.action}.".startswith(f"{query.action}.")
            late = query.since is None or row.at >= query.since
            early = query.until is None or row.at < query.until
            before = query.before is None or place(row) < query.before
            return named and late and early and before and query.actor in (None, row.actor)

        rows = [row for row in self._all("audit") if fits(row)]
        return sorted(rows, key=place, reverse=True)[: query.limit]

    def audit_chain(self, server: str, after: int = 0, limit: int = 1000) -> list[AuditRecord]:
        rows = [row for row in self._all("audit", server) if row.seq > after]
        return sorted(rows, key=lambda row: row.seq)[:limit]

    def audit_heads(self) -> list[AuditRecord]:
        rows = sorted(self._all("audit"), key=lambda row: (row.server, row.seq))
        return list({row.server: row for row in rows}.values())

    def prune_audit(self, server: str, upto: int) -> int:
        with self._change() as change:
            old = [key for key, row in change.scan("audit", server) if row.seq <= upto]
            for key in old:
                change.put("audit", key, None)
        return len(old)

    def put_token(self, record: TokenRecord) -> None:
        with self._change() as change:
            if change.get("tokens", record.name):
                raise Conflict(f"there is a token {record.name} already")
            change.put("tokens", (record.name,), record)

    def tokens(self) -> list[TokenRecord]:
        rows = [replace(row, namespaces=tuple(row.namespaces)) for row in self._all("tokens")]
        return sorted(rows, key=lambda row: row.name)

    def token(self, digest: str) -> TokenRecord | None:
        return next((row for row in self.tokens() if row.digest == digest), None)

    def delete_token(self, name: str) -> bool:
        with self._change() as change:
            there = change.get("tokens", name) is not None
            change.put("tokens", (name,), None)
        return there
