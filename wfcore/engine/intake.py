"""What each piece of mail and each timer means for the execution it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wfcore.engine import machine
from wfcore.engine.attempt import Attempt
from wfcore.engine.capacity import Capacity
from wfcore.engine.flow import SECOND, give_time, has_begun, is_limited
from wfcore.engine.group import Group
from wfcore.engine.ledger import Ledger
from wfcore.engine.mail import CancelRequest, Ended, Inbox, Line, Submission
from wfcore.engine.run import Run
from wfcore.engine.timers import Timer
from wfcore.model.execution import OPEN, PENDING, Error, Failed
from wfcore.plugins.contracts import Storage

#: A stopped attempt has so long (microseconds) to come back before its task ends without it.
GRACE = 10 * SECOND


def stop(attempt: Attempt, reason: str, group: Group, now: int) -> None:
    """Once the group is committed, tell an attempt to give way, and wait for that only so long."""
    job = attempt.job
    attempt.give_up_at = now + GRACE
    group.stopping.append((attempt, reason))
    group.timers.append(Timer(now + GRACE, "give_up", job.execution, job.path, job.attempt))


@dataclass(frozen=True, slots=True)
class Intake:
    """Turns events into steps of the machine; what they cause is collected in the group."""

    storage: Storage
    ledger: Ledger
    capacity: Capacity

    def submission(self, mail: Submission, group: Group, now: int) -> None:
        """A new execution starts at once if it may, else it waits as PENDING."""
        if not mail.reply.set_running_or_notify_cancel():
            return  # who asked has gone, told that it was not recorded
        record = mail.record
        record.owner, record.epoch = self.ledger.owner, 1
        run = group.touch(machine.create(record, mail.workflow, mail.plan, now))
        run.refer(mail.blobs)
        group.created[record.id] = mail
        group.replies.append((record.id, mail.reply, record))
        if self.capacity.admit(record.id):
            machine.start(run, now)
            self.ledger.runs[record.id] = run
        else:
            self.capacity.wait_new(record)

    def ended(self, mail: Ended, group: Group, now: int) -> None:
        """An attempt has come back; its slot is free whatever became of its task."""
        job = mail.attempt.job
        if self.ledger.attempts.pop((job.execution, job.path, job.attempt), None) is not None:
            self.capacity.give_back()
            group.back.append(mail.attempt)
        run = self.ledger.get(job.execution, now)
        if run is not None and machine.finish(run, job.path, job.attempt, mail.outcome, now):
            group.touch(run)

    def line(self, mail: Line, group: Group, now: int) -> None:
        """A line of an execution's log."""
        mail.attempt.room.release()
        job = mail.attempt.job
        run = self.ledger.get(job.execution, now)
        if run is not None:
            run.note(now, "log", job.path, job.attempt, level=mail.level, message=mail.message)
            group.touch(run)

    def cancel(self, mail: CancelRequest, group: Group, now: int) -> None:
        """There is a cancel for an execution of ours."""
        run = group.touched.get(mail.execution) or self.ledger.get(mail.execution, now)
        is_open = run is not None and run.record.state in OPEN  # it may have ended in this very group
        self.inbox(Inbox(), group, now)
        group.replies.append((mail.execution, mail.reply, is_open))

    def inbox(self, _mail: Inbox, group: Group, now: int) -> None:
        """Messages for executions of ours; what a group was told of had been posted before it began."""
        if group.has_read_inbox:
            return
        group.has_read_inbox = True
        for message in self.storage.inbox(self.ledger.owner):
            run = group.touched.get(message.execution) or self.ledger.get(message.execution, now)
            if run is not None and message.kind == "cancel" and run.record.state in OPEN:
                run.take_message(message.id)
                self._cancel(run, str(message.body.get("reason", "")), group, now)

    def ring(self, timer: Timer, group: Group, now: int) -> None:
        """A timer's time has come."""
        ring: dict[str, Callable[[Timer, Group, int], Any]] = {
            "due": self._due, "deadline": self._deadline, "expire": self._expire, "give_up": self._give_up
        }  # fmt: skip
        ring[timer.what](timer, group, now)

    def _cancel(self, run: Run, reason: str, group: Group, now: int) -> None:
        if run.record.state == PENDING:
            self.capacity.withdraw(run.record.id)
        machine.cancel(group.touch(run), reason, now)
        self._stop_attempts(run, "cancelled", group, now)

    def _stop_attempts(self, run: Run, reason: str, group: Group, now: int) -> None:
        for attempt in self.ledger.running(run.record.id):
            task = run.tasks.get(attempt.job.path)
            if run.stopping and task is not None and task.attempt == attempt.job.attempt:
                stop(attempt, reason, group, now)

    def _due(self, timer: Timer, group: Group, now: int) -> None:
        run = self.ledger.get(timer.execution, now)
        if run is not None:
            machine.due(group.touch(run), timer.path, now)

    def _deadline(self, timer: Timer, group: Group, now: int) -> None:
        run = self.ledger.get(timer.execution, now)
        if run is None or run.record.deadline is None or run.record.deadline > now:
            return
        if is_limited(run) and not has_begun(run):  # it waits for a slot: its time has not begun
            give_time(run, now)
            group.timers.append(Timer(run.record.deadline, "deadline", run.record.id))
            return
        run.record.deadline = None
        part = run.scope.part.prefix.strip("@/") if run.scope else ""
        what = part or f"the execution ({run.workflow.timeout:g} s)"
        run.note(now, "execution.timeout")
        machine.stop(group.touch(run), Error("timeout", f"the time for {what} is over"), now)
        self._stop_attempts(run, "cancelled", group, now)

    def _expire(self, timer: Timer, group: Group, now: int) -> None:
        attempt = self.ledger.attempts.get((timer.execution, timer.path, timer.attempt))
        if attempt is not None:
            stop(attempt, "timeout", group, now)

    def _give_up(self, timer: Timer, group: Group, now: int) -> None:
        attempt = self.ledger.attempts.get((timer.execution, timer.path, timer.attempt))
        run = self.ledger.get(timer.execution, now) if attempt is not None else None
        if attempt is None or run is None:
            return
        group.touch(run)
        if attempt.reason == "timeout":
            message = "took too long and does not react to being stopped"
            error = Error("timeout", message, timer.path, timer.attempt)
            kinds = attempt.task.retry.kinds
            retry = attempt.task.retry.condition is None and (not kinds or "timeout" in kinds)
            machine.finish(run, timer.path, timer.attempt, Failed(error, retry), now)
        else:
            machine.give_up(run, timer.path, timer.attempt, now)
