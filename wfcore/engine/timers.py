"""Deadlines that are waited for, never polled."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

#: No wait for a timer is longer than this (seconds), since the clock may be set and a machine may sleep.
LOOK: Final = 60.0
#: Dead timers are left in the heap up to this many more than live ones.
SLACK: Final = 1024
_Key: TypeAlias = tuple[str, str, str, int, bool]


@dataclass(frozen=True, slots=True)
class Timer:
    """Something to do for an execution when its time (UTC microseconds) has come.

    ``what`` is ``due`` (a WAITING task), ``deadline`` (the execution's), ``expire`` (an attempt's
    timeout), ``give_up`` (a stopped attempt that has not come back); the attempt may be that of a ``guest``.
    """

    at: int
    what: str
    execution: str
    path: str = ""
    attempt: int = 0
    guest: bool = False


class Timers:
    """A heap of timers; one that no longer applies is harmless, its event finds nothing to do.

    What is withdrawn leaves the heap when half of it is dead, so its size follows what is live.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._live: dict[_Key, tuple[int, int]] = {}
        self._count = itertools.count()

    def add(self, timer: Timer) -> None:
        """Wait for this one; one for the same thing is replaced."""
        known = self._live.get(_key(timer))
        if known is not None and known[1] == timer.at:
            return
        number = next(self._count)
        self._live[_key(timer)] = (number, timer.at)
        heapq.heappush(self._heap, (timer.at, number, timer))
        if len(self._heap) > 2 * len(self._live) + SLACK:
            self._heap = [entry for entry in self._heap if self._is_live(entry)]
            heapq.heapify(self._heap)

    def withdraw(
        self, what: str, execution: str, path: str = "", attempt: int = 0, guest: bool = False
    ) -> None:
        """Do not wait for this any longer."""
        self._live.pop((what, execution, path, attempt, guest), None)

    def pop_due(self, now: int) -> Iterator[Timer]:
        """Every timer whose time has come, oldest first."""
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if self._is_live(entry):
                del self._live[_key(entry[2])]
                yield entry[2]

    def next_at(self) -> int | None:
        """When the next one is due."""
        while self._heap and not self._is_live(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Forget all."""
        self._heap.clear()
        self._live.clear()

    def _is_live(self, entry: tuple[int, int, Timer]) -> bool:
        return self._live.get(_key(entry[2]), (-1, 0))[0] == entry[1]


def _key(timer: Timer) -> _Key:
    return timer.what, timer.execution, timer.path, timer.attempt, timer.guest
