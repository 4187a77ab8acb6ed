"""The SQLite file itself: is it ours, how is it opened, and what its errors mean to a user."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import peewee

from wfcore.api import PluginError, Unavailable

from .files import forbidden, may

#: In the file's header (``PRAGMA application_id``): "WFLW".
APPLICATION_ID: Final = 0x57464C57
_OLDEST: Final = (3, 35, 0)
BUSY_SECONDS: Final = 5
#: The write-ahead log is cut to this when it begins anew.
LOG_BYTES: Final = 64 * 1024 * 1024
#: What SQLite says of a file that it may not open or write to.
_DENIED: Final = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
_BUGS: Final = ("IntegrityError", "ProgrammingError", "InterfaceError", "NotSupportedError", "DataError")


def check_library(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Raise PluginError when this Python's SQLite is too old."""
    if version < _OLDEST:
        raise PluginError(
            f"SQLite {'.'.join(map(str, version))} is too old: {'.'.join(map(str, _OLDEST))} is needed",
            remedy="use a Python that is built with a newer SQLite",
        )


def check_file(path: Path, mode: str = "ro") -> bool:
    """True for a database of this product, False for an empty file; raises PluginError for any other, and
    Forbidden when this user may not use it.

    A file whose very first transaction was cut off can be read in ``mode`` ``rw`` alone, which undoes that.
    """
    try:
        uri = f"{path.as_uri()}?mode={mode}"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
            (application,) = connection.execute("pragma application_id").fetchone()
            (objects,) = connection.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if _is_denied(path, error):
            raise forbidden(path, str(error)) from error
        raise PluginError(
            f"{path} cannot be used as a SQLite database: {error}",
            remedy="restore it from a backup, move it away, or choose another `storage.path`",
        ) from error
    if application not in (0, APPLICATION_ID) or (objects and not application):
        raise PluginError(
            f"{path} is a SQLite database of another program", remedy="choose another `storage.path`"
        )
    return bool(application)


def _is_denied(path: Path, error: sqlite3.DatabaseError) -> bool:
    """Whether it is this user who may not: also a reader writes what SQLite keeps beside the file."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DENIED:
        return False
    if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
        return False
    return not (may(path, os.R_OK | os.W_OK) and may(path.parent, os.W_OK | os.X_OK))


def connection_options(trace: Callable[[str], None] | None) -> dict[str, Any]:
    """How every connection is made; ``trace`` hears its statements."""

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = sqlite3.Connection(*arguments, **options)
        connection.set_trace_callback(trace)
        return connection

    options = {"timeout": BUSY_SECONDS, "check_same_thread": False, "cached_statements": 256}
    return options if trace is None else {**options, "factory": connect}


def writer_pragmas(synchronous: str, *, new: bool) -> list[tuple[str, Any]]:
    """The settings of the writing connection; those of a ``new`` file come before its first page."""
    header = [("auto_vacuum", "incremental"), ("application_id", APPLICATION_ID)] if new else []
    return [
        *header,
        ("journal_mode", "wal"),
        ("synchronous", synchronous),
        ("foreign_keys", 1),
        ("journal_size_limit", LOG_BYTES),
    ]


def read_only(path: Path) -> peewee.SqliteDatabase:
    """The database for a look that changes nothing."""
    return peewee.SqliteDatabase(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Turn what the database cannot do now into Unavailable; bugs of ours pass as they are."""
    try:
        yield
    except (sqlite3.DatabaseError, peewee.DatabaseError) as error:
        if type(error).__name__ in _BUGS:
            raise
        reason = str(error.args[0] if error.args else error)
        raise Unavailable(f"the database {path} cannot be used: {reason}", remedy=_remedy(reason)) from error


def _remedy(reason: str) -> str:
    if "full" in reason:
        return "free some space on its disk"
    if "locked" in reason:
        return "another program holds the file for long: end that one"
    return "check that its disk works and that the file is writable; if it is damaged, restore a backup"
