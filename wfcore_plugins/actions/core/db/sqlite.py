"""SQLite files: one transaction per action, tables made from rows, nothing outside the one file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from wfcore.api import InvalidInput, RetryableError, TaskContext, TerminalError
from wfcore_plugins.actions.core.db.rows import Insert, Row, check_result, quoted
from wfcore_plugins.actions.core.db.statement import Parameters, Statement, compile_statement
from wfcore_plugins.actions.core.values import as_bytes, to_json

#: Stands in the definition of every table that db.insert has made: only such a table gets new columns.
_OURS = "/* made by db.insert */"
_READING = frozenset(("select", "values", "explain", "pragma"))
#: Pragmas that only tell something.
_TELLING = frozenset(
    ("data_version", "encoding", "foreign_key_list", "freelist_count", "index_info", "index_list",
     "index_xinfo", "page_count", "page_size", "table_info", "table_list", "table_xinfo", "user_version")
)  # fmt: skip
_BUSY_SECONDS = 5.0
_STEPS_BETWEEN_LOOKS = 20_000
_KEPT = 4
#: Bytes of one value or row; SQL alone could otherwise fill the memory (``zeroblob(1e9)``).
_LONGEST_VALUE = 64 * 1024 * 1024


class Sqlite:
    """A database file; connections are kept for the next action, a few at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []

    def query(
        self, sql: str, parameters: Parameters, limit: int, task: TaskContext
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The columns and the rows, at most ``limit``."""
        statement = _compiled(sql, parameters)
        with self._transaction(task, statement.verb not in _READING) as connection:
            cursor = connection.execute(statement.text, statement.values)
            rows = cursor.fetchmany(limit + 1)
            columns = [column[0] for column in cursor.description or ()]
            check_result(columns, len(rows), limit)
            return columns, rows

    def execute(self, sql: str, parameters: Parameters, task: TaskContext) -> tuple[int, int | None]:
        """The number of rows affected, and the row id of the last one inserted."""
        statement = _compiled(sql, parameters)
        with self._transaction(task, statement.verb not in _READING) as connection:
            cursor = connection.execute(statement.text, statement.values)
            for _ in cursor:
                task.check()
            inserted = statement.verb in ("insert", "replace") and cursor.rowcount > 0
            return max(cursor.rowcount, 0), cursor.lastrowid if inserted else None

    def insert(self, insert: Insert, task: TaskContext) -> int:
        """Insert all rows, making the table and, if it was made here, columns that are missing."""
        affected = 0
        with self._transaction(task, True) as connection:
            _prepare_table(connection, insert)
            for columns, rows in insert.groups():
                text = f"{insert.head(columns)}({', '.join('?' * len(columns))}){insert.conflict(columns)}"
                cursor = connection.executemany(text, ([_bound(row[c], c) for c in columns] for row in rows))
                affected += max(cursor.rowcount, 0)
        return affected

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def _transaction(self, task: TaskContext, writes: bool) -> Iterator[sqlite3.Connection]:
        """A transaction that a cancel interrupts. Raises the errors of the product."""
        stopped = threading.Event()
        try:
            connection = self._take()
        except (sqlite3.Error, OSError) as error:
            raise TerminalError(
                f"the database {self._path.name} cannot be opened: {error}", kind="database"
            ) from None
        connection.set_progress_handler(stopped.is_set, _STEPS_BETWEEN_LOOKS)
        try:
            with task.on_cancel(partial(_interrupt, connection, stopped)):
                connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                yield connection
                connection.execute("COMMIT")
        except (sqlite3.Error, sqlite3.Warning) as error:
            task.check()
            raise _told(error) from None
        finally:
            self._give(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        connection.set_authorizer(_authorize)
        return connection

    def _give(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.rollback()
        connection.set_progress_handler(None, 0)
        with self._lock:
            if len(self._idle) < _KEPT:
                self._idle.append(connection)
                return
        connection.close()


def _interrupt(connection: sqlite3.Connection, stopped: threading.Event) -> None:
    """``interrupt`` reaches the running statement, the event one that is about to begin."""
    stopped.set()
    connection.interrupt()


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Workflows stay inside the file: no ATTACH (nor VACUUM, which uses it), no pragma that changes."""
    outside = action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH)
    changing = action == sqlite3.SQLITE_PRAGMA and (
        (first or "").lower() not in _TELLING or (first == "user_version" and second is not None)
    )
    return sqlite3.SQLITE_DENY if outside or changing else sqlite3.SQLITE_OK


def _told(error: Exception) -> Exception:
    text = str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return RetryableError("the database is busy with another writer", kind="database")
    if code == sqlite3.SQLITE_AUTH:
        text = "ATTACH, DETACH, VACUUM and pragmas that change something are not for actions"
    return TerminalError(f"SQLite: {text}", kind="database")


def _compiled(sql: str, parameters: Parameters) -> Statement:
    statement = compile_statement(sql, parameters, postgres=False)
    values = [_bound(value, f"parameters[{index}]") for index, value in enumerate(statement.values)]
    return Statement(statement.text, values, statement.verb)


def _bound(value: Any, name: str) -> Any:
    """The form in which SQLite keeps a value: lists and mappings as JSON text, times as ISO 8601 text."""
    content = as_bytes(value)
    if content is not None:
        return content
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise InvalidInput(
            f"{name}: {value} needs more than the 64 bits of an SQLite integer; give it as text"
        )
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict | list):
        return to_json(value, name)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
        raise InvalidInput(f"{name}: it contains half of a surrogate pair, which is no text")
    return value


def _prepare_table(connection: sqlite3.Connection, insert: Insert) -> None:
    if len(insert.table) > 1 and insert.table[0].lower() != "main":
        raise InvalidInput(f"table: SQLite has no schema {insert.table[0]!r}; write the table alone")
    name = insert.table[-1]
    found = connection.execute(
        "SELECT sql FROM sqlite_master WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')", (name,)
    ).fetchone()
    columns = _columns(insert.rows)
    if found is None:
        if insert.rows:
            parts = [f"{quoted(column)} {kind}".rstrip() for column, kind in columns.items()]
            parts += [f"UNIQUE ({', '.join(map(quoted, insert.keys))})"] if insert.keys else []
            connection.execute(f"CREATE TABLE {quoted(name)} ({_OURS} {', '.join(parts)})")
    elif _OURS in (found[0] or ""):
        known = {
            row[0].lower() for row in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
        }
        for column, kind in columns.items():
            if column.lower() not in known:
                connection.execute(f"ALTER TABLE {quoted(name)} ADD COLUMN {quoted(column)} {kind}")
                known.add(column.lower())


def _columns(rows: Sequence[Row]) -> dict[str, str]:
    """Each column with the type of its values; without one where they are null or of several kinds."""
    kinds: dict[str, set[str]] = {}
    for row in rows:
        for column, value in row.items():
            kind = _kind(value)
            kinds.setdefault(column, set()).update({kind} if kind else ())
    return {column: _common(found) for column, found in kinds.items()}


def _common(kinds: set[str]) -> str:
    if kinds == {"INTEGER", "REAL"}:
        return "REAL"
    return kinds.pop() if len(kinds) == 1 else ""


def _kind(value: Any) -> str:
    if value is None:
        return ""
    if as_bytes(value) is not None:
        return "BLOB"
    if isinstance(value, int):
        return "INTEGER"
    return "REAL" if isinstance(value, float | timedelta) else "TEXT"
