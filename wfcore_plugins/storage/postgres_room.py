"""Whether a PostgreSQL database without our tables has room for them, found out without making any."""

from __future__ import annotations

from typing import Any

from wfcore.api import PluginError, Unavailable

from .schema import COLUMNS


def expect_room(db: Any, database: object) -> None:
    """Raise PluginError when another program has a table of ours, Unavailable when we may make none."""
    if taken := sorted(set(db.get_tables()).intersection(COLUMNS)):
        raise not_migratable(database, f'relation "{taken[0]}" already exists')
    schema, may = db.execute_sql(
        "select current_schema(), has_schema_privilege(current_schema(), 'create')"
    ).fetchone()
    if schema is None:
        raise not_migratable(database, "no schema has been selected to create in")
    if not may:
        raise Unavailable(
            f"the database {database} cannot be used: permission denied for schema {schema}",
            remedy="grant the right to create tables there to that user",
        )


def not_migratable(database: object, reason: str) -> PluginError:
    """The error for a database in which our tables cannot be made."""
    return PluginError(
        f"the database {database} cannot be migrated: {reason}",
        remedy="give workflow a database, or a schema, that no other program uses",
    )
