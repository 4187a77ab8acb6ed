"""An open execution in memory: a cache of its rows, cheap to advance, free to discard."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from wfcore.engine.plan import Part, Plan
from wfcore.model.execution import ExecutionRecord, Fact, TaskRecord
from wfcore.model.records import Permit, Step, Tick
from wfcore.model.workflow import Workflow

#: What a step may change of an execution's row, but for its ``seq``.
_written: Final = attrgetter(
    "state", "generation", "started_at", "ended_at", "deadline", "waiting", "outputs", "error"
)


@dataclass(slots=True)
class Scope:
    """A part that is being run: what each child still waits for, and how many have not ended."""

    part: Part
    unmet: dict[str, int]
    left: int


@dataclass(slots=True)
class Run:
    """One open execution. The machine changes it; ``take_step`` hands over what has to be committed.

    ``ready`` are paths that may start now, ``queued`` those of them that have a PENDING row because
    no slot was free, ``running`` and ``waiting`` what their rows say; the rest is in ``tasks``. ``admits``:
    the next step takes a workflow slot. ``queues``: by the next step it is nobody's. ``permitted`` are the
    tasks that hold a permit of their limit.
    """

    record: ExecutionRecord
    workflow: Workflow
    plan: Plan
    tasks: dict[str, TaskRecord] = field(default_factory=dict)
    scope: Scope | None = None
    ready: deque[str] = field(default_factory=deque)
    queued: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    stopping: bool = False
    admits: bool = False
    queues: bool = False
    permitted: set[str] = field(default_factory=set)
    _changed: dict[str, TaskRecord] = field(default_factory=dict)
    _facts: list[Fact] = field(default_factory=list)
    _blobs: list[str] = field(default_factory=list)
    _taken: list[int] = field(default_factory=list)
    _asks: dict[str, Permit] = field(default_factory=dict)
    _frees: dict[str, Permit] = field(default_factory=dict)
    _written: tuple[Any, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._written = _written(self.record)

    def note(self, now: int, kind: str, path: str = "", attempt: int = 0, **body: Any) -> None:
        """Append a fact; its number follows the last one, and it is not before the execution was created.

        That was perhaps by another server, after this one had begun its turn.
        """
        self.record.seq += 1
        at = max(now, self.record.created_at)
        self._facts.append(Fact(self.record.seq, at, kind, path, attempt, body))

    def change(self, task: TaskRecord) -> TaskRecord:
        """Mark a task's row as changed in this step."""
        self.tasks[task.path] = self._changed[task.path] = task
        return task

    def refer(self, blobs: Sequence[str]) -> None:
        """The execution refers to these blobs from now on."""
        self._blobs.extend(blobs)

    def take_message(self, id: int) -> None:
        """The inbox message has been dealt with."""
        self._taken.append(id)

    def ask(self, path: str, manner: str = "wait") -> None:
        """Ask for the permit that this path needs."""
        name, most = self.record.limits[path]
        self._asks[path] = Permit(name, most, path, manner)

    def free(self, path: str) -> None:
        """Give the permit of this path back, or its place in the queue, if it needs one."""
        limit = self.record.limits.get(path)
        if limit is not None:
            self.permitted.discard(path)
            self._asks.pop(path, None)
            self._frees[path] = Permit(limit[0], limit[1], path)

    @property
    def dirty(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self._facts or self._changed or self._taken)

    def take_step(self, *, create: bool = False, tick: Tick | None = None) -> Step:
        """All changes since the last call, as one step."""
        written = _written(self.record)
        moved, self._written = written != self._written, written
        step = Step(
            self.record,
            create,
            tick,
            list(self._changed.values()),
            tuple(self._facts),
            tuple(self._blobs),
            tuple(self._taken),
            self.admits,
            self.queues,
            tuple(self._asks.values()),
            tuple(self._frees.values()),
            moved,
        )
        self._changed, self._facts, self._blobs, self._taken = {}, [], [], []
        self._asks, self._frees = {}, {}
        self.admits = self.queues = False
        return step

    @property
    def error(self) -> dict[str, Any] | None:
        """Why the execution failed or was cancelled, as {type, message, task, attempt}."""
        return json.loads(self.record.error) if self.record.error else None
