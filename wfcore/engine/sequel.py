"""What follows from a turn of the owner once it is durable, or was refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wfcore.engine.attempt import Attempt
from wfcore.engine.exchange import NoExchange
from wfcore.engine.flow import SECOND
from wfcore.engine.group import Group
from wfcore.engine.ledger import Ledger
from wfcore.engine.mail import Asked, Ended, Inbox, Mail, Offers
from wfcore.engine.recovery import Recovery
from wfcore.engine.slots import OwnSlots
from wfcore.engine.timers import Timer, Timers
from wfcore.model.execution import CANCELLED, LIMIT, PENDING, TERMINAL, WAITING, Error
from wfcore.model.outcome import Cancelled, Failed
from wfcore.model.records import Step
from wfcore.plugins.contracts import Job

log = logging.getLogger("workflow.owner")
#: An execution that waits longer than this (microseconds) is not kept in memory.
KEEP_WAITING = 5 * SECOND


def _nowhere(job: Job) -> None:
    raise RuntimeError(f"{job} came before the owner was started")


@dataclass(slots=True)
class Sequel:
    """Sets timers, starts and stops attempts, forgets what has ended. ``send`` takes mail for the owner."""

    ledger: Ledger
    slots: OwnSlots
    exchange: NoExchange
    timers: Timers
    recovery: Recovery
    send: Callable[[Mail], None]
    dispatch: Callable[[Job], None] = field(default=_nowhere)

    def refused(self, execution: str, group: Group) -> None:
        """A refused step: the submission was made before, or another server owns the execution now."""
        group.refuse(execution)
        if execution in group.created:
            record = group.touched[execution].record
            if record.state == PENDING and not self.slots.shared and record.waiting != LIMIT:
                self.slots.capacity.withdraw(execution)
        else:
            log.warning("execution %s belongs to another server now", execution)
            group.stopping += [(attempt, "shutdown") for attempt in self.ledger.running(execution)]
        for attempt in [a for a in group.starting if a.job.execution == execution and not a.guest]:
            self.slots.capacity.give_back(offered=attempt.offered)
            group.starting.remove(attempt)
        self.recovery.acquit(execution)
        self.slots.capacity.release(execution)
        self.ledger.drop(execution)

    def follow(self, group: Group, steps: Sequence[Step], now: int) -> None:
        """These steps of the group are durable."""
        for timer in group.timers:  # before any is withdrawn: what asked for one may have ended in this turn
            self.timers.add(timer)
        for step in steps:
            self._follow_up(step, now)
        self._hear_of_permits(steps)
        for attempt in group.back:
            self._forget_timers(attempt)
        for attempt, reason in group.stopping:
            self._stop(attempt, reason)
        self._start(group)
        for news in group.of_guests:
            self.exchange.tell(news)
        for attempt in self.exchange.flush():
            self.send(Ended(attempt, Cancelled()))
        if self.exchange.restless:
            self.send(Offers(call=False))

    def _hear_of_permits(self, steps: Sequence[Step]) -> None:
        """Some of ours may have got one by these steps, and some may have to wait."""
        if any(step.asks or step.frees for step in steps):
            self.send(Inbox())
            for step in steps:
                if step.asks:
                    self.send(Asked(step.execution.id))

    def _stop(self, attempt: Attempt, reason: str) -> None:
        attempt.stop(reason)
        if attempt.offered and reason == "shutdown":  # it belongs to another owner, who goes on with it
            self._forget_offered(attempt)
        elif attempt.offered:
            self.exchange.stop(attempt, reason)

    def _start(self, group: Group) -> None:
        self.exchange.put([attempt for attempt in group.starting if attempt.offered])
        for attempt in group.starting:
            job = attempt.job
            (self.ledger.guests if attempt.guest else self.ledger.attempts)[attempt.key] = attempt
            if attempt.offered:
                continue
            if attempt.expires_at is not None:
                self.timers.add(Timer(attempt.expires_at, "expire", *attempt.place))
            if attempt.awaited is not None:
                attempt.awaited.set_result(attempt)
                continue
            try:
                self.dispatch(job)
            except Exception as error:
                log.exception("attempt %s of %s cannot be dispatched", job.attempt, job.path)
                fault = Error("dispatcher", f"cannot be dispatched: {error}", job.path, job.attempt)
                self.send(Ended(attempt, Failed(fault, retry=True)))

    def _follow_up(self, step: Step, now: int) -> None:
        """Set the timers a committed step asks for; forget what has ended or waits long."""
        record = step.execution
        soon = False
        for task in step.tasks:
            if task.state == WAITING and task.due_at is not None:
                self.timers.add(Timer(task.due_at, "due", record.id, task.path))
                soon = soon or task.due_at - now < KEEP_WAITING
            elif task.state == CANCELLED:
                self.timers.withdraw("due", record.id, task.path)
        if record.deadline is not None:
            self.timers.add(Timer(record.deadline, "deadline", record.id))
        if record.state in TERMINAL:
            self.timers.withdraw("deadline", record.id)
            self.recovery.acquit(record.id)
            self.slots.capacity.leave(record.id)
            if self.slots.capacity.offered:
                self._drop_offered(record.id)
            self.ledger.drop(record.id)
        elif (record.state == WAITING and not soon) or record.waiting == LIMIT or step.queues:
            self.ledger.drop(record.id)

    def _drop_offered(self, execution: str) -> None:
        """Nobody will hear of them any more: there is no inbox of what has ended."""
        for attempt in self.ledger.running(execution):
            if attempt.offered:
                self._forget_offered(attempt)

    def _forget_offered(self, attempt: Attempt) -> None:
        if self.ledger.attempts.get(attempt.key) is attempt:
            del self.ledger.attempts[attempt.key]
            self.slots.capacity.give_back(offered=True)
            self._forget_timers(attempt)

    def _forget_timers(self, attempt: Attempt) -> None:
        if attempt.expires_at is not None:
            self.timers.withdraw("expire", *attempt.place)
        if attempt.give_up_at is not None:
            self.timers.withdraw("give_up", *attempt.place)
