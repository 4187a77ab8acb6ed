"""Where a package came from: its source, its signature, and who installed it."""

from __future__ import annotations

from typing import Any

from ..dialect import Dialect


def up(db: Any, dialect: Dialect) -> None:
    """Add a column; of packages from before nobody knows."""
    db.execute_sql(dialect.ddl("alter table package add column origin {text} not null default '{{}}'"))
