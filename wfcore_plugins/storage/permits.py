"""Permits of limits: given back and handed out in the transaction of a commit; the same on every database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from peewee import fn

from wfcore.api import Permit, Step

from .schema import Sessions

CHANNEL: Final = "workflow"

Statement = tuple[str, Sequence[Any]]
#: ``held`` of a permit, beside 1: it waits, or has been handed out by this very transaction. Of an execution
#: that was told to give way to a newer one it is -1 (it waited) or 3 (it holds it until it has ended).
_WAITS, _NEW = 0, 2
#: Whoever hands out permits of a limit does so alone. In an order that is the same on every server.
_ALONE: Final = "select pg_advisory_xact_lock(number) from unnest(%s::bigint[]) as given (number)"
_FREE: Final = "delete from permit where execution = %s and path = %s"
#: What was told to somebody who does not wait any more.
_UNTELL: Final = "delete from inbox where execution = %s and path = %s and kind = 'permit'"
_ASK: Final = (
    "insert into permit (execution, path, name, most, held) values (%s, %s, %s, %s, 0)"
    " on conflict (execution, path) do update set most = excluded.most"
)
_ROOM: Final = (
    "select coalesce((select most from permit where name = %s and held = 0"
    " order by execution desc, path desc limit 1), 0)"
    " - (select count(*) from permit where name = %s and held > 0) as places"
)
_HAND_OUT: Final = (
    "update permit set held = 2 where (execution, path) in (select execution, path from permit"  # noqa: S608
    " where name = %s and held = 0 order by execution, path"
    f" limit (select case when places > 0 then places else 0 end from ({_ROOM}) as room))"
)
_SEND: Final = "insert into inbox (execution, kind, path, attempt, body) select execution, "
#: Letters in the order in which their readers came.
_ONCE: Final = " order by execution, path on conflict do nothing"
_DENY: Final = (
    f"{_SEND}'denied', path, 0, '{{}}' from permit where execution = %s and path = %s and held = 0{_ONCE}"
)
#: Those that are older than the newest ones which may hold a permit.
_OLD: Final = (
    "select execution from permit where name = %s and held between 0 and 2"
    " and execution < (select min(execution) from"
    " (select execution from permit where name = %s order by execution desc limit %s) as newest)"
)
_REPLACE: Final = f"{_SEND}'cancel', '', 0, %s from permit where execution in ({_OLD}){_ONCE}"
_GONE: Final = f"update permit set held = case held when 0 then -1 else 3 end where execution in ({_OLD})"  # noqa: S608
_REPLACED: Final = '{"reason":"a newer execution takes its place (on_limit: cancel_oldest)"}'
_TELL: Final = "select pg_notify(%s, 'inbox ' || owner) from execution where owner is not null and id in "
_DONE: Final = "update permit set held = 1 where held = 2 and name in "


def permit_statements(steps: Sequence[Step], *, shared: bool) -> Iterator[Statement]:
    """What a commit of these accepted steps has to do about permits; nothing, when they concern none.

    ``shared`` says that other servers may do the same meanwhile, and are to be told.
    """
    frees = [(step.execution.id, each) for step in steps for each in step.frees]
    asks = [(step.execution.id, each) for step in steps for each in step.asks]
    names = sorted({each.limit for _, each in (*frees, *asks)})
    if not names:
        return
    if shared:
        yield _ALONE, (sorted(map(_number, names)),)
    for execution, permit in sorted(frees, key=_place):
        yield _FREE, (execution, permit.path)
        yield _UNTELL, (execution, permit.path)
    for execution, permit in sorted(asks, key=_place):
        yield _ASK, (execution, permit.path, permit.limit, permit.most)
    for _, permit in asks:
        if permit.manner == "cancel_oldest":
            yield from _replacing(permit, shared=shared)
    for name in names:
        yield _HAND_OUT, (name, name, name)
    yield from _letters(names, shared=shared)
    for execution, permit in asks:
        if permit.manner in ("skip", "fail"):
            yield _DENY, (execution, permit.path)
    yield f"{_DONE}({_marks(names)})", names


def _replacing(permit: Permit, *, shared: bool) -> Iterator[Statement]:
    """The oldest are told to go, once: another cancel would stop what they do at their end."""
    old = (permit.limit, permit.limit, permit.most)
    yield _REPLACE, (_REPLACED, *old)
    if shared:
        yield f"{_TELL}({_OLD})", (CHANNEL, *old)
    yield _GONE, old


def _letters(names: Sequence[str], *, shared: bool) -> Iterator[Statement]:
    """Those who got a permit hear of it.

    By letters alone: a server that stands still in the middle of a commit may keep its executions locked.
    """
    new = f"from permit where held = {_NEW} and name in ({_marks(names)})"
    yield f"{_SEND}'permit', path, 0, '{{}}' {new}{_ONCE}", names
    if shared:
        yield f"{_TELL}(select execution {new})", (CHANNEL, *names)


class PermitQueries:
    """The part of the storage contract that tells of permits."""

    def permits(self: Sessions, execution: str) -> list[Permit]:
        """See ``Storage``."""
        with self.reading() as t:
            p, other = t.permit, t.permit.clone().alias("other")
            in_use = other.select(fn.COUNT(other.path)).where((other.name == p.name) & (other.held > _WAITS))
            rows = p.select(p.name, p.most, p.path, p.held, in_use).where(p.execution == execution)
            return [
                Permit(name, most, path, held=held > _WAITS, in_use=used)
                for name, most, path, held, used in rows.order_by(p.path).tuples()
            ]


def _place(entry: tuple[str, Permit]) -> tuple[str, str]:
    return entry[0], entry[1].path


def _number(name: str) -> int:
    """The number of the advisory lock of a limit."""
    return int.from_bytes(hashlib.sha256(f"workflow limit {name}".encode()).digest()[:8], signed=True)


def _marks(names: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(names))
