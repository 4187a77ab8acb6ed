"""One server for each data directory: a file lock that also says where the living server listens."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from wfcore.errors import Conflict, Forbidden, InvalidConfig

LOCK_FILE: Final = "server.lock"
#: A reader holds the lock for an instant; a starting server tries for this long, in seconds.
_PATIENCE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Running:
    """A living server. ``address`` is its URL, None while it starts; ``pid`` is 0 when not yet known."""

    pid: int
    address: str | None = None


class ServerLock:
    """Held by the server for as long as it lives; the kernel drops it even after kill -9."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file = -1

    def __enter__(self) -> ServerLock:
        """Take the lock. Raises Conflict when another server lives there, InvalidConfig as ``prepare``."""
        self._file = prepare(self._data_dir, LOCK_FILE, os.O_RDWR)
        deadline = time.monotonic() + _PATIENCE
        while not _try(self._file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise self._taken()
            time.sleep(0.02)
        self._write(Running(os.getpid()))
        return self

    def announce(self, address: str) -> None:
        """Write down where the server listens."""
        self._write(Running(os.getpid(), address))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.ftruncate(self._file, 0)  # the file stays: were it removed, two servers could lock two files
        os.close(self._file)

    def _write(self, running: Running) -> None:
        line = json.dumps({"pid": running.pid, "address": running.address}).encode() + b"\n"
        os.pwrite(self._file, line, 0)
        os.ftruncate(self._file, len(line))

    def _taken(self) -> Conflict:
        other = _parse(os.pread(self._file, 4096, 0))
        os.close(self._file)
        where = f" at {other.address}" if other.address else ""
        return Conflict(
            f"a server (process {other.pid}) already runs{where} on the data directory {self._data_dir}",
            remedy="stop it with `workflow server stop`, or choose another `storage.path`",
        )


def prepare(data_dir: Path, name: str, flags: int) -> int:
    """Open a private file of the data directory, making both if need be. Raises InvalidConfig."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(data_dir / name, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InvalidConfig(
            f"the data directory {data_dir} cannot be used: {error.strerror}",
            remedy="correct it, or choose another `storage.path` or `dataDir`",
        ) from error


def read_lock(data_dir: Path) -> Running | None:
    """The server that lives on this data directory, or None. Raises Forbidden when that cannot be seen."""
    try:
        file = os.open(data_dir / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Forbidden(
            f"{data_dir / LOCK_FILE} cannot be read: {error.strerror}", remedy="run as the server's user"
        ) from error
    try:
        return None if _try(file, fcntl.LOCK_SH) else _parse(os.pread(file, 4096, 0))
    finally:
        os.close(file)


def _try(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _parse(content: bytes) -> Running:
    try:
        found = json.loads(content)
        return Running(int(found["pid"]), found["address"])
    except (ValueError, KeyError, TypeError):  # a server that has only just taken the lock
        return Running(0)
