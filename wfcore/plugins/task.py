"""The task as actions and runtimes see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol

from wfcore.plugins.driver import Clock, Records

if TYPE_CHECKING:
    from wfcore.egress.guard import Guard
    from wfcore.model.workflow import Code

#: The levels of log lines.
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


class TaskContext(Protocol):
    """What an action may ask of the task it runs for."""

    execution: str
    namespace: str
    workflow: str
    task: str
    attempt: int
    key: str  #: the idempotency key: the same for every attempt, another for an explicit retry
    deadline: float | None  #: on the monotonic clock, seconds
    egress: Guard
    clock: Clock
    started_at: int  #: when the first attempt started, UTC microseconds: ``now()`` in expressions
    env: Mapping[str, str]  #: the environment variables that workflows may read
    code: Code | None  #: what the task says under ``language`` and ``source``
    permissions: Mapping[str, Any] | None  #: what the task says under ``permissions``
    pins: Mapping[str, str]  #: the packages that the workflow was applied with: name -> digest
    depth: int  #: 0 for the task's own action, one more for each action called from within one

    def log(self, message: str, level: str = "INFO") -> None:
        """Add a line to the execution's log; ``level`` is DEBUG, INFO, WARNING or ERROR."""

    def check(self) -> None:
        """Raises Cancel when the task was cancelled or its time is over."""

    def sleep(self, seconds: float) -> None:
        """Pause; raises Cancel as soon as the task is cancelled or its time is over."""

    def remaining(self, default: float) -> float:
        """Seconds until the deadline, at most ``default``."""

    def on_cancel(self, close: Callable[[], None]) -> AbstractContextManager[None]:
        """While inside, ``close`` is called from another thread on cancel, to interrupt blocking I/O."""

    def mask(self, text: str) -> str:
        """The text without the secrets that the task has seen; for what is cut before it is told."""

    def records(self, namespace: str) -> Records:
        """Durable key/value pairs, for the actions of one pack."""

    def nested(self, name: str) -> TaskContext:
        """The same task for an action called from within one: a level deeper, ``name`` added to its key."""
