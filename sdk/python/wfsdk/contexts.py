"""What a driver under test is built with: a real context, and a clock that stands until it is moved."""

from __future__ import annotations

import logging
from pathlib import Path

from wfcore.api import Context

#: Where a ManualClock begins: 2026-01-01T00:00:00Z in microseconds.
BEGINNING = 1_767_225_600_000_000


class ManualClock:
    """A clock that stands still; both of its times move by ``advance``."""

    def __init__(self, start: int = BEGINNING) -> None:
        self._start = self._now = start

    def now(self) -> int:
        """UTC, microseconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return (self._now - self._start) / 1_000_000

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += round(seconds * 1_000_000)


def context(name: str, data_dir: Path, clock: ManualClock | None = None) -> Context:
    """A context for a driver called ``name`` whose data directory is ``data_dir``."""
    return Context(name, logging.getLogger(f"workflow.{name}"), clock or ManualClock(), data_dir)
