"""The one thread that moves executions: takes mail, steps the machine, commits in groups, hands out work.

Whatever has arrived while the last group was being made durable is stepped together and
committed in one transaction. Nothing is acknowledged, started or told before its commit.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from wfcore.engine.allotment import Allotment
from wfcore.engine.capacity import Capacity
from wfcore.engine.flow import SECOND
from wfcore.engine.group import Group
from wfcore.engine.intake import Intake
from wfcore.engine.ledger import Ledger
from wfcore.engine.mail import (
    CancelRequest,
    Drain,
    Ended,
    Halt,
    Inbox,
    Line,
    Mail,
    Submission,
    execution_of,
)
from wfcore.engine.timers import Timer, Timers
from wfcore.errors import Unavailable, WorkflowError
from wfcore.model.execution import CANCELLED, OPEN, PENDING, RUNNING, TERMINAL, WAITING, Error, Failed
from wfcore.model.records import ExecutionQuery, Step
from wfcore.plugins.contracts import Clock, Job, Storage

log = logging.getLogger("workflow.owner")
#: An execution that waits longer than this (microseconds) is not kept in memory.
KEEP_WAITING = 5 * SECOND
#: At most so many pieces of mail are stepped in one group.
GROUP = 512
#: Executions that are taken over in one transaction.
ADOPT = 500


class Audience(Protocol):
    """Who is told what has been committed."""

    def committed(self, steps: Sequence[Step]) -> None:
        """These steps are durable."""


class Owner:
    """Owns every open execution of its server. ``send`` is the only way in, from any thread."""

    def __init__(
        self, storage: Storage, ledger: Ledger, capacity: Capacity, clock: Clock, audience: Audience
    ) -> None:
        self._storage = storage
        self._ledger = ledger
        self._capacity = capacity
        self._clock = clock
        self._audience = audience
        self._intake = Intake(storage, ledger, capacity)
        self._allotment = Allotment(ledger, capacity)
        self._dispatch: Callable[[Job], None]
        self._mail: SimpleQueue[Mail] = SimpleQueue()
        self._timers = Timers()
        self._deadlines: dict[str, int] = {}
        self._failures = 0
        self._halted = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="owner", daemon=True)
        self._open: dict[type, Callable[[Any, Group, int], None]] = {
            Submission: self._intake.submission,
            Ended: self._intake.ended,
            Line: self._intake.line,
            CancelRequest: self._intake.cancel,
            Inbox: self._intake.inbox,
            Drain: self._drain,
        }

    def send(self, mail: Mail) -> None:
        """Deliver mail; returns at once."""
        self._mail.put(mail)

    def start(self, dispatch: Callable[[Job], None]) -> None:
        """Take over what dead servers left open, then begin to turn."""
        self._dispatch = dispatch
        while records := self._storage.adopt(self._ledger.owner, ADOPT):
            self._take_up(records)
        self._mail.put(Inbox())
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Leave the loop; whether it ended in time (seconds)."""
        self._halted.set()
        self._mail.put(Halt())
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def busy(self) -> int:
        """How many attempts are in flight."""
        return len(self._ledger.attempts)

    def _loop(self) -> None:
        while not self._halted.is_set():
            mail = self._receive()
            try:
                self._turn(mail)
                self._failures = 0
            except Exception:
                log.exception("the owner could not finish a turn; it starts again from storage")
                self._recover(mail)

    def _receive(self) -> list[Mail]:
        """Everything that has arrived; waits for mail or for the next timer."""
        next_at = self._timers.next_at()
        timeout = None
        if next_at is not None:
            timeout = min(max(0.0, (next_at - self._clock.now()) / SECOND), threading.TIMEOUT_MAX)
        mail: list[Mail] = []
        try:
            mail.append(self._mail.get(timeout=timeout))
            while len(mail) < GROUP:
                mail.append(self._mail.get_nowait())
        except Empty:
            pass
        return mail

    def _turn(self, mail: Sequence[Mail]) -> None:
        now, group = self._clock.now(), Group()
        for piece in mail:
            if not isinstance(piece, Halt):
                self._apply(self._open[type(piece)], piece, group, now)
        for timer in self._timers.pop_due(now):
            self._apply(self._intake.ring, timer, group, now)
        self._finish_turn(group, now)

    def _apply(self, handle: Callable[[Any, Group, int], None], event: Any, group: Group, now: int) -> None:
        """Handle one event; a bug that shows on one execution must not stop the others."""
        try:
            handle(event, group, now)
        except WorkflowError:
            raise  # storage: the whole turn starts again
        except Exception as error:
            log.exception("an event cannot be handled: %s", event)
            execution = execution_of(event)
            group.touched.pop(execution, None)
            self._ledger.drop(execution)
            self._capacity.release(execution)
            if isinstance(event, Submission | CancelRequest):
                group.replies = [(r, v) for r, v in group.replies if r is not event.reply]
                event.reply.set_exception(error)

    def _finish_turn(self, group: Group, now: int) -> None:
        self._allotment.admit(group, now)
        self._allotment.allot(group, now)
        self._allotment.admit(group, now)  # an execution whose tasks are all disabled has ended by now
        steps = group.steps()
        refused = self._storage.commit(steps) if steps else frozenset()
        for id in refused:
            self._forget(id, group)
        for reply, value in group.replies:
            reply.set_result(value)
        for step in steps:
            if step.execution.id not in refused:
                self._follow_up(step, now)
        for attempt in group.back:
            if attempt.task.timeout is not None:
                job = attempt.job
                self._timers.withdraw("expire", job.execution, job.path, job.attempt)
        for attempt, reason in group.stopping:
            attempt.stop(reason)
        for timer in group.timers:
            self._timers.add(timer)
        self._start_attempts(group, now)
        if steps:
            self._audience.committed([step for step in steps if step.execution.id not in refused])

    def _start_attempts(self, group: Group, now: int) -> None:
        for attempt in group.starting:
            job = attempt.job
            self._ledger.attempts[job.execution, job.path, job.attempt] = attempt
            if attempt.task.timeout is not None:
                at = now + round(attempt.task.timeout * SECOND)
                self._timers.add(Timer(at, "expire", job.execution, job.path, job.attempt))
            try:
                self._dispatch(job)
            except Exception as error:
                log.exception("attempt %s of %s cannot be dispatched", job.attempt, job.path)
                fault = Error("dispatcher", f"cannot be dispatched: {error}", job.path, job.attempt)
                self._mail.put(Ended(attempt, Failed(fault)))

    def _follow_up(self, step: Step, now: int) -> None:
        """Set the timers a committed step asks for; forget what has ended or waits long."""
        record = step.execution
        soon = False
        for task in step.tasks:
            if task.state == WAITING and task.due_at is not None:
                self._timers.add(Timer(task.due_at, "due", record.id, task.path))
                soon = soon or task.due_at - now < KEEP_WAITING
            elif task.state == CANCELLED:
                self._timers.withdraw("due", record.id, task.path)
        if record.deadline is not None and self._deadlines.get(record.id) != record.deadline:
            self._deadlines[record.id] = record.deadline
            self._timers.add(Timer(record.deadline, "deadline", record.id))
        if record.state in TERMINAL:
            if self._deadlines.pop(record.id, None) is not None:
                self._timers.withdraw("deadline", record.id)
            self._ledger.drop(record.id)
        elif record.state == WAITING and not soon:
            self._ledger.drop(record.id)

    def _forget(self, execution: str, group: Group) -> None:
        """A refused step: the submission was made before, or another server owns the execution now."""
        submission = group.created.get(execution)
        if submission is not None:
            group.replies = [(r, v and r is not submission.reply) for r, v in group.replies]
            if execution not in self._capacity.admitted:
                self._capacity.withdraw(execution)
        else:
            log.warning("execution %s belongs to another server now", execution)
            group.stopping += [(attempt, "shutdown") for attempt in self._ledger.running(execution)]
        for _ in [a for a in group.starting if a.job.execution == execution]:
            self._capacity.give_back()
        group.starting = [a for a in group.starting if a.job.execution != execution]
        self._capacity.release(execution)
        self._ledger.drop(execution)

    def _drain(self, mail: Drain, group: Group, now: int) -> None:
        self._allotment.draining = True
        if mail.hard:
            group.stopping += [(attempt, "shutdown") for attempt in self._ledger.attempts.values()]

    def _take_up(self, records: Sequence[Any]) -> None:
        """Put open executions of ours back into memory, in one group."""
        now, group = self._clock.now(), Group()
        for record in records:
            if record.state == PENDING:
                self._capacity.wait_new(record)
                continue
            try:
                run = group.touch(self._ledger.load(record, now))
            except WorkflowError as error:
                log.error("execution %s cannot be taken up: %s", record.id, error)
                continue
            if record.state == RUNNING:
                self._capacity.admitted.add(record.id)
            for path in run.waiting:
                self._timers.add(Timer(run.tasks[path].due_at or now, "due", record.id, path))
            if record.deadline is not None:
                self._deadlines[record.id] = record.deadline
                self._timers.add(Timer(record.deadline, "deadline", record.id))
        self._finish_turn(group, now)

    def _recover(self, mail: Sequence[Mail]) -> None:
        """Nothing of this turn was written: forget all Runs and read them again from storage."""
        for piece in mail:
            if isinstance(piece, Submission | CancelRequest):
                if not piece.reply.done():
                    remedy = "see the server's log; the same request may succeed later"
                    piece.reply.set_exception(Unavailable("the server could not record this", remedy=remedy))
            else:
                self._mail.put(piece)
            if isinstance(piece, Ended):
                job = piece.attempt.job
                self._ledger.attempts[job.execution, job.path, job.attempt] = piece.attempt
        while not self._halted.wait(min(5.0, 0.05 * 2**self._failures)):
            self._failures += 1
            try:
                self._reload()
                return
            except Exception:
                log.exception("storage is not usable; trying again")

    def _reload(self) -> None:
        self._ledger.runs.clear()
        self._capacity.forget()
        self._capacity.busy = len(self._ledger.attempts)
        self._timers.clear()
        self._deadlines.clear()
        for attempt in self._ledger.attempts.values():
            if attempt.task.timeout is not None:
                job, at = attempt.job, self._clock.now() + round(attempt.task.timeout * SECOND)
                self._timers.add(Timer(at, "expire", job.execution, job.path, job.attempt))
        query = ExecutionQuery(states=tuple(OPEN), limit=ADOPT)
        records = self._storage.executions(query)
        while records:
            self._take_up([r for r in records if r.owner == self._ledger.owner])
            query = ExecutionQuery(states=tuple(OPEN), limit=ADOPT, before=records[-1].id)
            records = self._storage.executions(query)
