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

from wfcore.audit.actions import Action
from wfcore.model.records import AuditRecord
from wfcore.model.times import rfc3339

#: What the first entry of a chain has instead of a digest before it.
ORIGIN: Final = "0" * 64
#: The action by which old entries are removed; its target is their server, its detail names the last of them.
PRUNE: Final[Action] = "audit.prune"
#: The fields of an exported entry.
FIELDS: Final = (
    "server", "seq", "at", "actor", "remote", "action", "target", "result", "detail", "previous", "digest",
)  # fmt: skip


def seal(record: AuditRecord) -> AuditRecord:
    """The entry with its digest."""
    return replace(record, digest=digest(export(record)))


def export(record: AuditRecord) -> dict[str, Any]:
    """An entry as the API and the command line give it, without a loss."""
    fields = {name: getattr(record, name) for name in FIELDS}
    return {**fields, "at": rfc3339(record.at), "detail": dict(record.detail)}


def digest(entry: Mapping[str, Any]) -> str:
    """The digest that an exported entry must have."""
    fields = {name: value for name, value in entry.items() if name != "digest"}
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """The place of an entry: what has to be remembered of it to know it again."""

    server: str
    seq: int
    digest: str


def pruned(entries: Iterable[Mapping[str, Any]]) -> frozenset[Link]:
    """Where logs may begin, by what is told of the removal of old entries."""
    told = ((one["target"], one["detail"]) for one in entries if one["action"] == PRUNE)
    return frozenset(Link(server, detail.get("seq", 0), detail.get("digest", "")) for server, detail in told)


def faults(entries: Iterable[Mapping[str, Any]], starts: frozenset[Link]) -> Iterator[str]:
    """What is wrong with a server's log (exported, in order); nothing when it is whole.

    ``starts`` are the places where it may begin besides its first entry.
    """
    last: Link | None = None
    for entry in entries:
        server, seq, before = entry["server"], entry["seq"], entry["previous"]
        if entry["digest"] != digest(entry):
            yield f"entry {seq} was changed"
        if last is None:
            first = seq == 1 and before == ORIGIN
            if not first and Link(server, seq - 1, before) not in starts:
                yield f"what was before entry {seq} is missing"
        elif seq != last.seq + 1:
            yield f"between the entries {last.seq} and {seq} some are missing"
        elif before != last.digest:
            yield f"entry {seq} does not follow from entry {last.seq}"
        last = Link(server, seq, entry["digest"])
