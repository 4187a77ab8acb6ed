"""The storage driver for several servers: a PostgreSQL database, which has the large content too."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar, Final

import peewee
import psycopg2

from wfcore.api import CONTRACT, Context, Step, Unavailable

from . import migrations, postgres_content
from .audit import AuditQueries, TokenQueries
from .catalogue import WorkflowQueries
from .commit import merge
from .dialect import Dialect
from .moves import MoveQueries, TableRows
from .packages import PackageQueries
from .permits import CHANNEL, PermitQueries
from .postgres_commit import Claim, claim_of, claim_text, write_text
from .postgres_faults import ERRORS, cause_of, faults, is_deadlock, line, unavailable
from .postgres_listener import Listener
from .postgres_nodes import NodeQueries, expect_nobody
from .postgres_offers import OfferQueries
from .postgres_outcome import Question, was_committed
from .postgres_pool import Pool
from .postgres_room import expect_room, not_migratable
from .postgres_target import Target
from .queries import ExecutionQueries
from .schema import Tables, tables
from .secrets import SecretQueries
from .upkeep import SWEPT_AT_ONCE, RecordQueries, sweep_rows

#: Microseconds that content lives without a reference: its execution's step may yet be committed.
_CONTENT_AGE: Final = 3_600_000_000
#: The advisory lock of whoever must be alone: any number that other programs will hardly use.
_ALONE: Final = 0x57464C57
#: How often a commit that met another one in its way begins again.
_ATTEMPTS: Final = 10


@contextmanager
def _alone(db: Any) -> Iterator[None]:
    with db.atomic():
        db.execute_sql("select pg_advisory_xact_lock(%s)", (_ALONE,))
        yield


POSTGRES: Final = Dialect(
    transaction=_alone,
    text='text collate "C"',
    auto_key="bigint generated always as identity primary key",
    clustered="",
    content_in_tables=True,
)


class PostgresStorage(
    ExecutionQueries,
    WorkflowQueries,
    RecordQueries,
    PackageQueries,
    SecretQueries,
    AuditQueries,
    TokenQueries,
    NodeQueries,
    OfferQueries,
    PermitQueries,
    MoveQueries,
):
    """``Storage`` on a PostgreSQL database, which several servers may use.

    At most ``poolSize`` connections, opened as threads need them, and one more to listen on. A connection
    that breaks is replaced without a word; a commit whose answer was lost asks what became of it.
    With ``readOnly`` nothing is ever written or migrated.
    """

    contract: ClassVar[int] = CONTRACT
    schema: ClassVar[Mapping[str, Any]] = {
        "url": {"type": "string", "nullable": True},
        "passwordFile": {"type": "string", "nullable": True, "empty": False},
        "poolSize": {"type": "integer", "min": 2, "max": 1000, "default": 10},
        "readOnly": {"type": "boolean", "default": False},
    }

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._read_only: bool = config.get("readOnly", False)
        self._target = Target(config.get("url"), config.get("passwordFile"), read_only=self._read_only)
        self._pool = Pool(self._target, config.get("poolSize", 10))
        self._tables = tables(self._pool)
        self._clock = context.clock
        self._logger: logging.Logger = context.logger
        self._listener: Listener | None = None
        self._stopping = threading.Event()
        self._quiet = threading.Condition()
        self._users = 0
        self._open = False

    def start(self) -> None:
        """See ``Driver``. Raises Conflict when a newer release has migrated the database."""
        if self._read_only:
            self._expect_current()
        else:
            self.migrate()
        self._stopping.clear()
        self._open = True

    def stop(self, deadline: float) -> None:
        """See ``Driver``. Calls that last longer than ``deadline`` close their connections themselves."""
        until = time.monotonic() + deadline
        self._stopping.set()
        if self._listener is not None:
            self._listener.stop(deadline)
            self._listener = None
        with self._quiet:
            self._open = False
            self._quiet.wait_for(lambda: not self._users, max(0.0, until - time.monotonic()))
        self._pool.close_idle()

    def health(self) -> str:
        """See ``Driver``."""
        try:
            with self.reading():
                self._pool.execute_sql("select name from schema_version limit 1").fetchone()
        except Unavailable as error:
            return str(error)
        except ERRORS as error:
            return str(unavailable(self._target, error))
        return ""

    def migrate(self, *, check: bool = False) -> list[str]:
        """See ``Storage``; works before ``start`` too. Of servers that start together one migrates."""
        try:
            with faults(self._target), self._connection():
                if check:
                    missing = migrations.pending(self._pool)
                    if missing == migrations.known():
                        expect_room(self._pool, self._target)
                    return missing
                expect_nobody(self._pool, migrations.pending(self._pool), self._target)
                return migrations.run(self._pool, POSTGRES, self._clock.now())
        except (peewee.ProgrammingError, psycopg2.ProgrammingError) as error:
            raise not_migratable(self._target, line(cause_of(error) or error)) from error
        finally:
            if not self._open:
                self._pool.close_idle()

    def commit(self, steps: Sequence[Step], notify: Sequence[str] = ()) -> frozenset[str]:
        """See ``Storage``. Raises Unavailable when nothing was written, or nobody can say."""
        if not steps:
            return frozenset()
        self._expect_open(to_write=True)
        units, contradicting = merge(steps)
        with faults(self._target):
            for attempt in range(_ATTEMPTS):
                try:
                    return self._commit(units, notify) | contradicting
                except ERRORS as error:
                    if not is_deadlock(error) or attempt == _ATTEMPTS - 1:
                        raise
        raise AssertionError("the last attempt returns or raises")

    def subscribe(self, heard: Callable[[str], None]) -> None:
        """See ``Storage``."""
        self._expect_open()
        self._listener = Listener(self._target, heard, self._logger)
        self._listener.start()

    def announce(self, payload: str) -> None:
        """See ``Storage``. Raises Unavailable."""
        self._expect_open(to_write=True)
        with faults(self._target), self._connection():
            self._pool.execute_sql("select pg_notify(%s, %s)", (CHANNEL, payload))

    def put_blob(self, content: bytes) -> str:
        """See ``Storage``."""
        with self.writing():
            return postgres_content.put(self._pool, content)

    def get_blob(self, digest: str) -> bytes:
        """See ``Storage``."""
        with self.reading():
            return postgres_content.get(self._pool, digest)

    def sweep(self, now: int) -> int:
        """See ``Storage``."""
        with self.writing() as t:
            gone = sweep_rows(t, now)
        with self.writing():
            return gone + postgres_content.sweep(self._pool, now - _CONTENT_AGE, SWEPT_AT_ONCE)

    @contextmanager
    def reading(self) -> Iterator[Tables]:
        """See ``Sessions``."""
        self._expect_open()
        with faults(self._target), self._connection():
            yield self._tables

    @contextmanager
    def export(self) -> Iterator[TableRows]:
        """See ``Movable``."""
        with self.reading() as t, self._pool.atomic("repeatable read"):
            yield TableRows(t, partial(postgres_content.get, self._pool))

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Tables]:
        """See ``Sessions``."""
        self._expect_open(to_write=True)
        begin = POSTGRES.transaction if alone else Pool.atomic
        with faults(self._target), self._connection(), begin(self._pool):
            yield self._tables

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See ``Storage``."""
        with self.writing():
            yield

    @contextmanager
    def _connection(self) -> Iterator[None]:
        """A connection for this thread while inside; that which it has, if it has one."""
        if not self._pool.is_closed():
            yield
            return
        with self._quiet:
            self._users += 1
        try:
            with self._pool.lent():
                yield
        finally:
            with self._quiet:
                self._users -= 1
                self._quiet.notify_all()
            if self._stopping.is_set():
                self._pool.close_idle()

    def _commit(self, units: Sequence[Step], notify: Sequence[str]) -> frozenset[str]:
        with self._connection():
            cursor = self._pool.open(claim_text(self._pool.held().cursor(), units))
            claim = claim_of(units, cursor.fetchone())
            if not claim.seated:
                cursor.execute("rollback")
                raise Unavailable(
                    "the other servers took this one for dead, so it may let nothing run",
                    remedy="it enters again by itself: try again in a moment",
                )
            lost = _finish(cursor, claim, notify)
        if lost is not None:
            question = Question(claim.transaction, claim.accepted[0].execution.id)
            if not was_committed(self._pool, question, self._stopping):
                raise lost
        accepted = {step.execution.id for step in claim.accepted}
        return frozenset(step.execution.id for step in units if step.execution.id not in accepted)

    def _expect_current(self) -> None:
        """Refuse to read a database that is not as this release has it."""
        if missing := self.migrate(check=True):
            raise Unavailable(
                f"the database {self._target} lacks {', '.join(missing)}",
                remedy="run `workflow server migrate`, or start the server once",
            )

    def _expect_open(self, *, to_write: bool = False) -> None:
        if to_write and self._read_only:
            raise Unavailable(
                f"the storage {self._target} is open for reading only",
                remedy="remove `storage.readOnly` from the configuration",
            )
        if not self._open:
            raise Unavailable(
                f"the storage {self._target} is not open",
                remedy="the server is starting or stopping: try again in a moment",
            )


def _finish(cursor: Any, claim: Claim, notify: Sequence[str]) -> Exception | None:
    """Write what was accepted and commit; the error if the connection was lost over it."""
    if not claim.accepted:
        cursor.execute("rollback")
        return None
    text = write_text(cursor, claim, notify)
    try:
        cursor.execute(text)
    except ERRORS as error:
        if not cursor.connection.closed:
            raise
        return error
    return None
