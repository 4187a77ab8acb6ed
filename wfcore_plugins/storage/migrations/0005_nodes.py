"""Where a node keeps its files: of two nodes at one place, one is dead."""

from __future__ import annotations

from typing import Any

from ..dialect import Dialect


def up(db: Any, dialect: Dialect) -> None:
    """Add a column; there have been no nodes before."""
    db.execute_sql(dialect.ddl("alter table node add column place {text} not null default ''"))
