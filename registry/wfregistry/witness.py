"""A file beside the database that never forgets: every version ever published, and the last serial.

A database can be restored from a backup, and then does not know what was published since. This file does,
so a version cannot come back with other content.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Final

from wfcore.errors import Conflict

_LINE: Final = re.compile(r"(\d+) (\S+) (\S+) ([0-9a-f]{64}|-)")


class Witness:
    """Lines ``serial name version digest``, appended and synced before the database is written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._digests: dict[tuple[str, str], str] = {}
        self.serial = 0
        for line in file.read_text("utf-8").splitlines() if file.exists() else ():
            if found := _LINE.fullmatch(line):  # else a write that was cut off
                self._take(int(found[1]), found[2], found[3], found[4])

    def expect_same(self, name: str, version: str, digest: str) -> None:
        """Raise Conflict when this version was published with another digest."""
        known = self._digests.get((name, version))
        if known not in (None, digest):
            raise Conflict(
                f"{name} {version} was published with the sha256 {known}; a version never changes",
                remedy="publish another version",
            )

    def note(self, serial: int, name: str = "-", version: str = "-", digest: str = "-") -> None:
        """Remember a version, or a serial alone. When this returns, the disk has it."""
        with self._lock:
            if serial <= self.serial and self._digests.get((name, version)) == digest:
                return
            descriptor = os.open(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                line = f"{serial} {name} {version} {digest}\n"
                os.write(descriptor, ("\n" * torn + line).encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._take(serial, name, version, digest)

    def _take(self, serial: int, name: str, version: str, digest: str) -> None:
        self.serial = max(self.serial, serial)
        if name != "-":
            self._digests.setdefault((name, version), digest)
