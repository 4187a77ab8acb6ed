"""Plugin packages, and what a revision was applied with: the files it names and the packages it uses."""

from __future__ import annotations

from typing import Any, Final

from ..dialect import Dialect

_STATEMENTS: Final = (
    "alter table revision add column files {text} not null default '{{}}'",
    "alter table revision add column plugins {text} not null default '{{}}'",
    """
    create table package (
        digest {text} not null primary key,
        name {text} not null,
        version {text} not null,
        manifest {text} not null,
        module {text} not null,
        granted {text} not null,
        secrets {text} not null,
        installed_at bigint not null,
        current smallint not null,
        unique (name, version)
    ){clustered}
    """,
    "create unique index package_current on package (name) where current = 1",
    "create index package_module on package (module)",
)


def up(db: Any, dialect: Dialect) -> None:
    """Add two columns and a table."""
    for statement in _STATEMENTS:
        db.execute_sql(dialect.ddl(statement))
