"""The one deadline that everything shares when the application stops."""

from __future__ import annotations

import time


class Grace:
    """``seconds`` for the whole stop; they run from the first time that somebody asks what is left."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None

    def left(self) -> float:
        """Seconds that are left, never less than 0."""
        if self._until is None:
            self._until = time.monotonic() + self._seconds
        return max(0.0, self._until - time.monotonic())
