"""One attempt of a task while it runs: what it may see, and how it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wfcore.errors import Cancel
from wfcore.model.execution import ExecutionRecord, TaskRecord
from wfcore.model.workflow import Task, Workflow
from wfcore.packages.permissions import bounded
from wfcore.plugins.contracts import Clock, Job, Records
from wfcore.secrets.masks import Masks

if TYPE_CHECKING:
    from wfcore.egress.guard import Guard

log = logging.getLogger("workflow.worker")
#: An attempt that has so many log lines on their way to storage waits until some have arrived.
LINES = 200


@dataclass(slots=True, eq=False)
class Attempt:
    """An attempt as the owner prepared it. ``results`` are the rows of the tasks it refers to.

    ``error`` is the failure that ``on_failure`` and ``finally`` are about; ``started_at`` the first
    attempt's start, from which ``now()`` derives. At ``expires_at`` its time is over, at ``give_up_at``
    nobody waits any longer for it to give way (both UTC microseconds). It is told to stop for a ``reason``:
    ``cancelled``, ``timeout`` or ``shutdown``. ``masks`` know the secrets that it has seen. An
    ``offered`` one is run by whichever server takes it; a ``guest`` runs here for the owner of its execution,
    who was written so many ``letters``. It is dispatched, or handed to the thread that ``awaited`` it.
    """

    job: Job
    task: Task
    workflow: Workflow
    record: ExecutionRecord
    results: Mapping[str, TaskRecord]
    started_at: int
    error: Mapping[str, Any] | None = None
    expires_at: int | None = None
    give_up_at: int | None = None
    reason: str = ""
    offered: bool = False
    guest: bool = False
    letters: int = 0
    awaited: Future[Attempt | None] | None = None
    masks: Masks = field(default_factory=Masks)
    #: (execution, path, attempt).
    key: tuple[str, str, int] = field(init=False)
    _closers: list[Callable[[], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _room: threading.Semaphore | None = None
    _stopped: threading.Event | None = None

    def __post_init__(self) -> None:
        self.key = (self.job.execution, self.job.path, self.job.attempt)

    @property
    def stopped(self) -> threading.Event:
        """Set from when there is a ``reason``. Most attempts end before anybody waits for it."""
        with self._lock:
            if self._stopped is None:
                self._stopped = threading.Event()
                if self.reason:
                    self._stopped.set()
            return self._stopped

    @property
    def room(self) -> threading.Semaphore:
        """For log lines on their way to storage; most attempts write none."""
        with self._lock:
            if self._room is None:
                self._room = threading.Semaphore(LINES)
            return self._room

    @property
    def place(self) -> tuple[str, str, int, bool]:
        """Its key, and whether it is a guest: a server may have taken what it offered itself."""
        return *self.key, self.guest

    def stop(self, reason: str) -> None:
        """Tell the action to give way; the first reason stays. Never blocks: closing has its own thread."""
        with self._lock:
            if self.reason:
                return
            self.reason = reason
            closers = list(self._closers)
            if self._stopped is not None:
                self._stopped.set()
        if closers:
            threading.Thread(target=self._close, args=(closers,), name="closer", daemon=True).start()

    def await_room(self) -> bool:
        """Wait for room for a log line; False when it was told to stop and nobody takes lines any more."""
        while not self.room.acquire(timeout=0.2):
            if self.reason:
                return False
        return True

    def _close(self, closers: Sequence[Callable[[], None]]) -> None:
        for close in closers:
            try:
                close()
            except Exception:
                log.exception("task %s cannot be interrupted", self.job.path)

    @contextmanager
    def closing(self, close: Callable[[], None]) -> Iterator[None]:
        """While inside, a stop also calls ``close``, to interrupt blocking I/O."""
        with self._lock:
            self._closers.append(close)
            stopped = bool(self.reason)
        try:
            if stopped:
                raise Cancel(self.reason)
            yield
        finally:
            with self._lock:
                self._closers.remove(close)


class ActionContext:
    """What an action sees of its attempt: the TaskContext of the contracts."""

    __slots__ = ("_attempt", "_log", "_records", "attempt", "clock", "code", "deadline", "depth", "egress",
                 "env", "execution", "key", "namespace", "permissions", "pins", "started_at", "task",
                 "workflow")  # fmt: skip

    def __init__(
        self,
        attempt: Attempt,
        egress: Guard,
        clock: Clock,
        records: Callable[[str], Records],
        env: Mapping[str, str],
        log: Callable[[Attempt, str, str], None],
    ) -> None:
        timeout = attempt.task.timeout
        self.execution = attempt.job.execution
        self.namespace = attempt.record.namespace
        self.workflow = attempt.record.workflow
        self.task = attempt.job.path
        self.attempt = attempt.job.attempt
        self.key = attempt.job.key
        self.deadline = None if timeout is None else clock.monotonic() + timeout
        self.egress = egress
        self.clock = clock
        self.started_at = attempt.started_at
        self.env = env
        self.code = attempt.task.code
        self.permissions = bounded(attempt.workflow.permissions, attempt.task)
        self.pins = attempt.workflow.plugins
        self.depth = 0
        self._attempt = attempt
        self._records = records
        self._log = log

    def log(self, message: str, level: str = "INFO") -> None:
        """Add a line to the execution's log."""
        self._log(self._attempt, level, message)

    def check(self) -> None:
        """Raises Cancel when the task was cancelled or its time is over."""
        if self._attempt.reason:
            raise Cancel(self._attempt.reason)

    def sleep(self, seconds: float) -> None:
        """Pause; raises Cancel as soon as the task is to stop."""
        if self._attempt.stopped.wait(seconds):
            raise Cancel(self._attempt.reason)

    def remaining(self, default: float) -> float:
        """Seconds until the deadline, at most ``default``."""
        if self.deadline is None:
            return default
        return max(0.0, min(default, self.deadline - self.clock.monotonic()))

    @contextmanager
    def on_cancel(self, close: Callable[[], None]) -> Iterator[None]:
        """While inside, ``close`` is called from another thread on cancel."""
        with self._attempt.closing(close):
            yield

    def mask(self, text: str) -> str:
        """The text without the secrets that the task has seen."""
        return self._attempt.masks.mask(text)

    def records(self, namespace: str) -> Records:
        """Durable key/value pairs."""
        return self._records(namespace)

    def nested(self, name: str) -> ActionContext:
        """The same task, one level deeper and with a key of its own."""
        below = copy(self)
        below.depth += 1
        below.key = f"{self.key}/{name}"
        return below
