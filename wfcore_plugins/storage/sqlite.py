"""The storage driver for one server: a SQLite file, with large content as files beside it."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import peewee
from playhouse.pool import PooledSqliteDatabase

from wfcore.api import CONTRACT, Context, Step, Unavailable

from . import migrations, sqlite_file
from .audit import AuditQueries, TokenQueries
from .blobs import Blobs, blob_directory
from .catalogue import WorkflowQueries
from .dialect import Dialect
from .moves import MoveQueries, TableRows
from .packages import PackageQueries
from .permits import PermitQueries
from .queries import ExecutionQueries
from .schema import Tables, tables
from .secrets import SecretQueries
from .sqlite_commit import write
from .sqlite_copies import CopyQueries
from .sqlite_file import (
    BUSY_SECONDS,
    check_library,
    connection_options,
    faults,
    writer_pragmas,
)
from .sqlite_home import Home
from .sqlite_log import WriteAheadLog
from .upkeep import SWEPT_AT_ONCE, RecordQueries, referred, sweep_rows

_FREE_BYTES: Final = 16 * 1024 * 1024
#: Seconds that a blob lives without a reference: its execution's step may yet be committed.
_BLOB_AGE: Final = 3600.0
#: So many pages go back to the disk in one transaction; so often in one sweep, with pauses (seconds).
_PAGES_AT_ONCE: Final = 1000
_ROUNDS: Final = 100
_PAUSE: Final = 0.01
#: One page stays free for so many in use.
_SLACK: Final = 10


SQLITE: Final = Dialect(
    # A deferred transaction that reads before it writes fails at once when another has written meanwhile.
    transaction=lambda db: db.atomic("IMMEDIATE"),
    text="text",
    auto_key="integer primary key autoincrement",
    clustered=" without rowid",
    content_in_tables=False,
)


class SqliteStorage(
    ExecutionQueries,
    WorkflowQueries,
    RecordQueries,
    PackageQueries,
    SecretQueries,
    AuditQueries,
    TokenQueries,
    PermitQueries,
    MoveQueries,
    CopyQueries,
):
    """``Storage`` on one SQLite file, which belongs to one process from ``start`` to ``stop``.

    All writes go through one connection under a lock; reads take a connection from a pool for the
    length of the call. Without calls there is no SQL and no thread. To watch the statements, set
    ``trace`` before ``start``: it is called with the text of every statement SQLite executes on any
    connection, BEGIN and COMMIT included, and values of parameters are part of that text.
    With ``readOnly`` the file may belong to another process meanwhile; whatever writes raises Unavailable.
    """

    contract: ClassVar[int] = CONTRACT
    schema: ClassVar[Mapping[str, Any]] = {
        "path": {"type": "string", "empty": False, "default": "./data/db.sqlite"},
        "synchronous": {"type": "string", "allowed": ["full", "normal"], "default": "full"},
        "readOnly": {"type": "boolean", "default": False},
    }

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self.trace: Callable[[str], None] | None = None
        self._path = Path(config["path"]).absolute()
        self._synchronous: str = config["synchronous"]
        self._read_only: bool = config.get("readOnly", False)
        self._clock = context.clock
        self._logger: logging.Logger = context.logger
        blobs = blob_directory(self._path, context.data_dir)
        self._blobs = Blobs(blobs)
        self._home = Home(self._path, blobs, context.data_dir)
        self._log = WriteAheadLog(self._path, sqlite_file.LOG_BYTES, BUSY_SECONDS * 1000, self._logger)
        self._writer: Any = peewee.SqliteDatabase(None, thread_safe=False)
        self._reader: Any = PooledSqliteDatabase(None, max_connections=None)
        self._written, self._read = tables(self._writer), tables(self._reader)
        self._writing = threading.Lock()
        self._transacting: int | None = None
        self._quiet = threading.Condition()
        self._reads = 0
        self._open = False

    def start(self) -> None:
        """See ``Driver``. Raises Conflict when another process has the file or a newer release made it."""
        if self._read_only:
            self._expect_current()
        else:
            self._open_writer()
        options = connection_options(self.trace)
        self._reader.init(str(self._path), pragmas=[("query_only", 1)], **options)
        self._open = True

    def stop(self, deadline: float) -> None:
        """See ``Driver``. Reads that last longer than ``deadline`` close their connections themselves."""
        until = time.monotonic() + deadline
        with self._quiet:
            self._open = False
            self._quiet.wait_for(lambda: not self._reads, deadline)
        self._reader.close_idle()
        if self._writing.acquire(timeout=max(0.0, until - time.monotonic())):
            try:
                self._close_writer()
            finally:
                self._writing.release()

    def health(self) -> str:
        """See ``Driver``."""
        try:
            with self.reading():
                self._reader.execute_sql("select name from schema_version limit 1").fetchone()
            free = shutil.disk_usage(self._path.parent).free
        except (Unavailable, OSError) as error:
            return str(error)
        return "" if free > _FREE_BYTES else f"only {free >> 10} KiB are free on the disk of {self._path}"

    def migrate(self, *, check: bool = False) -> list[str]:
        """See ``Storage``; works before ``start`` too, then taking the database's lock meanwhile."""
        if check:
            return self._missing()
        if self._open:
            with self._writing, faults(self._path):
                return migrations.run(self._writer, SQLITE, self._clock.now())
        try:
            return self._open_writer()
        finally:
            self._close_writer()

    def commit(self, steps: Sequence[Step], notify: Sequence[str] = ()) -> frozenset[str]:
        """See ``Storage``. Raises Unavailable when the disk is full or fails."""
        if not steps:
            return frozenset()
        with self._writing, faults(self._path):
            connection = self._connection()
            cursor = connection.cursor()
            cursor.execute("begin immediate")
            try:
                refused = write(cursor, steps)
                cursor.execute("commit")
            except BaseException:
                connection.rollback()
                raise
            self._log.keep_short(connection)
            return refused

    def subscribe(self, heard: Callable[[str], None]) -> None:
        """See ``Storage``: there is no other server to hear."""

    def announce(self, payload: str) -> None:
        """See ``Storage``: there is no other server to tell."""

    def put_blob(self, content: bytes) -> str:
        """See ``Storage``."""
        self._expect_open(to_write=True)
        return self._blobs.put(content)

    def get_blob(self, digest: str) -> bytes:
        """See ``Storage``."""
        return self._blobs.get(digest)

    def sweep(self, now: int) -> int:
        """See ``Storage``."""
        with self.writing() as t:
            gone = sweep_rows(t, now)
        gone += self._blobs.sweep(now / 1_000_000 - _BLOB_AGE, SWEPT_AT_ONCE, self._referred)
        for _ in range(_ROUNDS):
            if not self._shrink():
                break
            time.sleep(_PAUSE)  # a lock that is taken again at once lets nobody in
        return gone

    @contextmanager
    def reading(self) -> Iterator[Tables]:
        """See ``Sessions``."""
        with self._quiet:
            self._expect_open()
            self._reads += 1
        try:
            with faults(self._path), self._reader.connection_context():
                yield self._read
        finally:
            with self._quiet:
                self._reads -= 1
                self._quiet.notify_all()
            if not self._open:
                self._reader.close_idle()

    @contextmanager
    def export(self) -> Iterator[TableRows]:
        """See ``Movable``."""
        with self.reading() as t, self._reader.atomic():
            yield TableRows(t, self._blobs.get)

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Tables]:
        """See ``Sessions``; every writer is alone."""
        if self._transacting == threading.get_ident():
            with self._writer.atomic():
                yield self._written
            return
        with self._writing, faults(self._path):
            self._expect_open(to_write=True)
            with SQLITE.transaction(self._writer):
                yield self._written

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See ``Storage``."""
        with self.writing():
            self._transacting = threading.get_ident()
            try:
                yield
            finally:
                self._transacting = None

    def _open_writer(self) -> list[str]:
        """Take the lock, open the file, or make it, and migrate; the migrations that were applied."""
        check_library()
        self._home.take()
        pragmas = writer_pragmas(self._synchronous, new=self._home.furnish())
        with faults(self._path):
            self._writer.init(str(self._path), pragmas=pragmas, **connection_options(self.trace))
            self._writer.connect()
            return migrations.run(self._writer, SQLITE, self._clock.now())

    def _close_writer(self) -> None:
        if not self._writer.is_closed():
            try:
                self._writer.execute_sql("pragma wal_checkpoint(truncate)").fetchall()
            except peewee.DatabaseError as error:  # the log keeps what the checkpoint could not move
                self._logger.warning("the log of %s could not be emptied: %s", self._path, error)
            self._writer.close()
        self._home.leave()

    def _shrink(self) -> bool:
        """Give some free pages back to the disk; whether there are more to give.

        A tenth of what is in use stays free: what comes next would only make the file grow again.
        """
        with self._writing, faults(self._path):
            connection = self._connection()
            (free,), (pages,) = (
                connection.execute(f"pragma {count}").fetchone() for count in ("freelist_count", "page_count")
            )
            if (spare := free - (pages - free) // _SLACK) <= 0:
                return False
            # Each page freed is a row without columns: ``execute`` would stop at the first.
            connection.executescript(f"pragma incremental_vacuum({min(spare, _PAGES_AT_ONCE)})")
            return bool(spare > _PAGES_AT_ONCE)

    def _referred(self, digests: Sequence[str]) -> set[str]:
        with self.reading() as t:
            return referred(t, digests)

    def _connection(self) -> sqlite3.Connection:
        self._expect_open(to_write=True)
        connection: sqlite3.Connection = self._writer.connection()
        return connection

    def _expect_open(self, *, to_write: bool = False) -> None:
        if to_write and self._read_only:
            raise Unavailable(
                f"the storage {self._path} is open for reading only",
                remedy="remove `storage.readOnly` from the configuration",
            )
        if not self._open:
            raise Unavailable(
                f"the storage {self._path} is not open",
                remedy="the server is starting or stopping: try again in a moment",
            )
