"""The connections to PostgreSQL: a pool by playhouse that notices when the server has hung up."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg2
from peewee import PostgresqlDatabase
from playhouse.pool import PooledPostgresqlDatabase
from psycopg2.extensions import connection as Connection

from .postgres_faults import ERRORS
from .postgres_target import Target

_T = TypeVar("_T")

#: Seconds in which nobody tries again to connect.
_PAUSE: Final = 0.3
#: Seconds that a thread waits for a connection when all are in use.
_PATIENCE: Final = 30


class _Connecting(PostgresqlDatabase):
    """Connects as the target says, whatever else peewee would make of a URL.

    Threads connect one after the other. When that has failed, those who wait for their turn are told at once:
    a server that does not answer would hold up each of them anew.
    """

    target: Target
    _failure: str
    _again_at = 0.0

    def _connect(self) -> Connection:
        if time.monotonic() < self._again_at:
            raise psycopg2.OperationalError(self._failure)
        try:
            return self.target.connect()
        except psycopg2.OperationalError as error:
            self._failure, self._again_at = str(error), time.monotonic() + _PAUSE
            raise


class Pool(PooledPostgresqlDatabase, _Connecting):  # type: ignore[misc]
    """At most ``size`` connections, each used by one thread at a time and kept for the next.

    A connection that turns out to be broken is thrown away. What is executed outside of a transaction, or
    begins one, is then executed once more on another: nothing can have come of it.
    """

    def __init__(self, target: Target, size: int) -> None:
        super().__init__("workflow", max_connections=size, timeout=_PATIENCE, autoconnect=False)
        self.target = target

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Execute a statement. Raises what peewee raises."""
        execute: Any = super().execute_sql
        return self._insist(lambda: execute(sql, params))

    def begin(self, isolation_level: Any = None) -> None:
        """Begin a transaction."""
        begin: Any = super().begin
        self._insist(lambda: begin(isolation_level))

    def open(self, text: str) -> Any:
        """Execute a text that begins with BEGIN; the cursor of psycopg2, with the last statement's rows."""

        def execute() -> Any:
            cursor = self.held().cursor()
            cursor.execute(text)
            return cursor

        return self._insist(execute)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """A connection for this thread while inside; peewee's own context does not survive a new one."""
        self.connect()
        try:
            yield
        finally:
            if not self.is_closed():
                self.close()

    def held(self) -> Connection:
        """The connection that this thread has."""
        connection: Connection = self.connection()  # type: ignore[no-untyped-call]
        return connection

    def _insist(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except ERRORS:
            if self.in_transaction() or not self.held().closed:
                raise
        self.manual_close()
        self.connect()
        return act()

    def _is_closed(self, connection: Connection) -> bool:
        return bool(connection.closed) or _has_news(connection)


def _has_news(connection: Connection) -> bool:
    """Whether an idle connection has something to read: the server's farewell, most often."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLPRI)
    return bool(poll.poll(0))
