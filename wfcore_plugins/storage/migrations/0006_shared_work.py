"""What servers share besides executions: workflow slots, and attempts that whoever has room may run."""

from __future__ import annotations

from typing import Any, Final

from ..dialect import Dialect

_STATEMENTS: Final = (
    "alter table node add column slots bigint not null default 0",
    "alter table node add column role {text} not null default 'all'",
    "alter table node add column tasks bigint not null default 0",
    """
    create table offer (
        execution {text} not null,
        path {text} not null,
        attempt bigint not null,
        label {text} not null,
        node {text},
        stop {text} not null,
        offered_at bigint not null,
        primary key (execution, path, attempt)
    ){clustered}
    """,
    "create index offer_free on offer (offered_at) where node is null",
    "create index offer_taken on offer (node) where node is not null",
    "create index execution_queue on execution (id) where state = 'PENDING' and owner is null",
)


def up(db: Any, dialect: Dialect) -> None:
    """Add columns, a table and what finds who waits."""
    for statement in _STATEMENTS:
        db.execute_sql(dialect.ddl(statement))
