"""Attempts that servers on one database run for each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from wfcore.api import Message, Offer

from .commit import to_json
from .queries import IS_OPEN
from .schema import COLUMNS, Sessions

_NOW: Final = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
_GIVEN: Final = "unnest(%s::text[], %s::text[], %s::bigint[])"
_SAME: Final = "o.execution = g.execution and o.path = g.path and o.attempt = g.attempt"
_OFFER: Final = f"""
    insert into offer (execution, path, attempt, label, stop, offered_at)
    select *, '', {_NOW} from unnest(%s::text[], %s::text[], %s::bigint[], %s::text[])
    on conflict do nothing
"""  # noqa: S608
_TAKE: Final = """
    update offer set node = %(node)s where (execution, path, attempt) in (
        select execution, path, attempt from offer
        where node is null and label = any(%(labels)s){only}
        order by offered_at limit %(limit)s for update skip locked
    ) returning execution, path, attempt, label, node, stop
"""
_ONLY: Final = " and execution = %(execution)s and path = %(path)s and attempt = %(attempt)s"
_MINE: Final = f"""
    select o.execution, o.path, o.attempt, e.owner
    from {_GIVEN} as g (execution, path, attempt)
        join offer o on {_SAME} join execution e on e.id = o.execution
    where o.node = %s order by o.execution, o.path, o.attempt for update of o
"""  # noqa: S608
_POST: Final = """
    insert into inbox (execution, kind, path, attempt, body)
    select * from unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[]) on conflict do nothing
"""
_END: Final = f"delete from offer o using {_GIVEN} as g (execution, path, attempt) where {_SAME}"  # noqa: S608
_WITHDRAW: Final = f"{_END} and o.node is null returning o.execution, o.path, o.attempt, o.label"
_STOP: Final = f"""
    update offer o set stop = %s from {_GIVEN} as g (execution, path, attempt) where {_SAME} and o.stop = ''
"""  # noqa: S608
_OPEN: Final = """
    select execution, path, attempt from offer where execution = %(execution)s
    union select execution, path, attempt from inbox where execution = %(execution)s and kind = 'outcome'
"""
_IDLE: Final = f"""
    update offer o set offered_at = {_NOW} from execution e where e.id = o.execution and e.owner = %s
        and {IS_OPEN} and o.node is null and o.offered_at < {_NOW} - %s
    returning o.execution, o.path, o.attempt, o.label
"""  # noqa: S608
_LOST: Final = f"""
    delete from offer o using execution e where e.id = o.execution and e.owner = %s and {IS_OPEN}
        and o.node is not null and not exists (select from node where node.id = o.node)
    returning o.execution, o.path, o.attempt, o.label
"""  # noqa: S608


class OfferQueries:
    """The part of ``SharedStorage`` that is about offers."""

    def offer(self: Sessions, offers: Sequence[Offer]) -> None:
        """See ``Offers``."""
        ordered = sorted(offers, key=_key)
        with self.writing() as t:
            t.run(_OFFER, (*_columns(ordered), [each.label for each in ordered]))

    def take_offers(
        self: Sessions, node: str, labels: Collection[str], limit: int, only: Offer | None = None
    ) -> list[Offer]:
        """See ``Offers``."""
        values: dict[str, Any] = {"node": node, "labels": ["", *labels], "limit": limit}
        if only is not None:
            values |= {"execution": only.execution, "path": only.path, "attempt": only.attempt}
        with self.writing() as t:
            rows = t.run(_TAKE.format(only="" if only is None else _ONLY), values).fetchall()
        return sorted((Offer(*row) for row in rows), key=_key)

    def deliver(self: Sessions, node: str, messages: Sequence[Message]) -> list[str]:
        """See ``Offers``."""
        with self.writing() as t:
            rows = t.run(_MINE, (*_columns(messages), node)).fetchall()
            mine = {(execution, path, attempt) for execution, path, attempt, _ in rows}
            good = [each for each in messages if _key(each) in mine]
            executions, paths, attempts = _columns(good)
            bodies = [to_json(each.body) for each in good]
            t.run(_POST, (executions, [each.kind for each in good], paths, attempts, bodies))
            t.run(_END, _columns([each for each in good if each.kind == "outcome"]))
        return sorted({owner for *_, owner in rows if owner is not None})

    def stop_offers(self: Sessions, offers: Sequence[Offer], reason: str) -> list[Offer]:
        """See ``Offers``."""
        ordered = sorted(offers, key=_key)
        with self.writing() as t:
            rows = t.run(_WITHDRAW, _columns(ordered)).fetchall()
            t.run(_STOP, (reason, *_columns(ordered)))
        return [Offer(*row) for row in rows]

    def held_offers(self: Sessions, node: str) -> list[Offer]:
        """See ``Offers``."""
        with self.reading() as t:
            o = t.offer
            rows = o.select(*(getattr(o, name) for name in COLUMNS["offer"][:-1])).where(o.node == node)
            return [Offer(**row) for row in rows.dicts()]

    def offers(self: Sessions, execution: str) -> list[Offer]:
        """See ``Offers``."""
        with self.reading() as t:
            rows = t.run(_OPEN, {"execution": execution}).fetchall()
        return sorted((Offer(*row) for row in rows), key=_key)

    def idle_offers(self: Sessions, owner: str, seconds: float) -> list[Offer]:
        """See ``Offers``."""
        with self.writing() as t:
            rows = t.run(_IDLE, (owner, round(seconds * 1_000_000))).fetchall()
        return sorted((Offer(*row) for row in rows), key=_key)

    def lost_offers(self: Sessions, owner: str) -> list[Offer]:
        """See ``Offers``."""
        with self.writing() as t:
            return sorted((Offer(*row) for row in t.run(_LOST, (owner,)).fetchall()), key=_key)


def _key(about: Offer | Message) -> tuple[str, str, int]:
    return about.execution, about.path, about.attempt


def _columns(rows: Sequence[Offer | Message]) -> tuple[list[str], list[str], list[int]]:
    return [row.execution for row in rows], [row.path for row in rows], [row.attempt for row in rows]
