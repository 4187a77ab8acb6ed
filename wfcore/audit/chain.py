"""The chain of a server's audit log: each entry holds the digest of the one before it.

The digest is the sha256 (FIPS 180-4, lower-case hex) of the entry's other fields as JSON: keys in order, no
spaces, UTF-8. So an exported log can be checked by a few lines in any language.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from wfcore.model.records import AuditRecord

#: What the first entry of a chain has instead of a digest before it.
ORIGIN: Final = "0" * 64
#: The action by which old entries are removed; its detail names the last of them.
PRUNE: Final = "audit.prune"


def seal(record: AuditRecord) -> AuditRecord:
    """The entry with its digest."""
    return replace(record, digest=digest(plain(record)))


def plain(record: AuditRecord) -> dict[str, Any]:
    """An entry as it is exported, without a loss; ``at`` is in microseconds since 1970, UTC."""
    return {
        "server": record.server,
        "seq": record.seq,
        "at": record.at,
        "actor": record.actor,
        "remote": record.remote,
        "action": record.action,
        "target": record.target,
        "result": record.result,
        "detail": dict(record.detail),
        "previous": record.previous,
        "digest": record.digest,
    }


def digest(entry: Mapping[str, Any]) -> str:
    """The digest that an exported entry must have."""
    fields = {name: value for name, value in entry.items() if name != "digest"}
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """The place of an entry: what an anchor outside of the log has to remember of it."""

    server: str
    seq: int
    digest: str


def faults(server: str, entries: Iterable[AuditRecord], pruned: frozenset[Link]) -> Iterator[str]:
    """What is wrong with a server's log, an entry each; nothing when it is whole.

    ``pruned`` are the ends of what was removed by retention: there the log may begin.
    """
    last: Link | None = None
    for entry in entries:
        if entry.digest != digest(plain(entry)):
            yield f"entry {entry.seq} was changed"
        if last is None:
            if not _may_begin(server, entry, pruned):
                yield f"what came before entry {entry.seq} is missing"
        elif entry.seq != last.seq + 1:
            yield f"entries {last.seq + 1} to {entry.seq - 1} are missing"
        elif entry.previous != last.digest:
            yield f"entry {entry.seq} does not follow from entry {last.seq}"
        last = Link(server, entry.seq, entry.digest)


def _may_begin(server: str, entry: AuditRecord, pruned: frozenset[Link]) -> bool:
    if entry.seq == 1:
        return entry.previous == ORIGIN
    return Link(server, entry.seq - 1, entry.previous) in pruned
