"""Brings open executions back into memory: at start those of dead servers, after a failed commit our own."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from wfcore.engine import machine
from wfcore.engine.capacity import Capacity
from wfcore.engine.group import Group
from wfcore.engine.intake import stop
from wfcore.engine.ledger import Ledger
from wfcore.engine.slots import OwnSlots
from wfcore.engine.timers import Timer, Timers
from wfcore.errors import Unavailable
from wfcore.model.execution import LIMIT, PENDING, RUNNING, WAITING, Error, ExecutionRecord
from wfcore.model.records import ExecutionQuery
from wfcore.plugins.contracts import Storage

log = logging.getLogger("workflow.owner")
#: Executions that are read, or taken over, at once.
PAGE = 500


@dataclass(slots=True)
class Takeover:
    """Fills ledger, capacity and timers. What cannot be taken up ends as FAILED and harms nobody else.

    ``condemned`` are executions (by id, with the reason) that showed a bug: they are not tried again.
    """

    storage: Storage
    ledger: Ledger
    capacity: Capacity
    timers: Timers
    slots: OwnSlots
    condemned: dict[str, str] = field(default_factory=dict)

    def adopt(self, group: Group, now: int) -> None:
        """Take over what dead servers left open."""
        while records := self.storage.adopt(self.ledger.owner, PAGE):
            self.slots.adopted(sum(record.state == RUNNING for record in records))
            self._take_up(records, group, now)

    def reload(self, now: int) -> Group:
        """Forget everything but the attempts in flight, and read what is ours again."""
        self.ledger.runs.clear()
        self.capacity.forget()
        offered = sum(attempt.offered for attempt in self.ledger.attempts.values())
        self.capacity.busy = len(self.ledger.attempts) - offered + len(self.ledger.guests)
        self.capacity.offered = offered
        self.timers.clear()
        self._watch_attempts()
        group = Group()
        ours: set[str] = set()
        for records in self._ours():
            ours.update(record.id for record in records)
            self._take_up(records, group, now)
        self.slots.doubt()
        for attempt in self.ledger.attempts.values():
            if attempt.job.execution not in ours:
                group.stopping.append((attempt, "shutdown"))
        return group

    def give_up(self, record: ExecutionRecord, why: str, group: Group, now: int) -> None:
        """End an execution that cannot go on."""
        log.error("execution %s cannot go on: %s", record.id, why, extra={"execution": record.id})
        tasks = [] if record.state == PENDING else self.storage.tasks(record.id)
        group.touch(machine.abandon(record, tasks, Error("bug", why), now))
        group.stopping += [(attempt, "cancelled") for attempt in self.ledger.running(record.id)]
        self.ledger.drop(record.id)
        self.capacity.release(record.id)
        if self.capacity.is_new(record.id):
            self.capacity.withdraw(record.id)

    def _ours(self) -> Iterator[list[ExecutionRecord]]:
        """What runs or waits first, so that nobody new is let in before it is counted; then oldest first."""
        before = None
        while True:
            query = ExecutionQuery(states=(RUNNING, WAITING), limit=PAGE, before=before)
            records = self.storage.executions(query)
            if not records:
                break
            yield [record for record in records if record.owner == self.ledger.owner]
            before = records[-1].id
        after = ""
        while records := self.storage.pending(self.ledger.owner, after, PAGE):
            yield records
            after = records[-1].id

    def _take_up(self, records: Iterable[ExecutionRecord], group: Group, now: int) -> None:
        for record in records:
            if record.id in self.condemned:
                self.give_up(record, self.condemned[record.id], group, now)
            elif record.state == PENDING:
                if record.waiting != LIMIT:
                    self.capacity.wait_new(record)
            else:
                self._resume(record, group, now)

    def _resume(self, record: ExecutionRecord, group: Group, now: int) -> None:
        try:
            run = self.ledger.load(record, now)
        except Unavailable:
            raise
        except Exception as error:
            fresh = self.storage.execution(record.id)
            if fresh is not None:
                self.give_up(fresh, f"cannot be taken up: {error}", group, now)
            return
        if run.stopping:
            self._stop_untold(record.id, group, now)
        if record.state == RUNNING:
            self.capacity.admitted.add(record.id)
        for path in run.waiting:
            if run.tasks[path].waiting == LIMIT:
                continue
            self.timers.add(Timer(run.tasks[path].due_at or now, "due", record.id, path))
        if record.deadline is not None:
            self.timers.add(Timer(record.deadline, "deadline", record.id))
        if run.dirty or run.ready or record.state == RUNNING:
            group.touch(run)
        else:
            self.ledger.drop(record.id)

    def _stop_untold(self, execution: str, group: Group, now: int) -> None:
        """A commit that failed may have been written all the same: then nobody was told of the stop."""
        for attempt in self.ledger.running(execution):
            if not attempt.reason:
                stop(attempt, "cancelled", group, now)

    def _watch_attempts(self) -> None:
        for attempt in (*self.ledger.attempts.values(), *self.ledger.guests.values()):
            for what, at in (("expire", attempt.expires_at), ("give_up", attempt.give_up_at)):
                if at is not None:
                    self.timers.add(Timer(at, what, *attempt.place))
