"""The write-ahead log beside a SQLite file, which a reader that stays keeps from being used anew."""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import Final

#: The size is asked for after each so many commits, since asking costs a fifth of a commit.
_EVERY: Final = 16
#: How long (milliseconds) readers are waited for when the log is to be emptied; no commit goes on meanwhile.
_PATIENCE: Final = 100
#: Up to so many times its limit the log may grow by our own reads under load; beyond it is somebody else.
_LONG: Final = 4
_WARNING: Final = (
    "%s has %d MiB and cannot shrink while another program goes on reading the database: end that one"
)


class WriteAheadLog:
    """Keeps the log of the database at ``path`` near ``limit`` bytes, and warns when somebody prevents that.

    SQLite itself moves the log into the file every thousand pages and then begins it anew, unless a reader
    still needs it: with enough short readers there is always one. So beyond the limit they are waited for
    once, and after that only when as much again has been written.
    """

    def __init__(self, path: Path, limit: int, busy_timeout: int, logger: logging.Logger) -> None:
        self._path = path.with_name(path.name + "-wal")
        self._limit = self._bound = limit
        self._warned = False
        self._commits = 0
        self._busy_timeout = busy_timeout
        self._logger = logger

    def keep_short(self, connection: sqlite3.Connection) -> None:
        """Look at the log after a commit on the writing connection, which is in no transaction."""
        self._commits += 1
        if self._commits % _EVERY:
            return
        size = self._size()
        if size > self._bound:
            emptied = self._empty(connection)
            self._bound = self._limit if emptied else size + self._limit
            if not emptied and size > _LONG * self._limit and not self._warned:
                self._warned = True
                self._logger.warning(_WARNING, self._path, size >> 20)
        elif size <= self._limit < self._bound:
            self._bound = self._limit
        if self._warned and self._bound == self._limit:
            self._warned = False
            self._logger.info("%s is short again", self._path)

    def _empty(self, connection: sqlite3.Connection) -> bool:
        connection.execute(f"pragma busy_timeout = {_PATIENCE}")
        try:
            (busy, _, _) = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
            return not busy
        except sqlite3.Error as error:  # what was committed is in the log, and stays true
            self._logger.warning("%s could not be moved into its database: %s", self._path, error)
            return False
        finally:
            connection.execute(f"pragma busy_timeout = {self._busy_timeout}")

    def _size(self) -> int:
        try:
            return os.stat(self._path).st_size  # noqa: PTH116  (after every commit)
        except FileNotFoundError:
            return 0
