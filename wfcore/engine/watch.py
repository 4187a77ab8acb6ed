"""Wakes those who follow an execution, when something of it has been committed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wfcore.model.records import Step


class Watch:
    """Waiters by execution. Who waits first registers, then reads storage, then waits: nothing is missed."""

    def __init__(self) -> None:
        self._waiters: dict[str, list[threading.Event]] = {}
        self._lock = threading.Lock()

    def committed(self, steps: Sequence[Step]) -> None:
        """Wake whoever follows one of these executions."""
        if not self._waiters:
            return
        with self._lock:
            for step in steps:
                for event in self._waiters.get(step.execution.id, ()):
                    event.set()

    @contextmanager
    def on(self, execution: str) -> Iterator[threading.Event]:
        """An event that is set at each commit of the execution while inside."""
        event = threading.Event()
        with self._lock:
            self._waiters.setdefault(execution, []).append(event)
        try:
            yield event
        finally:
            with self._lock:
                self._waiters[execution].remove(event)
                if not self._waiters[execution]:
                    del self._waiters[execution]

    def wake_all(self) -> None:
        """Wake everybody, because the server stops."""
        with self._lock:
            for events in self._waiters.values():
                for event in events:
                    event.set()
