"""The clock of a real server."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SystemClock:
    """UTC from the operating system, in microseconds; durations from its monotonic clock."""

    def now(self) -> int:
        """UTC, microseconds since the epoch."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()
