"""The open executions that a server owns, as far as they are in memory, and their attempts that run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from wfcore.engine import machine
from wfcore.engine.attempt import Attempt
from wfcore.engine.capacity import Capacity
from wfcore.engine.preparing import Library, make_attempt
from wfcore.engine.run import Run
from wfcore.model.execution import OPEN, PENDING, RUNNING, ExecutionRecord, TaskRecord
from wfcore.model.nodes import Offer
from wfcore.plugins.contracts import Job, Storage


@dataclass(slots=True)
class Ledger:
    """A cache of Runs that can be dropped at any time, since the tables have everything.

    ``attempts`` are those in flight, by (execution, path, attempt); they outlive a dropped Run.
    ``guests`` are those that run here for other servers. ``offers`` tells what is offered of an execution.
    """

    storage: Storage
    library: Library
    owner: str
    capacity: Capacity
    runs: dict[str, Run] = field(default_factory=dict)
    attempts: dict[tuple[str, str, int], Attempt] = field(default_factory=dict)
    guests: dict[tuple[str, str, int], Attempt] = field(default_factory=dict)
    offers: Callable[[str], Iterable[Offer]] = lambda _: ()

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
        recalled = self._recall(record, tasks, alive)
        run = machine.resume(record, workflow, plan, tasks, alive, now)
        for path in recalled:
            attempt = make_attempt(record, workflow, plan, run.tasks, path, now)
            attempt.offered, attempt.expires_at = True, None
            self.attempts[attempt.key] = attempt
            self.capacity.lend(always=True)
        self.runs[record.id] = run
        return run

    def _recall(self, record: ExecutionRecord, tasks: Iterable[TaskRecord], alive: set[str]) -> list[str]:
        """The paths of attempts that are not known here, but are offered: they are alive."""
        unknown = {
            task.path: task.attempt for task in tasks if task.state == RUNNING and task.path not in alive
        }
        if not unknown:
            return []
        found = [o.path for o in self.offers(record.id) if unknown.get(o.path) == o.attempt]
        alive.update(found)
        return found

    def attempt(self, job: Job) -> Attempt | None:
        """What runs here as this job; an attempt of ours and a guest may have the same name."""
        key = job.execution, job.path, job.attempt
        guest, own = self.guests.get(key), self.attempts.get(key)
        return own if own is not None and (guest is None or own.job is job) else guest

    def running(self, execution: str) -> Iterator[Attempt]:
        """The attempts of an execution that are in flight."""
        return (attempt for key, attempt in list(self.attempts.items()) if key[0] == execution)

    def drop(self, execution: str) -> None:
        """Forget the Run."""
        self.runs.pop(execution, None)
