"""What each server says about its configuration, so that others can tell where theirs differs."""

from __future__ import annotations

from typing import Any

from ..dialect import Dialect


def up(db: Any, dialect: Dialect) -> None:
    """Add a column; a server enters it anew when it starts."""
    db.execute_sql(dialect.ddl("alter table node add column terms {text} not null default ''"))
