"""Large content as files named by its sha256: ``<directory>/ab/cdef…``, durable before it is referred to."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from wfcore.api import NotFound, Unavailable

from .files import make_directory, sync_directory

_DIGEST = re.compile(r"[0-9a-f]{64}")
_BATCH = 500


class Blobs:
    """Content-addressed files; safe to use from many threads of one process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._sweeping = threading.Lock()
        self._durable: set[str] = set()  # subdirectories whose own name is known to be on disk

    def put(self, content: bytes) -> str:
        """Store the content durably; its sha256 in hex. Raises Unavailable."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        try:
            if not self._renew(path):
                self._write(path, content)
        except OSError as error:
            raise Unavailable(
                f"the content {path} cannot be stored: {error.strerror}",
                remedy="check the free space and the permissions of that directory",
            ) from error
        return digest

    def get(self, digest: str) -> bytes:
        """The content. Raises NotFound, and Unavailable when the file is damaged."""
        if not _DIGEST.fullmatch(digest):
            raise NotFound(f"{digest!r} is not the sha256 of any content")
        path = self._path(digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise NotFound(f"the content {path} does not exist", remedy="restore it from a backup") from None
        except OSError as error:
            raise Unavailable(
                f"the content {path} cannot be read: {error.strerror}",
                remedy="check that disk and the file's permissions",
            ) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise Unavailable(f"the content {path} is damaged", remedy="restore it from a backup")
        return content

    def sweep(self, before: float, limit: int, referred: Callable[[Sequence[str]], set[str]]) -> int:
        """Remove up to ``limit`` files last written before that time (seconds, UTC) that nobody refers to.

        ``referred`` says which of some digests are in use. How many went.
        """
        removed, batch = 0, []
        for path in self._old(before):
            batch.append(path)
            if len(batch) == _BATCH:
                removed += self._remove(batch, before, referred)
                batch = []
            if removed >= limit:
                break
        return removed + self._remove(batch, before, referred)

    def _path(self, digest: str) -> Path:
        return self._directory / digest[:2] / digest[2:]

    def _renew(self, path: Path) -> bool:
        """Make a file that is there already young again, so that no sweep takes it; False without one."""
        with self._sweeping:
            try:
                os.utime(path)
            except FileNotFoundError:
                return False
        self._sync(path)
        return True

    def _write(self, path: Path, content: bytes) -> None:
        make_directory(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).rename(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._sync(path)

    def _sync(self, path: Path) -> None:
        sync_directory(path.parent)
        if path.parent.name not in self._durable:
            sync_directory(self._directory)
            sync_directory(self._directory.parent)
            self._durable.add(path.parent.name)

    def _old(self, before: float) -> Iterator[Path]:
        for path in self._directory.glob("??/*"):
            if _modified(path) < before:
                yield path

    def _remove(
        self, paths: Sequence[Path], before: float, referred: Callable[[Sequence[str]], set[str]]
    ) -> int:
        if not paths:
            return 0
        used = referred([_digest(path) for path in paths])
        removed = 0
        for path in paths:
            with self._sweeping:  # a put of the same content must not find the file and then lose it
                if _digest(path) not in used and _modified(path) < before:
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed


def _digest(path: Path) -> str:
    return path.parent.name + path.name


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def blob_directory(database: Path, data_dir: Path) -> Path:
    """``blobs`` of the data directory for its database, a place of its own for any other file."""
    if database.parent == data_dir.absolute():
        return database.with_name("blobs")
    return database.with_name(database.stem + ".blobs")
