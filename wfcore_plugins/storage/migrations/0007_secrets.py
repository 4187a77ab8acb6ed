"""Secrets, encrypted by the kernel before they come here."""

from __future__ import annotations

from typing import Any

from ..dialect import Dialect

_TABLE = """
    create table secret (
        scope {text} not null,
        name {text} not null,
        revision bigint not null,
        master {text} not null,
        sealed {text} not null,
        created_at bigint not null,
        updated_at bigint not null,
        primary key (scope, name)
    ){clustered}
"""


def up(db: Any, dialect: Dialect) -> None:
    """Add a table."""
    db.execute_sql(dialect.ddl(_TABLE))
