"""The audit log as administrators see it: listed, exported, verified."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from wfcore.audit.chain import PRUNE, export, faults, pruned
from wfcore.errors import UsageError
from wfcore.model.records import AuditQuery
from wfcore.plugins.contracts import Storage

#: Entries that are read at once.
PAGE: Final = 1000
#: So many faults of a log are named.
NAMED: Final = 20
_PLACE: Final = re.compile(r"(\d{1,18})\.(\d{1,18})\.(.+)", re.S)


class Trail:
    """Reads the audit logs of all servers that share a storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def list(self, query: AuditQuery) -> dict[str, Any]:
        """``{"entries": newest first, "next": where the next page begins, or None}``."""
        records = self._storage.audit(query)
        last = records[-1] if len(records) == query.limit else None
        place = f"{last.at}.{last.seq}.{last.server}" if last else None
        return {"entries": [export(record) for record in records], "next": place}

    def entries(self, server: str, after: int, limit: int) -> dict[str, Any]:
        """``{"entries": of one server in order, "next": the number after which to go on}``."""
        found = [export(record) for record in self._storage.audit_chain(server, after, limit)]
        return {"entries": found, "next": found[-1]["seq"] if found else after}

    def verify(self) -> dict[str, Any]:
        """``{"valid": …, "servers": [{server, first, last, digest, faults}]}``; ``digest`` is the last one's.

        Whoever keeps ``last`` and ``digest`` elsewhere can tell later that the end was cut off.
        """
        starts = pruned(export(record) for record in self._prunings())
        servers = []
        for head in self._storage.audit_heads():
            chain = self._chain(head.server, head.seq)
            named = [fault for fault, _ in zip(faults(chain, starts), range(NAMED), strict=False)]
            first = self._storage.audit_chain(head.server, 0, 1)[0].seq
            servers.append(
                {
                    "server": head.server,
                    "first": first,
                    "last": head.seq,
                    "digest": head.digest,
                    "faults": named,
                }
            )
        return {"valid": not any(one["faults"] for one in servers), "servers": servers}

    def _chain(self, server: str, upto: int) -> Iterator[dict[str, Any]]:
        after = 0
        while page := self._storage.audit_chain(server, after, PAGE):
            yield from (export(record) for record in page if record.seq <= upto)
            after = page[-1].seq
            if after >= upto:
                return

    def _prunings(self) -> Iterator[Any]:
        query = AuditQuery(action=PRUNE, limit=PAGE)
        while page := self._storage.audit(query):
            yield from page
            query = replace(query, before=(page[-1].at, page[-1].server, page[-1].seq))


def place(text: str) -> tuple[int, str, int]:
    """Where a page ended, from what ``list`` gave as ``next``. Raises UsageError."""
    found = _PLACE.fullmatch(text)
    if not found:
        raise UsageError(f"before={text[:80]!r} is no place in the log", remedy="give the `next` of a page")
    return int(found[1]), found[3], int(found[2])
