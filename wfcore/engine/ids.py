"""Execution ids: UUID version 7 (RFC 9562), which sort by time."""

from __future__ import annotations

import os
import threading
from typing import Final

#: So many random bytes are fetched at once: to ask the kernel is to let all other threads go first.
_FETCHED: Final = 4096
_WORD: Final = 8


class Ids:
    """Makes ids that grow strictly within this process, also within one millisecond."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()
        self._random, self._process = b"", 0

    def make(self, now: int) -> str:
        """An id for ``now`` (UTC microseconds): 48 bits of milliseconds, 12 of the rest, 62 random."""
        milliseconds, rest = divmod(now, 1000)
        stamp = (milliseconds & (1 << 48) - 1) << 12 | rest * 4096 // 1000
        with self._lock:
            stamp = self._last = max(stamp, self._last + 1)
            chance = self._draw()
        high = (stamp >> 12) << 16 | 0x7000 | stamp & 0xFFF
        low = int.from_bytes(chance, "big") & (1 << 62) - 1 | 1 << 63
        text = f"{high << 64 | low:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _draw(self) -> bytes:
        if not self._random or self._process != os.getpid():  # a fork must not draw the same
            self._random, self._process = os.urandom(_FETCHED), os.getpid()
        drawn, self._random = self._random[:_WORD], self._random[_WORD:]
        return drawn
