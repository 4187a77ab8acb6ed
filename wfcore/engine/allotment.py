"""Which executions and which ready tasks run next, within the limits."""

from __future__ import annotations

from dataclasses import dataclass

from wfcore.engine import machine
from wfcore.engine.attempt import Attempt
from wfcore.engine.capacity import Capacity
from wfcore.engine.flow import SECOND
from wfcore.engine.group import Group
from wfcore.engine.ledger import Ledger
from wfcore.engine.retry import idempotency_key
from wfcore.engine.run import Run
from wfcore.engine.takeover import Takeover
from wfcore.engine.timers import Timer
from wfcore.errors import Unavailable
from wfcore.model.execution import PENDING, RUNNING, WAITING, ExecutionRecord, TaskRecord
from wfcore.plugins.contracts import Job


@dataclass(slots=True)
class Allotment:
    """Hands out workflow slots and task slots. While ``draining`` it hands out nothing."""

    ledger: Ledger
    capacity: Capacity
    takeover: Takeover
    draining: bool = False

    def admit(self, group: Group, now: int) -> None:
        """Give the workflow slots that became free to those who wait longest."""
        for run in group.touched.values():
            id, state = run.record.id, run.record.state
            if state == WAITING and run.ready and not self.draining:
                if self.capacity.admit(id):
                    machine.wake(run, now)
                else:
                    self.capacity.wait_again(id)
            elif state not in (RUNNING, PENDING):
                self.capacity.release(id)
        while not self.draining and (chosen := self.capacity.next_execution()) is not None:
            self._let_run(chosen, group, now)

    def allot(self, group: Group, now: int) -> None:
        """Give the task slots to queued tasks first, then to those that became ready now."""
        while not self.draining and (queued := self.capacity.next_task()) is not None:
            execution, path = queued
            run = group.touched.get(execution) or self.ledger.get(execution, now)
            if run is not None and path in run.queued and self.capacity.take():
                self._begin(group.touch(run), path, group, now)
        for run in group.touched.values():
            if run.record.state == RUNNING and not self.draining:
                self._allot_ready(run, group, now)

    def _allot_ready(self, run: Run, group: Group, now: int) -> None:
        while run.ready:
            path = run.ready.popleft()
            if not self.capacity.tasks_queued and self.capacity.take():
                self._begin(run, path, group, now)
            else:
                machine.queue(run, path)
                self.capacity.queue_task(run.record.id, path)

    def _let_run(self, chosen: ExecutionRecord | str, group: Group, now: int) -> None:
        id = chosen if isinstance(chosen, str) else chosen.id
        run = group.touched.get(id)
        if run is None:
            run = self._load(chosen, group, now)
        if run is None:
            self.capacity.release(id)
            return
        self.ledger.runs[id] = group.touch(run)
        if run.record.state == PENDING:
            machine.start(run, now)
        else:
            for path in sorted(run.waiting):
                machine.due(run, path, now)
            if run.record.state == WAITING and run.ready:
                machine.wake(run, now)
        if run.record.state != RUNNING:
            self.capacity.release(id)
            self._wait_on(run, group)

    def _wait_on(self, run: Run, group: Group) -> None:
        """Its timers have rung and are gone, but since then the clock was set back: nothing is due yet."""
        for path in run.waiting:
            group.timers.append(Timer(run.tasks[path].due_at or 0, "due", run.record.id, path))

    def _load(self, chosen: ExecutionRecord | str, group: Group, now: int) -> Run | None:
        """The execution; one whose workflow cannot be loaded any more ends here, and alone."""
        id = chosen if isinstance(chosen, str) else chosen.id
        try:
            if isinstance(chosen, str) or id in self.ledger.runs:
                return self.ledger.get(id, now)
            return self.ledger.load(chosen, now)  # nobody but its owner changes a row that waits
        except Unavailable:
            raise
        except Exception as error:
            record = self.takeover.storage.execution(id)
            if record is not None:
                self.takeover.give_up(record, f"cannot be run: {error}", group, now)
            return None

    def _begin(self, run: Run, path: str, group: Group, now: int) -> None:
        task = machine.begin(run, path, now)
        definition = run.plan.task(path)
        assert definition is not None, "only tasks of the plan become ready"
        job = Job(run.record.id, path, task.attempt, idempotency_key(run.record, path))
        results = {name: _result(run, path, name) for name in definition.references}
        error = run.error if path.startswith("@") else None
        attempt = Attempt(
            job, definition, run.workflow, run.record, results, task.started_at or now, error
        )  # fmt: skip
        if definition.timeout is not None:
            attempt.expires_at = now + round(definition.timeout * SECOND)
        group.starting.append(attempt)


def _result(run: Run, path: str, name: str) -> TaskRecord:
    """The row of a task that another one refers to, by its name: in its own part, or an earlier one."""
    plan = run.plan
    for part in (plan.part(path), plan.main, plan.on_failure, plan.finally_):
        if name in part.tasks:
            return run.tasks.get(part.prefix + name) or TaskRecord(part.prefix + name, PENDING)
    return TaskRecord(name, PENDING)
