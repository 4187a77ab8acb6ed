"""insert, query and execute, for whichever engine the connection's URL names."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from wfcore.api import Action, InvalidInput, NotFound, Result, TaskContext
from wfcore_plugins.actions.core.db.postgres import Postgres
from wfcore_plugins.actions.core.db.rows import Insert, read_insert
from wfcore_plugins.actions.core.db.sqlite import Sqlite
from wfcore_plugins.actions.core.db.statement import Parameters
from wfcore_plugins.actions.core.values import plain

_MAX_ROWS = 10_000
_CONNECTION: Mapping[str, Any] = {"connection": {"type": "string", "empty": False}}
_SQL: Mapping[str, Any] = {
    **_CONNECTION,
    "sql": {"type": "string", "required": True, "empty": False},
    "parameters": {"type": ["list", "dict"]},
}
_INSERT: Mapping[str, Any] = {
    **_CONNECTION,
    "table": {"type": "string", "required": True, "empty": False},
    "data": {"type": ["dict", "list"], "required": True},
    "on_conflict": {"type": "string", "allowed": ["error", "ignore", "replace"]},
    "keys": {"type": "list", "minlength": 1, "schema": {"type": "string"}},
}


class Database(Protocol):
    """One engine's way to do the three actions, each in a transaction of its own."""

    def query(
        self, sql: str, parameters: Parameters, limit: int, task: TaskContext
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The columns and the rows. Raises, with nothing changed, when they do not fit an output."""

    def execute(self, sql: str, parameters: Parameters, task: TaskContext) -> tuple[int, int | None]:
        """Rows affected, and the last row id where the engine has one."""

    def insert(self, insert: Insert, task: TaskContext) -> int:
        """Rows affected: all are inserted or none."""

    def close(self) -> None:
        """Close what is idle."""


class Databases:
    """The named connections, each opened when an action first uses it."""

    def __init__(self, connections: Mapping[str, Mapping[str, Any]], data_dir: Path) -> None:
        self._urls = {"default": "sqlite:///app.sqlite"} | {
            name: str(section["url"]) for name, section in connections.items() if section.get("url")
        }
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._open: dict[str, Database] = {}

    def actions(self) -> Sequence[Action]:
        """The three actions."""
        return (
            Action("db.insert", self._insert, _INSERT, "Insert rows into a table, all or none."),
            Action(
                "db.query",
                self._query,
                {**_SQL, "max_rows": {"type": "integer", "min": 1, "max": 1_000_000}},
                "Run one SQL statement and return its rows.",
            ),
            Action("db.execute", self._execute, _SQL, "Run one SQL statement that changes something."),
        )

    def close(self) -> None:
        """Close what is idle in all of them."""
        with self._lock:
            for database in self._open.values():
                database.close()

    def _insert(self, inputs: Mapping[str, Any], task: TaskContext) -> Any:
        insert = read_insert(inputs)
        return {"affected": self._database(inputs).insert(insert, task)}

    def _query(self, inputs: Mapping[str, Any], task: TaskContext) -> Result:
        limit = inputs.get("max_rows", _MAX_ROWS)
        columns, rows = self._database(inputs).query(inputs["sql"], inputs.get("parameters", {}), limit, task)
        output = [dict(zip(columns, map(plain, row), strict=True)) for row in rows]
        return Result(output, {"columns": columns, "row_count": len(output)})

    def _execute(self, inputs: Mapping[str, Any], task: TaskContext) -> Any:
        affected, last = self._database(inputs).execute(inputs["sql"], inputs.get("parameters", {}), task)
        return {"affected": affected, "last_id": last}

    def _database(self, inputs: Mapping[str, Any]) -> Database:
        name = inputs.get("connection", "default")
        with self._lock:
            if name not in self._open:
                self._open[name] = self._make(name)
            return self._open[name]

    def _make(self, name: str) -> Database:
        if name not in self._urls:
            known = ", ".join(sorted(self._urls))
            remedy = f"add connections.{name}.url to the configuration, or use one of: {known}"
            raise NotFound(f"connection: there is no {name!r}; {remedy}", remedy=remedy)
        url = self._urls[name]
        scheme, _, rest = url.partition("://")
        if scheme in ("postgresql", "postgres"):
            return Postgres(url)
        path = rest.removeprefix("/")
        if scheme != "sqlite" or not rest.startswith("/") or not path or path == ":memory:":
            remedy = "write sqlite:///relative.db, sqlite:////absolute.db or postgresql://user@host/name"
            raise InvalidInput(f"connections.{name}.url: it is not of a known kind; {remedy}", remedy=remedy)
        return Sqlite(self._data_dir / path)
