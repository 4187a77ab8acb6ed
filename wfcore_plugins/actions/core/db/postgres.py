"""PostgreSQL: one transaction per action; the schema is the operator's and is never changed by an insert."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from wfcore.api import InvalidInput, RetryableError, TaskContext, TerminalError
from wfcore_plugins.actions.core.db.rows import Insert, check_result
from wfcore_plugins.actions.core.db.statement import Parameters, Statement, compile_statement
from wfcore_plugins.actions.core.values import as_bytes, to_json

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_CURSORED = frozenset(("select", "values", "table"))
#: SQLSTATE classes and codes after which the same statement may succeed: connection, rollback,
#: resources, shutdown, lock not available.
_PASSING = ("08", "40", "53", "57P", "55P03")
_CONNECT_SECONDS = 10
_IDLE_SECONDS = 60.0
_KEPT = 4
_PAGE = 500


class Postgres:
    """A database; connections are kept for the next action, a few, and not for long."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._idle: list[tuple[Connection, float]] = []

    def query(
        self, sql: str, parameters: Parameters, limit: int, task: TaskContext
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The columns and the rows, at most ``limit``; plain reading fetches no more than one beyond."""
        statement = _compiled(sql, parameters)
        with self._transaction(task) as connection:
            name = "rows" if statement.verb in _CURSORED else None
            with connection.cursor(name) as cursor:
                cursor.execute(statement.text, statement.values)
                if name is None and cursor.description is None:
                    return [], []
                rows = cursor.fetchmany(limit + 1)
                columns = [column[0] for column in cursor.description or ()]
                check_result(columns, len(rows), limit)
                return columns, rows

    def execute(self, sql: str, parameters: Parameters, task: TaskContext) -> tuple[int, int | None]:
        """The number of rows affected; PostgreSQL knows no last row id (use RETURNING in a query)."""
        statement = _compiled(sql, parameters)
        with self._transaction(task) as connection, connection.cursor() as cursor:
            cursor.execute(statement.text, statement.values)
            return max(cursor.rowcount, 0), None

    def insert(self, insert: Insert, task: TaskContext) -> int:
        """Insert all rows, in pages of some hundred."""
        affected = 0
        with self._transaction(task) as connection, connection.cursor() as cursor:
            documents = _json_columns(cursor, insert)
            for columns, rows in insert.groups():
                row = f"({', '.join(['%s'] * len(columns))})"
                for start in range(0, len(rows), _PAGE):
                    page = rows[start : start + _PAGE]
                    values = [_bound(r[c], c, c in documents) for r in page for c in columns]
                    text = insert.head(columns) + ", ".join([row] * len(page)) + insert.conflict(columns)
                    cursor.execute(text, values)
                    affected += max(cursor.rowcount, 0)
        return affected

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            while self._idle:
                self._idle.pop()[0].close()

    @contextmanager
    def _transaction(self, task: TaskContext) -> Iterator[Connection]:
        """A transaction that a cancel interrupts. Raises the errors of the product."""
        import psycopg2

        try:
            connection = self._take(task)
        except psycopg2.Error as error:
            task.check()
            raise RetryableError(f"PostgreSQL: {_line(error)}", kind="database") from None
        try:
            with task.on_cancel(lambda: _cancel(connection)):
                yield connection
                connection.commit()
        except psycopg2.Error as error:
            task.check()
            raise _told(error) from None
        except ValueError as error:
            raise InvalidInput(f"a value cannot be sent to PostgreSQL: {error}") from None
        finally:
            self._give(connection)

    def _take(self, task: TaskContext) -> Connection:
        import psycopg2

        with self._lock:
            while self._idle:
                connection, since = self._idle.pop()
                if time.monotonic() - since < _IDLE_SECONDS and _quiet(connection):
                    return connection
                connection.close()
        wait = max(2, int(task.remaining(_CONNECT_SECONDS)))  # libpq takes no less than two
        return psycopg2.connect(self._url, connect_timeout=wait, application_name="workflow")

    def _give(self, connection: Connection) -> None:
        import psycopg2

        try:
            connection.rollback()
        except psycopg2.Error:
            connection.close()
        with self._lock:
            if not connection.closed and len(self._idle) < _KEPT:
                self._idle.append((connection, time.monotonic()))
                return
        connection.close()


def _quiet(connection: Connection) -> bool:
    """False when the server has hung up, or has something to say that nobody asked for."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLPRI)
    return not poll.poll(0)


def _cancel(connection: Connection) -> None:
    import psycopg2

    with suppress(psycopg2.Error):  # it is over already
        connection.cancel()


def _told(error: Any) -> Exception:
    text = f"PostgreSQL: {_line(error)}"
    if error.pgcode is None or error.pgcode.startswith(_PASSING):
        return RetryableError(text, kind="database")
    return TerminalError(text, kind="database")


def _line(error: Any) -> str:
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    return primary or str(error).strip().partition("\n")[0] or type(error).__name__


def _json_columns(cursor: Any, insert: Insert) -> frozenset[str]:
    """The columns of a JSON type, asked for only when a list might be meant for one."""
    if not any(isinstance(value, list) for row in insert.rows for value in row.values()):
        return frozenset()
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s)"
        " AND atttypid IN ('json'::regtype, 'jsonb'::regtype)",
        (insert.target,),
    )
    return frozenset(name for (name,) in cursor)


def _compiled(sql: str, parameters: Parameters) -> Statement:
    statement = compile_statement(sql, parameters, postgres=True)
    values = [_bound(value, f"parameters[{index}]", False) for index, value in enumerate(statement.values)]
    return Statement(statement.text, values, statement.verb)


def _bound(value: Any, name: str, document: bool) -> Any:
    """A mapping is JSON text; a list is an array, or JSON text where the column is a document."""
    content = as_bytes(value)
    if content is not None:
        return content
    if isinstance(value, dict) or document:
        return to_json(value, name)
    if isinstance(value, list):
        return [_bound(item, name, False) for item in value]
    return value
