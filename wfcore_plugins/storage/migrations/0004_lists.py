"""Indexes for every filter of the list of executions, and for the age of ticks."""

from __future__ import annotations

from typing import Any, Final

from ..dialect import Dialect

_STATEMENTS: Final = (
    "drop index execution_by_workflow",
    "create index execution_by_workflow on execution (namespace, workflow, state, id)",
    "create index execution_by_namespace on execution (namespace, state, id)",
    "create index execution_by_name on execution (workflow, state, id)",
    "create index tick_age on tick (due_at)",
)


def up(db: Any, _dialect: Dialect) -> None:
    """Replace an index and add three."""
    for statement in _STATEMENTS:
        db.execute_sql(statement)
