"""Keeps a flood of refusals from flooding the log: whoever is refused for ever is not told of for ever."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from wfcore.plugins.contracts import Clock

#: So many alike are written within a window of so many seconds.
WRITTEN: Final = 10
WINDOW: Final = 60.0
#: So many kinds are remembered; more share one place.
KINDS: Final = 1000


@dataclass(slots=True)
class _Seen:
    until: float
    written: int = 0
    unwritten: int = 0


class Throttle:
    """Counts what is alike, by any key. All that is beyond the number of kinds is taken as alike."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[Hashable, _Seen] = OrderedDict()

    def admit(self, key: Hashable) -> int | None:
        """How many alike were left out since the last one that was written; None: leave this one out too."""
        now = self._clock.monotonic()
        with self._lock:
            seen = self._of(key, now)
            left_out = seen.unwritten
            if now >= seen.until:
                seen.until, seen.written = now + WINDOW, 0
            if seen.written >= WRITTEN:
                seen.unwritten += 1
                return None
            seen.written, seen.unwritten = seen.written + 1, 0
            return left_out

    def _of(self, key: Hashable, now: float) -> _Seen:
        if key not in self._seen and len(self._seen) >= KINDS:
            self._forget(now)
        if key not in self._seen and len(self._seen) >= KINDS:
            key = None
        return self._seen.setdefault(key, _Seen(now + WINDOW))

    def _forget(self, now: float) -> None:
        for key in [key for key, seen in self._seen.items() if now >= seen.until and not seen.unwritten]:
            del self._seen[key]
