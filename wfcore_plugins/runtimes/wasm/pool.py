"""The sandbox processes of this server."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from wfcore_plugins.runtimes.wasm.limits import MAX_TEXT
from wfcore_plugins.runtimes.wasm.process import Process
from wfcore_plugins.runtimes.wasm.worker import Seat, Worker

#: Seconds between two looks at whether who waits for a place is still to wait.
_LOOK: Final = 0.25
#: Bytes that a process needs for itself, and for each call beside the call's own memory.
_BASE: Final = 192 * 1024 * 1024
_BESIDE: Final = 32 * 1024 * 1024
#: So many processes more may be there for calls that have to be alone.
_ALONE: Final = 2


class Closed(Exception):
    """No more calls are taken."""


class TooLarge(Exception):
    """A call that no process has the memory for."""


class Pool:
    """At most ``processes`` with at most ``calls`` running in each; another is begun while those are busy.

    Calls that wait for their hosts do not count. ``idle`` is seconds, ``memory`` the bytes of a process:
    calls share it only while it suffices for all.
    """

    def __init__(self, processes: int, calls: int, idle: float, memory: int, logger: logging.Logger) -> None:
        self._most = processes
        self._calls = calls
        self._idle = idle
        self._memory = memory
        self._workers: list[Worker] = []
        self._numbers = itertools.count(1)
        self._free = threading.Condition()
        self._takers = 0
        self._closed = False
        self._logger = logger
        self._warned = False
        #: What the last process said that could not begin; empty when one could since.
        self.trouble = ""

    def take(self, memory: int, check: Callable[[], None], *, nested: bool, alone: bool) -> Seat:
        """A place for a call that may use so many bytes; ``check`` raises when it is no longer to wait.

        A ``nested`` one gets it at once: who has called it keeps a place meanwhile. With ``alone`` nobody
        shares the process. Raises Closed, TooLarge, OSError.
        """
        if memory + _BESIDE + _BASE > self._memory:
            raise TooLarge
        with self._free:
            while not (worker := self._choose(memory, nested, alone)):
                self._await_change()
                check()
            seat = Seat(worker, next(self._numbers), memory)
            worker.seats[seat.number] = seat
            return seat

    def leave(self, seat: Seat) -> None:
        """Give the place back."""
        with self._free:
            seat.worker.seats.pop(seat.number, None)
            self._free.notify_all()
        if seat.worker.alone:
            seat.worker.process.kill()

    @contextmanager
    def waiting(self, seat: Seat) -> Iterator[None]:
        """While inside, the call of this place waits for its host."""
        seat.waits = True
        if self._takers:
            with self._free:
                self._free.notify_all()
        try:
            yield
        finally:
            seat.waits = False

    def workers(self) -> list[Worker]:
        """The processes that are there."""
        with self._free:
            return list(self._workers)

    def close(self, seconds: float) -> None:
        """Kill all processes and wait for their end; no more are begun."""
        until = time.monotonic() + seconds
        with self._free:
            self._closed = True
            workers = list(self._workers)
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.thread.join(max(0.0, until - time.monotonic()))

    def _await_change(self) -> None:
        self._takers += 1
        try:
            self._free.wait(_LOOK)
        finally:
            self._takers -= 1

    def _choose(self, memory: int, nested: bool, alone: bool) -> Worker | None:
        if self._closed:
            raise Closed
        if alone:
            return self._begin(alone=True) if self._count(alone=True) < _ALONE else None
        fit = [worker for worker in self._workers if self._fits(worker, memory, nested)]
        least = min(fit, key=lambda worker: (worker.running, len(worker.seats)), default=None)
        if least is not None and not least.seats:
            return least
        if self._count(alone=False) < self._most or (nested and least is None):
            return self._begin(alone=False)
        return least

    def _fits(self, worker: Worker, memory: int, nested: bool) -> bool:
        if worker.alone or worker.doomed or (worker.running >= self._calls and not nested):
            return False
        used = sum(seat.memory + _BESIDE for seat in worker.seats.values())
        return _BASE + used + memory + _BESIDE <= self._memory

    def _count(self, *, alone: bool) -> int:
        return sum(worker.alone is alone for worker in self._workers)

    def _begin(self, *, alone: bool) -> Worker:
        process = Process(self._memory, most=MAX_TEXT + 1)
        worker = Worker(process, self._idle, self, alone=alone)
        self._workers.append(worker)
        return worker

    def ready(self, worker: Worker) -> None:
        """See ``Owner``."""
        self.trouble = ""
        if sys.platform == "linux" and not worker.filtered and not self._warned:
            self._warned = True
            self._logger.warning(
                "sandbox processes run without a filter of system calls; install libseccomp, version 2"
            )

    def retire(self, worker: Worker) -> bool:
        """See ``Owner``."""
        with self._free:
            if worker.seats:
                return False
            self._forget(worker)
            return True

    def gone(self, worker: Worker) -> None:
        """See ``Owner``."""
        with self._free:
            self._forget(worker)
            if not worker.begun and (worker.trouble or not worker.process.killed):
                self.trouble = worker.trouble or "it ended before it could begin"
            self._free.notify_all()

    def _forget(self, worker: Worker) -> None:
        if worker in self._workers:
            self._workers.remove(worker)
