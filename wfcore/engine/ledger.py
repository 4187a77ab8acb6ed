"""The open executions that a server owns, as far as they are in memory, and their attempts that run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from wfcore.engine import machine
from wfcore.engine.attempt import Attempt
from wfcore.engine.plan import Plan
from wfcore.engine.run import Run
from wfcore.model.execution import OPEN, PENDING, ExecutionRecord
from wfcore.model.workflow import Workflow
from wfcore.plugins.contracts import Storage


class Library(Protocol):
    """Where revisions come from, loaded and planned."""

    def revision(self, namespace: str, id: str, revision: int) -> tuple[Workflow, Plan]:
        """The workflow of this revision. Raises NotFound or InvalidWorkflow."""


@dataclass(slots=True)
class Ledger:
    """A cache of Runs that can be dropped at any time, since the tables have everything.

    ``attempts`` are those in flight, by (execution, path, attempt); they outlive a dropped Run.
    """

    storage: Storage
    library: Library
    owner: str
    runs: dict[str, Run] = field(default_factory=dict)
    attempts: dict[tuple[str, str, int], Attempt] = field(default_factory=dict)

    def get(self, execution: str, now: int) -> Run | None:
        """The execution, from memory or storage; None when it has ended or is not ours."""
        run = self.runs.get(execution)
        if run is not None:
            return run if run.record.state in OPEN else None
        record = self.storage.execution(execution)
        if record is None or record.state not in OPEN or record.owner != self.owner:
            return None
        return self.load(record, now)

    def load(self, record: ExecutionRecord, now: int) -> Run:
        """Rebuild a Run from its rows."""
        workflow, plan = self.library.revision(record.namespace, record.workflow, record.revision)
        tasks = [] if record.state == PENDING else self.storage.tasks(record.id)
        # By number too: one that was given up, and does not come back, is not the attempt that followed it.
        alive = {task.path for task in tasks if (record.id, task.path, task.attempt) in self.attempts}
        run = machine.resume(record, workflow, plan, tasks, alive, now)
        self.runs[record.id] = run
        return run

    def running(self, execution: str) -> Iterator[Attempt]:
        """The attempts of an execution that are in flight."""
        return (attempt for key, attempt in list(self.attempts.items()) if key[0] == execution)

    def drop(self, execution: str) -> None:
        """Forget the Run."""
        self.runs.pop(execution, None)
