"""Where a SQLite database lives: whom it belongs to, and that there is a file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wfcore.api import PluginError

from .files import Lock, is_there, make_directory, make_file, may, permitted
from .sqlite_backup import Restoring
from .sqlite_file import check_file


class Home:
    """The place of the database at ``path``, which belongs to one process from ``take`` to ``leave``."""

    def __init__(self, path: Path, blobs: Path, data_dir: Path) -> None:
        self.path = path
        self.restoring = Restoring(path, blobs, data_dir)
        self._lock = Lock(path)

    def take(self) -> None:
        """Let it belong to this process. Raises Conflict when another has it, Forbidden, PluginError."""
        with self._openable():
            make_directory(self.path.parent)
            self._lock.acquire()

    def leave(self) -> None:
        """Let others have it; nothing happens when this process has not."""
        self._lock.release()

    def expect_room(self) -> None:
        """Raise what ``take`` would where no file can be made, and make none: Forbidden, PluginError."""
        nearest = next(place for place in self.path.parents if is_there(place))
        with self._openable():
            if not nearest.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(nearest))
            if not may(nearest, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(nearest))

    def furnish(self) -> bool:
        """End a restoring that was interrupted, and make the file; whether it is new.

        Raises Forbidden, PluginError.
        """
        self.restoring.finish()
        with self._openable():
            make_file(self.path)
        try:
            return not check_file(self.path)
        except PluginError:
            # One whose very first transaction was cut off. Only then: closing what may be written would fold
            # the log in, which is for the writer to do.
            return not check_file(self.path, "rw")

    @contextmanager
    def _openable(self) -> Iterator[None]:
        try:
            with permitted(self.path):
                yield
        except OSError as error:
            raise PluginError(
                f"the database {self.path} cannot be opened: {error.filename}: {error.strerror}",
                remedy="make that place writable for this user, or choose another `storage.path`",
            ) from error
