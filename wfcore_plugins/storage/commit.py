"""The hot path: one group of steps becomes a handful of prepared statements in one transaction.

Plain SQL, because building a query by peewee costs more than running one of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from json import JSONEncoder
from operator import attrgetter
from typing import Any, Final

from wfcore.api import ExecutionRecord, Fact, Step, Tick

from .dialect import Dialect, Row
from .schema import COLUMNS

to_json: Final = JSONEncoder(separators=(",", ":")).encode

#: What a step may change of an execution; the rest is written once, when it is created.
_MUTABLE: Final = ("state", "seq", "generation", "started_at", "ended_at", "deadline", "outputs", "error")
_MUTABLE_OF_TASK: Final = COLUMNS["task"][2:]


def _insert(table: str, otherwise: str = "") -> str:
    columns = ", ".join(f'"{column}"' for column in COLUMNS[table])
    marks = ", ".join("?" * len(COLUMNS[table]))
    return f'insert into "{table}" ({columns}) values ({marks}){otherwise}'  # noqa: S608


_NOTHING: Final = " on conflict do nothing"
_CREATE: Final = _insert("execution", _NOTHING)
_FIRE: Final = _insert("tick", _NOTHING)
_ADD_FACT: Final = _insert("fact")
_REFER: Final = _insert("blob_ref", _NOTHING)
_PUT_TASK: Final = _insert(
    "task",
    " on conflict (execution, path) do update set "
    + ", ".join(f'"{column}" = excluded."{column}"' for column in _MUTABLE_OF_TASK),
)
_UPDATE: Final = (
    "update execution set "  # noqa: S608
    + ", ".join(f'"{column}" = ?' for column in _MUTABLE)
    + " where id = ? and owner = ? and epoch = ?"
)
_TAKE: Final = "delete from inbox where id = ?"
_UNFIRE: Final = (
    'delete from tick where namespace = ? and workflow = ? and "trigger" = ? and due_at = ? and execution = ?'
)
#: A trigger that an ``apply`` has meanwhile set to a later time stays as it is.
_MOVE: Final = (
    'update "trigger" set next_at = ? where namespace = ? and workflow = ? and name = ? and next_at <= ?'
)

_row_of_execution: Final = attrgetter(*COLUMNS["execution"][:-1])
_changes: Final = attrgetter(*_MUTABLE, "id", "owner", "epoch")
_row_of_task: Final = attrgetter(*COLUMNS["task"][1:])


def write(cursor: Any, dialect: Dialect, steps: Sequence[Step]) -> frozenset[str]:
    """Write the steps inside the open transaction; the ids of the executions with a refused step."""
    units, contradicting = merge(steps)
    refused = _create(cursor, dialect, [unit for unit in units if unit.create])
    refused |= _update(cursor, dialect, [unit.execution for unit in units if not unit.create])
    accepted = [unit for unit in units if unit.execution.id not in refused] if refused else units
    _write_rows(cursor, dialect, accepted)
    return frozenset(refused | contradicting)


def merge(steps: Sequence[Step]) -> tuple[Sequence[Step], set[str]]:
    """One step per execution, in the order of their first ones, and the ids of contradicting steps.

    Steps of the same execution follow each other: the first decides whether they are accepted, the
    last says how the row and its tasks end up. A later one that creates again or names another owner
    or epoch contradicts; it is left out, and with it those after it.
    """
    if len({step.execution.id for step in steps}) == len(steps):
        return steps, set()
    merged: dict[str, Step] = {}
    contradicting: set[str] = set()
    for step in steps:
        id = step.execution.id
        before = merged.get(id)
        if before is None:
            merged[id] = step
        elif id not in contradicting and not step.create and _lease(step) == _lease(before):
            merged[id] = _join(before, step)
        else:
            contradicting.add(id)
    return list(merged.values()), contradicting


def _lease(step: Step) -> tuple[str | None, int]:
    return step.execution.owner, step.execution.epoch


def _join(before: Step, step: Step) -> Step:
    return replace(
        before,
        execution=step.execution,
        tasks=list({task.path: task for task in (*before.tasks, *step.tasks)}.values()),
        facts=(*before.facts, *step.facts),
        blobs=(*before.blobs, *step.blobs),
        taken=(*before.taken, *step.taken),
    )


def _create(cursor: Any, dialect: Dialect, units: Sequence[Step]) -> set[str]:
    refused = {
        unit.execution.id
        for unit in units
        if unit.tick is not None and not _create_by_tick(cursor, dialect, unit.execution, unit.tick)
    }
    rows = [_execution_row(unit.execution) for unit in units if unit.tick is None]
    return refused | _unchanged(rows, 0, dialect.each(cursor, _CREATE, rows))


def _create_by_tick(cursor: Any, dialect: Dialect, execution: ExecutionRecord, tick: Tick) -> bool:
    claim = (tick.namespace, tick.workflow, tick.trigger, tick.due_at, execution.id)
    if not dialect.each(cursor, _FIRE, [claim])[0]:
        return False
    if not dialect.each(cursor, _CREATE, [_execution_row(execution)])[0]:
        dialect.many(cursor, _UNFIRE, [claim])
        return False
    dialect.many(cursor, _MOVE, [(tick.next_at, *claim[:4])])
    return True


def _update(cursor: Any, dialect: Dialect, executions: Sequence[ExecutionRecord]) -> set[str]:
    rows = [_changes(execution) for execution in executions]
    return _unchanged(rows, -3, dialect.each(cursor, _UPDATE, rows))


def _unchanged(rows: Sequence[Row], id: int, counts: Sequence[int]) -> set[str]:
    return {row[id] for row, count in zip(rows, counts, strict=True) if not count}


def _execution_row(execution: ExecutionRecord) -> Row:
    return (*_row_of_execution(execution), to_json(execution.labels) if execution.labels else "{}")


def _write_rows(cursor: Any, dialect: Dialect, units: Sequence[Step]) -> None:
    written: tuple[tuple[str, Iterable[Row]], ...] = (
        (_PUT_TASK, ((u.execution.id, *_row_of_task(task)) for u in units for task in u.tasks)),
        (_ADD_FACT, (_fact_row(u.execution.id, fact) for u in units for fact in u.facts)),
        (_REFER, ((digest, u.execution.id) for u in units for digest in u.blobs)),
        (_TAKE, ((message,) for u in units for message in u.taken)),
    )
    for statement, rows in written:
        dialect.many(cursor, statement, list(rows))


def _fact_row(execution: str, fact: Fact) -> Row:
    body = to_json(fact.body) if fact.body else "{}"
    return (execution, fact.seq, fact.at, fact.kind, fact.path, fact.attempt, body)
