"""Records, and what becomes of old rows: retention and clearing up; the same for every database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from peewee import SQL, Tuple, fn

from .queries import IS_OPEN
from .schema import Sessions, Tables

DAY: Final = 86_400_000_000
#: Ticks are kept this long, in microseconds, so that a clock set back fires nothing twice.
_TICKS: Final = 40 * DAY
#: No sweep removes more rows of one table than this, so that it never holds up a commit for long.
SWEPT_AT_ONCE: Final = 10_000


class RecordQueries:
    """The part of the storage contract that is about records, retention and clearing up."""

    def get_record(self: Sessions, namespace: str, key: str, now: int) -> str | None:
        """See ``Storage``."""
        with self.reading() as t:
            r = t.record
            alive = r.expires_at.is_null() | (r.expires_at > now)
            rows = r.select(r.value).where((r.namespace == namespace) & (r.key == key) & alive)
            return next((value for (value,) in rows.tuples()), None)

    def set_record(self: Sessions, namespace: str, key: str, value: str, expires_at: int | None) -> None:
        """See ``Storage``."""
        with self.writing() as t:
            r, change = t.record, {"value": value, "expires_at": expires_at}
            row = r.insert({"namespace": namespace, "key": key, **change})
            row.on_conflict(conflict_target=[r.namespace, r.key], update=change).execute()

    def delete_record(self: Sessions, namespace: str, key: str) -> bool:
        """See ``Storage``."""
        with self.writing() as t:
            r = t.record
            return bool(r.delete().where((r.namespace == namespace) & (r.key == key)).execute())

    def purge(self: Sessions, before: int, limit: int) -> int:
        """See ``Storage``."""
        with self.writing() as t:
            e = t.execution
            is_over = SQL(f"not {IS_OPEN}") & e.ended_at.is_null(False) & (e.ended_at < before)
            queue = e.select(e.id).where(is_over).order_by(e.ended_at, e.id).limit(limit)
            over = [id for (id,) in t.claimed(queue).tuples()]
            for table in (t.task, t.fact, t.inbox, t.permit, t.blob_ref, t.offer):
                table.delete().where(table.execution.in_(over)).execute()
            return _delete(e.delete().where(e.id.in_(over)))


def sweep_rows(t: Tables, now: int) -> int:
    """Delete expired records, old ticks and messages nobody will take; how many rows went."""
    return _sweep_records(t, now) + _sweep_ticks(t, now) + _sweep_inbox(t)


def referred(t: Tables, digests: Sequence[str]) -> set[str]:
    """Which of these digests an execution or a package refers to."""
    b, p = t.blob_ref, t.package
    by_executions = b.select(b.digest).where(b.digest.in_(digests)).distinct().tuples()
    by_packages = p.select(p.module).where(p.module.in_(digests)).tuples()
    return {digest for rows in (by_executions, by_packages) for (digest,) in rows}


def _sweep_records(t: Tables, now: int) -> int:
    r = t.record
    old = r.select(r.namespace, r.key).where(r.expires_at.is_null(False) & (r.expires_at <= now))
    return _delete(r.delete().where(Tuple(r.namespace, r.key).in_(old.limit(SWEPT_AT_ONCE))))


def _sweep_ticks(t: Tables, now: int) -> int:
    k = t.tick
    newest = t.tick.clone().alias("newest")
    same = (newest.namespace == k.namespace) & (newest.workflow == k.workflow) & (newest.trigger == k.trigger)
    later = newest.select(fn.MAX(newest.due_at)).where(same)
    old = k.select(k.namespace, k.workflow, k.trigger, k.due_at)
    old = old.where((k.due_at < now - _TICKS) & (k.due_at < later)).limit(SWEPT_AT_ONCE)
    return _delete(k.delete().where(Tuple(k.namespace, k.workflow, k.trigger, k.due_at).in_(old)))


def _sweep_inbox(t: Tables) -> int:
    m, e = t.inbox, t.execution
    is_open = e.select(e.id).where((e.id == m.execution) & e.ended_at.is_null())
    lost = m.select(m.id).where(~fn.EXISTS(is_open)).limit(SWEPT_AT_ONCE)
    return _delete(m.delete().where(m.id.in_(lost)))


def _delete(query: Any) -> int:
    return int(query.execute())
