"""Large content in chunks of a table, by its sha256: every server sees it, and backups have it."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import psycopg2

from wfcore.api import NotFound, Unavailable

_CHUNK: Final = 1024 * 1024
#: By the clock of the database, which is one for all servers, as a file's time is that of its disk.
_NOW: Final = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"


def put(db: Any, content: bytes) -> str:
    """Store the content inside the open transaction; its sha256 in hex."""
    digest = hashlib.sha256(content).hexdigest()
    renew = f"update content set stored_at = {_NOW} where digest = %s"  # noqa: S608
    if db.execute_sql(renew, (digest,)).rowcount:
        return digest
    new = f"insert into content (digest, stored_at) values (%s, {_NOW}) on conflict do nothing"  # noqa: S608
    db.execute_sql(new, (digest,))
    for number, start in enumerate(range(0, len(content) or 1, _CHUNK)):
        chunk = psycopg2.Binary(content[start : start + _CHUNK])
        db.execute_sql(
            "insert into content_chunk (digest, number, bytes) values (%s, %s, %s) on conflict do nothing",
            (digest, number, chunk),
        )
    return digest


def get(db: Any, digest: str) -> bytes:
    """The content. Raises NotFound, and Unavailable when it is damaged."""
    rows = db.execute_sql("select bytes from content_chunk where digest = %s order by number", (digest,))
    chunks = [bytes(chunk) for (chunk,) in rows.fetchall()]
    if not chunks:
        raise NotFound(f"there is no content {digest!r}", remedy="restore it from a backup")
    content = b"".join(chunks)
    if hashlib.sha256(content).hexdigest() != digest:
        raise Unavailable(f"the content {digest} is damaged", remedy="restore it from a backup")
    return content


def sweep(db: Any, before: int, limit: int) -> int:
    """Delete up to ``limit`` contents last put before that time (microseconds) that nobody refers to."""
    gone = db.execute_sql(
        "delete from content where digest in (select digest from content c where stored_at < %s"
        " and not exists (select from blob_ref r where r.digest = c.digest)"
        " and not exists (select from package p where p.module = c.digest)"
        " order by stored_at limit %s for update skip locked)",
        (before, limit),
    )
    return int(gone.rowcount)
