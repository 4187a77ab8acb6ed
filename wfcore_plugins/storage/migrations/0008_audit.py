"""The audit log, a chain for each server, and the tokens of the API."""

from __future__ import annotations

from typing import Any, Final

from ..dialect import Dialect

_STATEMENTS: Final = (
    """
    create table audit (
        server {text} not null,
        seq bigint not null,
        at bigint not null,
        actor {text} not null,
        remote {text} not null,
        action {text} not null,
        target {text} not null,
        result {text} not null,
        detail {text} not null,
        previous {text} not null,
        digest {text} not null,
        primary key (server, seq)
    )
    """,
    "create index audit_age on audit (at, server, seq)",
    """
    create table token (
        name {text} primary key,
        role {text} not null,
        namespaces {text} not null,
        digest {text} not null,
        created_at bigint not null,
        created_by {text} not null,
        expires_at bigint
    )
    """,
    "create unique index token_digest on token (digest)",
)


def up(db: Any, dialect: Dialect) -> None:
    """Add two tables."""
    for statement in _STATEMENTS:
        db.execute_sql(dialect.ddl(statement))
