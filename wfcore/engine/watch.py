"""Wakes those who follow an execution, when something of it has been committed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from wfcore.model.execution import TERMINAL, ExecutionRecord
from wfcore.model.records import Step


@dataclass(slots=True, eq=False)
class Waiter:
    """Wants to know of facts beyond ``after``, or of the end: ``ended`` is the execution as it was then."""

    after: int
    event: threading.Event = field(default_factory=threading.Event)
    ended: ExecutionRecord | None = None


class Watch:
    """Waiters by execution. Who waits first registers, then reads storage, then waits: nothing is missed."""

    def __init__(self) -> None:
        self._waiters: dict[str, list[Waiter]] = {}
        self._lock = threading.Lock()

    def committed(self, steps: Sequence[Step]) -> None:
        """Wake whoever waits for something in these steps, and nobody else.

        An execution that is queued will go on elsewhere, and its followers have to look there.
        """
        if not self._waiters:
            return
        with self._lock:
            for step in steps:
                record = step.execution
                for waiter in self._waiters.get(record.id, ()):
                    if record.state in TERMINAL:
                        waiter.ended = record
                    if waiter.ended or record.seq > waiter.after or step.queues:
                        waiter.event.set()

    @contextmanager
    def on(self, execution: str, after: int) -> Iterator[Waiter]:
        """A waiter whose event is set when a fact beyond ``after`` is committed while inside, or the end."""
        waiter = Waiter(after)
        with self._lock:
            self._waiters.setdefault(execution, []).append(waiter)
        try:
            yield waiter
        finally:
            with self._lock:
                self._waiters[execution].remove(waiter)
                if not self._waiters[execution]:
                    del self._waiters[execution]

    def wake_all(self) -> None:
        """Wake everybody, because the server stops, or others own what it had."""
        with self._lock:
            for waiters in self._waiters.values():
                for waiter in waiters:
                    waiter.event.set()
