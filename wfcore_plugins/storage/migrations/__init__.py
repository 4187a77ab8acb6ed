"""Numbered changes of the schema, each applied once, in order and in a transaction of its own.

A migration is a module ``NNNN_what.py`` with ``up(db, dialect)``; once released it never changes.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from wfcore.api import Conflict

from ..dialect import Dialect

_VERSIONS = "create table schema_version (name text primary key, applied_at bigint not null)"
_NOTE = "insert into schema_version (name, applied_at) values ({0}, {0})"


def known() -> list[str]:
    """The names of all migrations of this release, in order."""
    return sorted(module.name for module in iter_modules(__path__) if module.name[:4].isdigit())


def pending(db: Any) -> list[str]:
    """The migrations that this database lacks. Raises Conflict when it has some that we do not know."""
    applied = _applied(db)
    if foreign := sorted(applied.difference(known())):
        raise Conflict(
            f"the database has been migrated to {foreign[-1]} by a newer release than this one",
            remedy="run that release of workflow, or restore a backup made before the upgrade",
        )
    return [name for name in known() if name not in applied]


def run(db: Any, dialect: Dialect, now: int) -> list[str]:
    """Apply what is pending and name it. ``now`` is UTC, microseconds."""
    return [name for name in pending(db) if _apply(db, dialect, name, now)]


def _applied(db: Any) -> set[str]:
    if not db.table_exists("schema_version"):
        return set()
    return {name for (name,) in db.execute_sql("select name from schema_version")}


def _apply(db: Any, dialect: Dialect, name: str, now: int) -> bool:
    with dialect.transaction(db):
        applied = _applied(db)
        if name in applied:
            return False
        if not applied:
            db.execute_sql(_VERSIONS)
        import_module(f"{__name__}.{name}").up(db, dialect)
        db.execute_sql(_NOTE.format(db.param), (name, now))
    return True
