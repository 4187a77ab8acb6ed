"""Which executions and which ready tasks run next, within the limits."""

from __future__ import annotations

from dataclasses import dataclass

from wfcore.engine import machine, permits
from wfcore.engine.capacity import Capacity
from wfcore.engine.exchange import NoExchange
from wfcore.engine.flow import settle
from wfcore.engine.group import Group
from wfcore.engine.ledger import Ledger
from wfcore.engine.preparing import make_attempt
from wfcore.engine.run import Run
from wfcore.engine.slots import OwnSlots
from wfcore.engine.takeover import Takeover
from wfcore.engine.timers import Timer
from wfcore.errors import Unavailable
from wfcore.model.execution import OPEN, PENDING, RUNNING, WAITING, ExecutionRecord


@dataclass(slots=True)
class Allotment:
    """Hands out workflow slots and task slots. While ``draining`` it hands out nothing."""

    ledger: Ledger
    capacity: Capacity
    takeover: Takeover
    slots: OwnSlots
    exchange: NoExchange
    draining: bool = False

    def admit(self, group: Group, now: int) -> bool:
        """Give the workflow slots that became free to those who wait longest; whether there were any."""
        for run in group.touched.values():
            id, state = run.record.id, run.record.state
            if state == WAITING and run.ready and not self.draining:
                if self.capacity.admit(id):
                    machine.wake(run, now)
                else:
                    self.capacity.wait_again(id)
            elif state not in (RUNNING, PENDING):
                self.capacity.release(id)
        admitted = False
        while not self.draining:
            chosen = self.capacity.next_execution()
            if chosen is not None:
                admitted = True
                self._let_run(chosen, group, now)
            elif not self._find_more(group):
                break
        return admitted

    def allot(self, group: Group, now: int) -> None:
        """Give the task slots to queued tasks first, then to those that became ready now."""
        if self.draining:
            return
        while (queued := self.capacity.next_task()) is not None:
            execution, path = queued
            run = group.touched.get(execution) or self.ledger.get(execution, now)
            if run is None or path not in run.queued:
                continue
            group.touch(run)
            if path not in run.ready:  # it was read again meanwhile, and gets its place below
                self._place(run, path, group, now)
        for run in group.touched.values():
            if run.record.state == RUNNING:
                self._allot_ready(run, group, now)
        for guest in self.exchange.take(now):
            self.capacity.busy += 1
            group.starting.append(guest)

    def hand_back(self, group: Group) -> None:
        """Let any server run what has been claimed ahead, if this one stops, or is not alone any more."""
        if not self.slots.shared or not (self.draining or self.slots.crowded):
            return
        self.slots.crowded = False
        for waiting in self.capacity.dismiss_new(group.touched):
            record = self.takeover.storage.execution(waiting) if isinstance(waiting, str) else waiting
            if record is not None and (record.state, record.owner) == (PENDING, self.ledger.owner):
                group.returned.append(record)

    def _find_more(self, group: Group) -> bool:
        """Whether there is a slot for those who wait here after all, or somebody for a free slot."""
        if self.capacity.waiting:
            return self.slots.grow()
        if self.capacity.free <= 0 and not (self.slots.queued and self.slots.grow()):
            return False
        found = self.slots.claim()
        for record in found:
            self.capacity.wait_new(record)
            group.reads_inbox = group.reads_inbox or "" in record.limits
        return bool(found)

    def _allot_ready(self, run: Run, group: Group, now: int) -> None:
        asked = False
        while run.ready:
            path = run.ready.popleft()
            if permits.lacks(run, path):
                permits.ask(run, path)
                asked = True
            elif self.capacity.tasks_queued or not self._place(run, path, group, now):
                machine.queue(run, path)
                self.capacity.queue_task(run.record.id, path)
        if asked:
            settle(run, now)

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
        self._wait_on(run, group, now)

    def _wait_on(self, run: Run, group: Group, now: int) -> None:
        """Timers may have rung while it waited for a slot, and since then the clock was set back."""
        for path in run.waiting.difference(run.ready):
            at = run.tasks[path].due_at
            if at is not None and at > now:
                group.timers.append(Timer(at, "due", run.record.id, path))

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
            if record is not None and record.state in OPEN:
                self.takeover.give_up(record, f"cannot be run: {error}", group, now)
            return None

    def _place(self, run: Run, path: str, group: Group, now: int) -> bool:
        """Begin a ready task, here or on another server; False when neither has room."""
        task = run.plan.task(path)
        assert task is not None, "only tasks of the plan become ready"
        if self.exchange.is_ours(task) and self.capacity.take():
            offered = False
        elif self.capacity.lend(always=not self.exchange.is_ours(task)):
            offered = True
        else:
            return False
        machine.begin(run, path, now)
        attempt = make_attempt(run.record, run.workflow, run.plan, run.tasks, path, now)
        if offered:  # its time begins when somebody takes it
            attempt.offered, attempt.expires_at = True, None
        group.starting.append(attempt)
        return True
