"""What was compiled, in files of the data directory that only this installation writes and trusts."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

_DIGEST: Final = 32
#: Bytes of all files together; when there are more, those go that were not used for longest.
_MOST: Final = 1024 * 1024 * 1024


class Artefacts:
    """Files below ``directory``, each named by what it was made of, headed by its digest."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, key: str, make: Callable[[], bytes]) -> bytes:
        """The content that is stored under a key, else what ``make`` gives, which is stored then."""
        file = self._directory / hashlib.sha256(key.encode()).hexdigest()
        content = _read(file)
        if content is None:
            content = make()
            with contextlib.suppress(OSError):  # without the file it is compiled again next time
                self._write(file, content)
                self._make_room()
        return content

    def drop(self, key: str) -> None:
        """Forget what is stored under a key: it cannot be used."""
        (self._directory / hashlib.sha256(key.encode()).hexdigest()).unlink(missing_ok=True)

    def _write(self, file: Path, content: bytes) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._directory)  # 0600
        try:
            with os.fdopen(descriptor, "wb") as made:
                made.write(hashlib.sha256(content).digest() + content)
            Path(name).rename(file)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _make_room(self) -> None:
        states = sorted(((file.stat(), file) for file in self._directory.iterdir()), key=_last_used)
        left = sum(state.st_size for state, _ in states)
        for state, file in states:
            if left <= _MOST:
                return
            file.unlink(missing_ok=True)
            left -= state.st_size


def _last_used(entry: tuple[os.stat_result, Path]) -> float:
    return entry[0].st_mtime


def _read(file: Path) -> bytes | None:
    """The content of a file that is whole, and ours alone to write."""
    try:
        with file.open("rb") as opened:
            state = os.fstat(opened.fileno())
            if state.st_uid != os.geteuid() or state.st_mode & 0o022:
                return None
            content = opened.read()
            with contextlib.suppress(OSError):  # a file system that is only for reading
                os.utime(opened.fileno())
    except OSError:
        return None
    whole = hashlib.sha256(content[_DIGEST:]).digest() == content[:_DIGEST]
    return content[_DIGEST:] if whole else None
