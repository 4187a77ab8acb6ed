"""The servers that share a database, and the leases by which they know that the others live."""

from __future__ import annotations

from typing import Any, Final

from peewee import SQL

from wfcore.api import Beat, Conflict, ExecutionRecord, NodeRecord

from .queries import IS_OPEN, IS_QUEUED, execution_of
from .schema import COLUMNS, Sessions

#: The database's clock, in UTC microseconds.
_NOW: Final = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
_JOIN: Final = f"""
    with gone as (delete from node where place = %(place)s and id <> %(id)s)
    insert into node (id, place, address, version, started_at, heartbeat_at, role, tasks, terms, slots)
        values (%(id)s, %(place)s, %(address)s, %(version)s, {_NOW}, {_NOW}, %(role)s, %(tasks)s, %(terms)s,
            (select count(*) from execution where owner = %(id)s and state = 'RUNNING'))
        on conflict (id) do update set heartbeat_at = excluded.heartbeat_at
"""  # noqa: S608
#: One statement: renew, bury the dead (whom another may be burying just now), look whether there is work.
#: Whoever was silent itself for long, as all are when the database was away, adds that to its patience.
_BEAT: Final = f"""
    with me as (update node set heartbeat_at = {_NOW} where id = %(node)s returning id),
    lost as (
        select coalesce(max({_NOW} - heartbeat_at), 0) as time from node
        where id = %(node)s and heartbeat_at < {_NOW} - %(lease)s / 2
    ),
    dead as (
        delete from node where id in (
            select id from node
            where heartbeat_at < {_NOW} - %(lease)s - (select time from lost) and id <> %(node)s
            for update skip locked
        ) returning id
    ),
    living as (select id from node where id not in (select id from dead))
    select
        exists (select from me),
        exists (select from execution where {IS_OPEN} and owner <> %(node)s
            and not exists (select from living where living.id = execution.owner)),
        exists (select from inbox where exists (
            select from execution where execution.id = inbox.execution and owner = %(node)s and {IS_OPEN})),
        exists (select from execution where {IS_QUEUED}),
        exists (select from offer where node is null)
            or exists (select from offer where node = %(node)s and stop <> '')
            or exists (select from offer o where o.node is not null
                and not exists (select from living where living.id = o.node)),
        (select coalesce(sum(tasks), 0)::bigint from node join living on living.id = node.id
            where node.id <> %(node)s)
"""  # noqa: S608
#: The advisory lock of whoever counts all workflow slots.
_COUNTING: Final = 0x57464C58
_SLOTS: Final = f"""
    update node set slots = greatest(%(held)s, least(%(wanted)s, %(limit)s
        - (select coalesce(sum(slots), 0) from node where id <> %(node)s)
        - (select count(*) from execution where state = 'RUNNING' and {IS_OPEN}
            and not exists (select from node where node.id = execution.owner))))
    where id = %(node)s returning slots
"""  # noqa: S608
#: A server that was heard of so lately (microseconds) may be alive.
_RECENT: Final = 60_000_000


class NodeQueries:
    """The part of ``SharedStorage`` that makes it shared."""

    def join(self: Sessions, node: NodeRecord) -> None:
        """See ``SharedStorage``."""
        with self.writing() as t:
            values = {name: getattr(node, name) for name in COLUMNS["node"]}
            t.run(_JOIN, values)

    def beat(self: Sessions, node: str, lease: float) -> Beat:
        """See ``SharedStorage``."""
        with self.writing() as t:
            values = {"node": node, "lease": round(lease * 1_000_000)}
            return Beat(*t.run(_BEAT, values).fetchone())

    def slots(self: Sessions, node: str, held: int, wanted: int, limit: int) -> int:
        """See ``SharedStorage``.

        It need not be durable by itself: a commit that relies on it is durable with all that was before it.
        """
        with self.writing() as t:
            t.run("set local synchronous_commit = off", ())
            t.run("select pg_advisory_xact_lock(%s)", (_COUNTING,))
            values = {"node": node, "held": held, "wanted": wanted, "limit": limit}
            row = t.run(_SLOTS, values).fetchone()
            return 0 if row is None else int(row[0])

    def claim(self: Sessions, node: str, limit: int, only: str | None = None) -> list[ExecutionRecord]:
        """See ``SharedStorage``."""
        with self.writing() as t:
            e = t.execution
            queue = e.select(e.id).where(SQL(IS_QUEUED)).order_by(e.id).limit(limit)
            if only is not None:
                queue = queue.where(e.id == only)
            change = e.update({e.owner: node, e.epoch: e.epoch + 1}).where(e.id.in_(t.claimed(queue)))
            rows = list(change.returning(SQL("*")).dicts().execute())
        return sorted(map(execution_of, rows), key=lambda record: record.id)

    def leave(self: Sessions, node: str) -> None:
        """See ``SharedStorage``."""
        with self.writing() as t:
            t.node.delete().where(t.node.id == node).execute()

    def nodes(self: Sessions) -> list[NodeRecord]:
        """See ``SharedStorage``."""
        with self.reading() as t:
            n = t.node
            rows = n.select(*(getattr(n, name) for name in COLUMNS["node"])).order_by(n.started_at, n.id)
            return [NodeRecord(**row) for row in rows.dicts()]


def expect_nobody(db: Any, missing: list[str], database: object) -> None:
    """Raise Conflict when the schema would change under servers that live."""
    if not missing or not db.table_exists("node"):
        return
    query = f"select address from node where heartbeat_at > {_NOW} - {_RECENT} order by started_at"  # noqa: S608
    living = [address for (address,) in db.execute_sql(query)]
    if living:
        raise Conflict(
            f"the database {database} needs {', '.join(missing)}, and servers of an older release use it:"
            f" {', '.join(living)}",
            remedy="stop these servers first (one that died is forgotten after a minute);"
            " the first one of the new release then migrates",
        )
