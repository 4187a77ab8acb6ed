"""Executions, their tasks, facts and inbox, outside the hot path; the same for every database."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Final, TypeVar

from peewee import SQL, fn

from wfcore.api import EXECUTION_STATES, ExecutionQuery, ExecutionRecord, Fact, Message, TaskRecord

from .commit import to_json
from .schema import COLUMNS, Sessions, Tables

_T = TypeVar("_T")

#: As the partial index says it, or SQLite would not use that.
IS_OPEN: Final = "state in ('PENDING', 'RUNNING', 'WAITING')"
#: It waits for any server that has room.
IS_QUEUED: Final = "state = 'PENDING' and owner is null"

_ALL: Final = SQL(", ".join(f'"{name}"' for name in COLUMNS["execution"]))
#: Asked for more often than anything else; to build it each time costs ten times what running it costs.
_BY_ID: Final = f"select {_ALL.sql} from execution where id = %s"  # noqa: S608


class ExecutionQueries:
    """The part of the storage contract that is about executions."""

    def execution(self: Sessions, id: str) -> ExecutionRecord | None:
        """See ``Storage``."""
        with self.reading() as t:
            row = t.run(_BY_ID, (id,)).fetchone()
            return row and execution_of(dict(zip(COLUMNS["execution"], row, strict=True)))

    def execution_by_key(self: Sessions, namespace: str, workflow: str, key: str) -> ExecutionRecord | None:
        """See ``Storage``."""
        with self.reading() as t:
            e = t.execution
            wanted = (e.namespace == namespace) & (e.workflow == workflow) & (e.key == key)
            return _first(_executions(t).where(wanted))

    def executions(self: Sessions, query: ExecutionQuery) -> list[ExecutionRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            return [execution_of(row) for row in _page(t, query)]

    def pending(self: Sessions, owner: str, after: str, limit: int) -> list[ExecutionRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            e = t.execution
            wanted = SQL(IS_OPEN) & (e.owner == owner) & (e.state == "PENDING") & (e.id > after)
            return [execution_of(row) for row in _executions(t).where(wanted).order_by(e.id).limit(limit)]

    def adopt(self: Sessions, owner: str, limit: int) -> list[ExecutionRecord]:
        """See ``Storage``."""
        with self.writing() as t:
            e = t.execution
            queue = (
                e.select(e.id)
                .where(SQL(IS_OPEN) & t.is_orphan(e.owner, owner))
                .order_by(e.state == "PENDING", e.id)
                .limit(limit)
            )
            change = e.update({e.owner: owner, e.epoch: e.epoch + 1}).where(e.id.in_(t.claimed(queue)))
            taken = [execution_of(row) for row in change.returning(SQL("*")).dicts().execute()]
            t.seat(owner, sum(record.state == "RUNNING" for record in taken))
        return sorted(taken, key=lambda record: (record.state == "PENDING", record.id))

    def counts(self: Sessions) -> Mapping[str, int]:
        """See ``Storage``."""
        with self.reading() as t:
            e = t.execution
            return dict(e.select(e.state, fn.COUNT(e.id)).group_by(e.state).tuples())

    def tasks(self: Sessions, execution: str) -> list[TaskRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            columns = [getattr(t.task, name) for name in COLUMNS["task"][1:]]
            rows = t.task.select(*columns).where(t.task.execution == execution).dicts()
            return sorted((TaskRecord(**row) for row in rows), key=_by_start)

    def facts(
        self: Sessions, execution: str, after: int = 0, limit: int = 1000, kind: str | None = None
    ) -> list[Fact]:
        """See ``Storage``."""
        with self.reading() as t:
            f = t.fact
            wanted = (f.execution == execution) & (f.seq > after)
            if kind is not None:
                wanted &= f.kind == kind
            rows = f.select(f.seq, f.at, f.kind, f.path, f.attempt, f.body).where(wanted)
            return [_with_body(Fact, row) for row in rows.order_by(f.seq).limit(limit).dicts()]

    def post(self: Sessions, message: Message) -> bool:
        """See ``Storage``."""
        with self.writing() as t:
            row = {
                "execution": message.execution,
                "kind": message.kind,
                "path": message.path,
                "attempt": message.attempt,
                "body": to_json(message.body),
            }
            return bool(t.inbox.insert(row).on_conflict("nothing").as_rowcount().execute())

    def inbox(self: Sessions, owner: str) -> list[Message]:
        """See ``Storage``; messages for executions that have ended are left to ``sweep``."""
        with self.reading() as t:
            m, e = t.inbox, t.execution
            # Not a join: the inbox is short, the list of open executions may be long.
            ours = e.select(e.id).where((e.id == m.execution) & (e.owner == owner) & SQL(IS_OPEN))
            rows = m.select().where(fn.EXISTS(ours)).order_by(m.id)
            return [_with_body(Message, row) for row in rows.dicts()]


def execution_of(row: Mapping[str, Any]) -> ExecutionRecord:
    """The record of a row of the table ``execution``."""
    limits = row["limits"]
    mappings = {"labels": json.loads(row["labels"]), "limits": json.loads(limits) if limits != "{}" else {}}
    return ExecutionRecord(**{**row, **mappings})


def _executions(t: Tables) -> Any:
    """All columns as one text: to render each of them costs more than the query itself."""
    return t.execution.select(_ALL).dicts()


def _page(t: Tables, query: ExecutionQuery) -> Any:
    """One page of a list. The indexes of all filters end in (state, id): with a filter each state is a list
    that is in order already, and merging these reads hardly more rows than the page has."""
    e = t.execution
    places = (e.namespace, query.namespace), (e.workflow, query.workflow)
    wanted = [column == value for column, value in places if value is not None]
    states = tuple(dict.fromkeys(query.states)) or (EXECUTION_STATES if wanted else ())
    if query.before is not None:
        wanted.append(e.id < query.before)
    lists = [_executions(t).where(*wanted, e.state == state) for state in states]
    found = reduce(operator.add, lists) if lists else _executions(t)
    if wanted and not lists:
        found = found.where(*wanted)
    return found.order_by((e.id if len(lists) < 2 else SQL("id")).desc()).limit(query.limit).dicts()


def _first(rows: Any) -> ExecutionRecord | None:
    return next((execution_of(row) for row in rows), None)


def _with_body(kind: Callable[..., _T], row: Mapping[str, Any]) -> _T:
    return kind(**{**row, "body": json.loads(row["body"])})


def _by_start(task: TaskRecord) -> tuple[bool, int, str]:
    return task.started_at is None, task.started_at or 0, task.path
