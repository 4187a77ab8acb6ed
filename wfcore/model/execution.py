"""Executions and tasks: their states, the one table of legal moves, and what storage keeps of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

PENDING: Final = "PENDING"
RUNNING: Final = "RUNNING"
WAITING: Final = "WAITING"
SUCCESS: Final = "SUCCESS"
FAILED: Final = "FAILED"
CANCELLED: Final = "CANCELLED"
SKIPPED: Final = "SKIPPED"

EXECUTION_STATES: Final = (PENDING, RUNNING, WAITING, SUCCESS, FAILED, CANCELLED)
TASK_STATES: Final = (*EXECUTION_STATES, SKIPPED)
TERMINAL: Final = frozenset({SUCCESS, FAILED, CANCELLED, SKIPPED})
OPEN: Final = frozenset({PENDING, RUNNING, WAITING})

#: What a task, or a PENDING execution, waits for that has no permit.
LIMIT: Final = "limit"

#: From each state, the states that may follow. A move to the same state is a no-op, never a second effect.
EXECUTION_MOVES: Final[Mapping[str, frozenset[str]]] = {
    PENDING: frozenset({RUNNING, FAILED, CANCELLED}),
    RUNNING: frozenset({WAITING, SUCCESS, FAILED, CANCELLED}),
    WAITING: frozenset({RUNNING, SUCCESS, FAILED, CANCELLED}),
    SUCCESS: frozenset(),
    FAILED: frozenset(),
    CANCELLED: frozenset(),
}
#: ``None`` is a task that has no row yet.
TASK_MOVES: Final[Mapping[str | None, frozenset[str]]] = {
    None: frozenset({PENDING, RUNNING, WAITING, SKIPPED, CANCELLED}),
    PENDING: frozenset({RUNNING, SKIPPED, CANCELLED}),
    RUNNING: frozenset({WAITING, PENDING, SUCCESS, FAILED, CANCELLED, SKIPPED}),
    WAITING: frozenset({PENDING, RUNNING, SUCCESS, FAILED, CANCELLED}),
    SUCCESS: frozenset(),
    FAILED: frozenset(),
    CANCELLED: frozenset(),
    SKIPPED: frozenset(),
}

#: Prefixes of the parts of an execution in the tree of task paths; the main part has none.
ON_FAILURE: Final = "@on_failure/"
FINALLY: Final = "@finally/"
OUTPUTS: Final = "@outputs"


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Fact:
    """One line of an execution's history; ``seq`` counts from 1 without gaps, ``at`` is UTC microseconds."""

    seq: int
    at: int
    kind: str
    path: str = ""
    attempt: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class TaskRecord:
    """A task of an execution, as a row. Times are UTC microseconds.

    ``output``, ``meta`` and ``error`` are stored content (see ``wfcore.engine.content``): JSON text,
    or the mark of a blob. ``attempt`` counts every start, ``losses`` those that a crash took,
    ``waiting`` says what a WAITING task waits for: ``retry`` or ``timer``, until ``due_at``, or ``limit``.
    ``started_at`` is the start of the first attempt and stays.
    """

    path: str
    state: str
    type: str = ""
    attempt: int = 0
    losses: int = 0
    waiting: str | None = None
    due_at: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    output: str | None = None
    meta: str | None = None
    error: str | None = None


@dataclass(slots=True)
class ExecutionRecord:
    """An execution, as a row. Content columns (``trigger inputs outputs error``) as in TaskRecord.

    ``epoch`` grows with every change of owner; ``seq`` is the number of its last fact;
    ``trigger_kind`` says what started it (``cron``, ``webhook``, ``manual`` …), ``trigger`` its payload;
    ``generation`` grows with every explicit retry; ``key`` makes a submission unique per workflow.
    ``limits`` has for each path that needs a permit (that of the execution itself is empty) the name of the
    limit and how many may hold it; ``waiting`` is ``limit`` while a PENDING execution has no permit, or has
    not heard of it.
    """

    id: str
    namespace: str
    workflow: str
    revision: int
    state: str = PENDING
    trigger_kind: str = "manual"
    trigger: str = "{}"
    inputs: str = "{}"
    labels: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    parent: str | None = None
    owner: str | None = None
    epoch: int = 0
    seq: int = 0
    generation: int = 0
    created_at: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    deadline: int | None = None
    outputs: str | None = None
    error: str | None = None
    waiting: str | None = None
    limits: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def copy(self) -> ExecutionRecord:
        """The row as it is now."""
        return ExecutionRecord(*_columns(self))


_columns: Final = attrgetter(*ExecutionRecord.__slots__)


@dataclass(frozen=True, slots=True)
class Error:
    """Why a task or an execution failed, as users and ``error.*`` in expressions see it."""

    type: str
    message: str
    task: str = ""
    attempt: int = 0

    def to_dict(self) -> dict[str, Any]:
        """{type, message, task, attempt}."""
        return {"type": self.type, "message": self.message, "task": self.task, "attempt": self.attempt}
