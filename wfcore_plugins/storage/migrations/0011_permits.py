"""Limits of what runs at once: who holds a permit, and who waits for one."""

from __future__ import annotations

from typing import Any, Final

from ..dialect import Dialect

_STATEMENTS: Final = (
    "alter table execution add column waiting {text}",
    "alter table execution add column limits {text} not null default '{{}}'",
    """
    create table permit (
        execution {text} not null,
        path {text} not null,
        name {text} not null,
        most bigint not null,
        held smallint not null,
        primary key (execution, path)
    ){clustered}
    """,
    "create index permit_queue on permit (name, held, execution, path)",
)


def up(db: Any, dialect: Dialect) -> None:
    """Add columns, a table and what finds who is next."""
    for statement in _STATEMENTS:
        db.execute_sql(dialect.ddl(statement))
