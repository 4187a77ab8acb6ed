"""The hot path on SQLite: one group of steps becomes a handful of prepared statements in one transaction.

Plain SQL, because building a query by peewee costs more than running one of these.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from wfcore.api import ExecutionRecord, Step, Tick

from .commit import (
    MUTABLE,
    MUTABLE_OF_TASK,
    Row,
    advance,
    changes,
    execution_row,
    fact_rows,
    merge,
    reference_rows,
    task_rows,
)
from .permits import permit_statements
from .schema import COLUMNS


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
    + ", ".join(f'"{column}" = excluded."{column}"' for column in MUTABLE_OF_TASK),
)
_UPDATE: Final = (
    "update execution set "  # noqa: S608
    + ", ".join(f'"{column}" = ?' for column in MUTABLE)
    + " where id = ? and owner = ? and epoch = ?"
)
#: To name a column is to write all indexes that have it anew, also when its value stays.
_ADVANCE: Final = "update execution set seq = ? where id = ? and owner = ? and epoch = ?"
_TAKE: Final = "delete from inbox where id = ?"
_UNFIRE: Final = (
    'delete from tick where namespace = ? and workflow = ? and "trigger" = ? and due_at = ? and execution = ?'
)
#: A trigger that an ``apply`` has meanwhile set to a later time stays as it is.
_MOVE: Final = (
    'update "trigger" set next_at = ? where namespace = ? and workflow = ? and name = ? and next_at <= ?'
)


def write(cursor: sqlite3.Cursor, steps: Sequence[Step]) -> frozenset[str]:
    """Write the steps inside the open transaction; the ids of the executions with a refused step."""
    units, contradicting = merge(steps)
    refused = _create(cursor, [unit for unit in units if unit.create])
    refused |= _update(cursor, [unit for unit in units if not unit.create])
    accepted = [unit for unit in units if unit.execution.id not in refused] if refused else units
    _write_rows(cursor, accepted)
    for statement, values in permit_statements(accepted, shared=False):
        cursor.execute(statement.replace("%s", "?"), values)
    return frozenset(refused | contradicting)


def _create(cursor: sqlite3.Cursor, units: Sequence[Step]) -> set[str]:
    refused = {
        unit.execution.id
        for unit in units
        if unit.tick is not None and not _create_by_tick(cursor, unit.execution, unit.tick)
    }
    rows = [execution_row(unit.execution) for unit in units if unit.tick is None]
    return refused | _unchanged(cursor, _CREATE, rows, 0)


def _create_by_tick(cursor: sqlite3.Cursor, execution: ExecutionRecord, tick: Tick) -> bool:
    claim = (tick.namespace, tick.workflow, tick.trigger, tick.due_at, execution.id)
    if not cursor.execute(_FIRE, claim).rowcount:
        return False
    if not cursor.execute(_CREATE, execution_row(execution)).rowcount:
        cursor.execute(_UNFIRE, claim)
        return False
    cursor.execute(_MOVE, (tick.next_at, *claim[:4]))
    return True


def _update(cursor: sqlite3.Cursor, units: Sequence[Step]) -> set[str]:
    moved = [changes(unit.execution) for unit in units if unit.moved]
    others = [advance(unit.execution) for unit in units if not unit.moved]
    return _unchanged(cursor, _UPDATE, moved, -3) | _unchanged(cursor, _ADVANCE, others, -3)


def _unchanged(cursor: sqlite3.Cursor, statement: str, rows: Sequence[Row], id: int) -> set[str]:
    """Run the statement for each row; the ids (at that place) of the rows that changed nothing."""
    return {row[id] for row in rows if not cursor.execute(statement, row).rowcount}


def _write_rows(cursor: sqlite3.Cursor, units: Sequence[Step]) -> None:
    written: tuple[tuple[str, Iterable[Row]], ...] = (
        (_PUT_TASK, task_rows(units)),
        (_ADD_FACT, fact_rows(units)),
        (_REFER, reference_rows(units)),
        (_TAKE, ((message,) for unit in units for message in unit.taken)),
    )
    for statement, rows in written:
        cursor.executemany(statement, rows)
