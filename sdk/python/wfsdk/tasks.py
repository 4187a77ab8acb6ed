"""A task for tests: what an action or a runtime is given, with records in memory, that can be cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

from wfcore.api import Cancel, Clock, Code, Guard
from wfsdk.contexts import ManualClock


class StubRecords:
    """Key/value pairs in memory; ``ttl`` is remembered and never over."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any | None:
        """The value, or None."""
        return self.values.get(key)

    def set(self, key: str, value: Any, *, ttl: float | None = None) -> None:
        """Keep it."""
        self.values[key] = value

    def delete(self, key: str) -> bool:
        """Forget it."""
        return self.values.pop(key, None) is not None


class StubTask:
    """The TaskContext of the contracts. ``logs`` has (level, message) of each line.

    ``egress`` is a guard that allows the rules in ``allow``, as ``egress.allow`` of the configuration.
    """

    def __init__(self, data_dir: Path | None = None, allow: list[str] | None = None) -> None:
        self.execution, self.namespace, self.workflow, self.task = "execution", "default", "test", "task"
        self.attempt, self.depth, self.key = 1, 0, "execution/task/0"
        self.data_dir = data_dir
        self.deadline: float | None = None
        self.egress = Guard(allow or [])
        self.clock: Clock = ManualClock()
        self.started_at = self.clock.now()
        self.env: Mapping[str, str] = {}
        self.code: Code | None = None
        self.permissions: Mapping[str, Any] | None = None
        self.pins: Mapping[str, str] = {}
        self.logs: list[tuple[str, str]] = []
        self.secrets: list[str] = []
        self._records: dict[str, StubRecords] = {}
        self._stopped = threading.Event()
        self._closers: list[Callable[[], None]] = []

    def cancel(self) -> None:
        """What a user's cancel does: ``check`` and ``sleep`` raise, and blocking I/O is closed."""
        self._stopped.set()
        for close in list(self._closers):
            close()

    def log(self, message: str, level: str = "INFO") -> None:
        """Kept in ``logs``."""
        self.logs.append((level, message))

    def check(self) -> None:
        """Raises Cancel when it was cancelled."""
        if self._stopped.is_set():
            raise Cancel("cancelled")

    def sleep(self, seconds: float) -> None:
        """A real pause; raises Cancel."""
        if self._stopped.wait(seconds):
            raise Cancel("cancelled")

    def remaining(self, default: float) -> float:
        """All of it."""
        return default

    @contextmanager
    def on_cancel(self, close: Callable[[], None]) -> Iterator[None]:
        """While inside, ``close`` is called on cancel."""
        self._closers.append(close)
        try:
            self.check()
            yield
        finally:
            self._closers.remove(close)

    def mask(self, text: str) -> str:
        """The text without what is in ``secrets``."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def records(self, namespace: str) -> StubRecords:
        """Those of a namespace."""
        return self._records.setdefault(namespace, StubRecords())

    def nested(self, name: str) -> StubTask:
        """One level deeper, with a key of its own."""
        below = copy(self)
        below.depth += 1
        below.key = f"{self.key}/{name}"
        return below
