"""Large content in chunks, on databases that keep it in tables."""

from __future__ import annotations

from typing import Any, Final

from ..dialect import Dialect

_STATEMENTS: Final = (
    # When it was last put, by the database's clock, in microseconds: a sweep leaves alone what is young.
    """
    create table content (
        digest {text} not null primary key,
        stored_at bigint not null
    )
    """,
    "create index content_age on content (stored_at)",
    """
    create table content_chunk (
        digest {text} not null references content on delete cascade,
        number bigint not null,
        bytes bytea not null,
        primary key (digest, number)
    )
    """,
)


def up(db: Any, dialect: Dialect) -> None:
    """Add two tables where content is kept in tables; elsewhere it lies in files."""
    for statement in _STATEMENTS if dialect.content_in_tables else ():
        db.execute_sql(dialect.ddl(statement))
