"""Deadlines that are waited for, never polled."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timer:
    """Something to do for an execution when its time (UTC microseconds) has come.

    ``what`` is ``due`` (a WAITING task), ``deadline`` (the execution's), ``expire`` (an attempt's
    timeout), ``give_up`` (a stopped attempt that has not come back).
    """

    at: int
    what: str
    execution: str
    path: str = ""
    attempt: int = 0


class Timers:
    """A heap of timers; one that no longer applies is harmless, its event finds nothing to do."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._count = itertools.count()

    def add(self, timer: Timer) -> None:
        """Wait for this one too."""
        heapq.heappush(self._heap, (timer.at, next(self._count), timer))

    def pop_due(self, now: int) -> Iterator[Timer]:
        """Every timer whose time has come, oldest first."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]

    def next_at(self) -> int | None:
        """When the next one is due."""
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Forget all."""
        self._heap.clear()
