"""Private files: directories 0700, files 0600 whatever the umask, and the lock beside a database."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wfcore.api import Conflict, Forbidden


def make_directory(path: Path) -> None:
    """Create the directory and its missing parents, durably, for their owner alone. Raises OSError."""
    missing = [place for place in (path, *path.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)
        sync_directory(place.parent)


def make_file(path: Path) -> None:
    """Create an empty file for its owner alone, unless there is one. Raises OSError."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


@contextmanager
def permitted(place: Path) -> Iterator[None]:
    """Turn a permission that this user lacks at ``place`` or below into Forbidden."""
    try:
        yield
    except PermissionError as error:
        raise forbidden(Path(error.filename or place), error.strerror or "not permitted") from error


def forbidden(path: Path, reason: str) -> Forbidden:
    """The error for a place that this user may not use."""
    return Forbidden(
        f"{path} cannot be used: {reason}",
        remedy="run as the server's user, or let this one read and write there",
    )


def is_there(path: Path) -> bool:
    """Whether there is something at ``path``. Raises Forbidden when this user may not see that."""
    with permitted(path):
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def may(path: Path, mode: int) -> bool:
    """Whether this user may do that (``os.R_OK`` …) with what is at ``path``."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Lock:
    """A database that belongs to one process, by ``flock`` on the file ``<database>.lock``."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock at once or raise Conflict, which names the process that holds it. Raises OSError."""
        while True:
            handle = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
                os.close(handle)
                raise self._conflict(holder) from None
            if self._is_current(handle):
                break
            os.close(handle)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def release(self) -> None:
        """Give the lock back and remove its file; nothing happens without the lock."""
        if self._handle is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

    def _is_current(self, handle: int) -> bool:
        """Whether the locked file is still the one under its name: a leaving holder removes it."""
        try:
            return os.path.samestat(os.fstat(handle), self._path.stat())
        except FileNotFoundError:
            return False

    def _conflict(self, holder: str) -> Conflict:
        return Conflict(
            f"the database {self._database} is in use by process {holder or 'unknown'} (lock {self._path})",
            remedy="stop that server, or choose another `storage.path`",
        )
