"""How an attempt of a task ended, as a worker tells the owner of its execution."""

from __future__ import annotations

from dataclasses import dataclass

from wfcore.model.execution import Error


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The action's result; both are stored content, ``blobs`` the digests they point to."""

    output: str | None = None
    meta: str | None = None
    blobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """``retry``: policy, error and condition allow another attempt; ``after`` overrides the pause."""

    error: Error
    retry: bool = False
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Suspended:
    """The task waits, durably and without a thread, until ``until`` (UTC microseconds), then succeeds.

    The rest as in Succeeded.
    """

    until: int
    output: str | None = None
    meta: str | None = None
    blobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """The task's own condition was false."""

    reason: str = "condition"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The attempt gave way to a cancel."""


Outcome = Succeeded | Failed | Suspended | Skipped | Cancelled
