"""What each piece of mail and each timer means for the execution it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from wfcore.engine import machine, permits
from wfcore.engine.attempt import Attempt
from wfcore.engine.capacity import Capacity
from wfcore.engine.exchange import NoExchange
from wfcore.engine.flow import SECOND, give_time, has_begun, is_limited
from wfcore.engine.group import Group
from wfcore.engine.ledger import Ledger
from wfcore.engine.letters import LINES, OUTCOME, lines_of, outcome_of
from wfcore.engine.mail import (
    Asked,
    CancelRequest,
    Ended,
    Inbox,
    Letter,
    Line,
    Mail,
    Offers,
    Submission,
    Take,
)
from wfcore.engine.run import Run
from wfcore.engine.slots import OwnSlots
from wfcore.engine.timers import Timer
from wfcore.model.execution import LIMIT, OPEN, PENDING, Error
from wfcore.model.outcome import Cancelled, Failed
from wfcore.model.records import Message
from wfcore.plugins.contracts import Storage

#: A stopped attempt has so long (microseconds) to come back before its task ends without it.
GRACE = 10 * SECOND


def stop(attempt: Attempt, reason: str, group: Group, now: int) -> None:
    """Once the group is committed, tell an attempt to give way, and wait for that only so long."""
    attempt.give_up_at = now + GRACE
    group.stopping.append((attempt, reason))
    group.timers.append(Timer(now + GRACE, "give_up", *attempt.place))


@dataclass(frozen=True, slots=True)
class Intake:
    """Turns events into steps of the machine; what they cause is collected in the group.

    ``read`` are the messages of the inbox that were sent on as mail and are not consumed yet.
    """

    storage: Storage
    ledger: Ledger
    capacity: Capacity
    slots: OwnSlots
    exchange: NoExchange
    send: Callable[[Mail], None]
    read: set[int] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)

    def submission(self, mail: Submission, group: Group, now: int) -> None:
        """A new execution starts at once if it may, else it waits as PENDING: here, or for any server."""
        if not mail.reply.set_running_or_notify_cancel():
            return  # who asked has gone, told that it was not recorded
        record = mail.record
        limited = "" in record.limits
        admitted = not limited and self.slots.admit(record.id)
        if admitted or limited or not self.slots.shared:
            record.owner, record.epoch = self.ledger.owner, 1
        run = group.touch(machine.create(record, mail.workflow, mail.plan, now))
        run.refer(mail.blobs)
        group.created[record.id] = mail
        group.replies.append((record.id, mail.reply, record))
        if limited:
            permits.ask_to_begin(run)
        elif admitted:
            machine.start(run, now)
            self.ledger.runs[record.id] = run
        elif not self.slots.shared:
            self.capacity.wait_new(record)

    def ended(self, mail: Ended, group: Group, now: int) -> None:
        """An attempt has come back; its slot is free whatever became of its task."""
        attempt, job = mail.attempt, mail.attempt.job
        known = self.ledger.guests if attempt.guest else self.ledger.attempts
        if known.get(attempt.key, attempt) is not attempt:
            return  # it came back before, and has been begun again with the same number
        if known.pop(attempt.key, None) is not None:
            self.capacity.give_back(offered=attempt.offered)
            group.back.append(attempt)
            if attempt.guest:
                group.of_guests.append(mail)
        if attempt.guest:
            return
        run = self.ledger.get(job.execution, now)
        if run is not None and machine.finish(run, job.path, job.attempt, mail.outcome, now):
            group.touch(run)

    def line(self, mail: Line, group: Group, now: int) -> None:
        """A line of an execution's log."""
        if mail.attempt.guest:
            group.of_guests.append(mail)
            return
        mail.attempt.room.release()
        self._note(mail, group, now)

    def _note(self, line: Line, group: Group, now: int) -> None:
        job = line.attempt.job
        run = self.ledger.get(job.execution, now)
        if run is not None:
            run.note(now, "log", job.path, job.attempt, level=line.level, message=line.message)
            group.touch(run)

    def cancel(self, mail: CancelRequest, group: Group, now: int) -> None:
        """There is a cancel for an execution of ours."""
        run = group.touched.get(mail.execution) or self.ledger.get(mail.execution, now)
        if run is None and (queued := self.slots.take(mail.execution)) is not None:
            self.capacity.wait_new(queued)
            run = self.ledger.load(queued, now)
            if group.has_read_inbox:
                self.send(Inbox())
        is_open = run is not None and run.record.state in OPEN  # it may have ended in this very group
        self.inbox(Inbox(), group, now)
        elsewhere = run is None and self._is_elsewhere(mail.execution)
        group.replies.append((mail.execution, mail.reply, None if elsewhere else is_open))

    def _is_elsewhere(self, execution: str) -> bool:
        record = self.storage.execution(execution)
        return record is not None and record.state in OPEN

    def inbox(self, _mail: Inbox, group: Group, now: int) -> None:
        """Messages for executions of ours; what a group was told of had been posted before it began.

        What another server did for one is mail of its own, since it may be at fault.
        """
        if group.has_read_inbox:
            return
        group.has_read_inbox = True
        for message in self.storage.inbox(self.ledger.owner):
            if message.kind == "cancel":
                run = group.touched.get(message.execution) or self.ledger.get(message.execution, now)
                if run is not None and run.record.state in OPEN:
                    run.take_message(message.id)
                    self._cancel(run, str(message.body.get("reason", "")), group, now)
            elif message.id not in self.read:
                self.read.add(message.id)
                self.send(Letter(message))

    def letter(self, mail: Letter, group: Group, now: int) -> None:
        """What another server did for an execution."""
        message = mail.message
        group.letters.append(message.id)
        run = self.ledger.get(message.execution, now)
        if run is None or (message.id in self.doubtful and not self._is_there(message)):
            return
        run.take_message(message.id)
        group.touch(run)
        if message.kind == OUTCOME:
            self._returned((message.execution, message.path, message.attempt), group)
            machine.finish(run, message.path, message.attempt, outcome_of(message), now)
        elif message.kind.startswith(LINES):
            for level, text in lines_of(message):
                run.note(now, "log", message.path, message.attempt, level=level, message=text)
        elif message.kind == permits.GRANTED:
            self._permitted(run, message.path, now)
        elif message.kind == permits.DENIED and run.record.waiting == LIMIT:
            machine.stop(run, permits.denial(run), now)

    def asked(self, mail: Asked, group: Group, now: int) -> None:
        """Who has asked for permits and waits says so."""
        run = self.ledger.get(mail.execution, now)
        if run is not None:
            permits.note_waiting(run, self.storage.permits(mail.execution), now)
            group.touch(run)

    def _permitted(self, run: Run, path: str, now: int) -> None:
        """A task is ready; an execution runs if there is a slot, or is queued for one."""
        if path:
            permits.granted(run, path)
        elif (run.record.state, run.record.waiting) == (PENDING, LIMIT):
            run.record.waiting = None
            if self.slots.admit(run.record.id):
                machine.start(run, now)
            elif self.slots.shared:
                run.queues = True
            else:
                self.capacity.wait_new(run.record)

    def doubt(self, events: Iterable[Mail | Timer]) -> None:
        """These come again, and nobody knows whether they have been written: messages may be consumed."""
        self.doubtful.update(event.message.id for event in events if isinstance(event, Letter))

    def consumed(self, messages: Iterable[int]) -> None:
        """These have been dealt with, durably."""
        self.read.difference_update(messages)
        self.doubtful.difference_update(messages)

    def _is_there(self, message: Message) -> bool:
        return any(each.id == message.id for each in self.storage.inbox(self.ledger.owner))

    def offers(self, mail: Offers, group: Group, now: int) -> None:
        """There may be offers for us; some of ours may have died with the servers that took them."""
        if mail.others is not None:
            self.exchange.hear(mail.others)
            self.slots.meet(mail.others)
            for line in self.exchange.overlooked():
                self._note(line, group, now)
        if not mail.call:
            return
        self.exchange.call()
        for offer in self.exchange.lost():
            run = self.ledger.get(offer.execution, now)
            self._returned(offer.key, group)
            if run is not None:
                machine.lose(group.touch(run), offer.path, offer.attempt, now)

    def take(self, mail: Take, group: Group, now: int) -> None:
        """A thread wants to run an attempt that was offered."""
        if not mail.reply.set_running_or_notify_cancel():
            return
        guest = next(iter(self.exchange.receive(mail.offer, now)), None)
        if guest is None:
            mail.reply.set_result(None)
            return
        self.capacity.busy += 1
        guest.awaited = mail.reply
        group.starting.append(guest)

    def _returned(self, key: tuple[str, str, int], group: Group) -> None:
        attempt = self.ledger.attempts.get(key)
        if attempt is not None and attempt.offered:
            del self.ledger.attempts[key]
            self.capacity.give_back(offered=True)
            group.back.append(attempt)

    def ring(self, timer: Timer, group: Group, now: int) -> None:
        """A timer's time has come."""
        ring: dict[str, Callable[[Timer, Group, int], Any]] = {
            "due": self._due, "deadline": self._deadline, "expire": self._expire, "give_up": self._give_up
        }  # fmt: skip
        ring[timer.what](timer, group, now)

    def _cancel(self, run: Run, reason: str, group: Group, now: int) -> None:
        if run.queues:  # it got its permit in this very turn, and waits in no queue yet
            run.queues = False
        elif run.record.state == PENDING and run.record.waiting != LIMIT:
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
        attempt = self._running(timer)
        if attempt is not None:
            stop(attempt, "timeout", group, now)

    def _running(self, timer: Timer) -> Attempt | None:
        """The attempt that runs here, ours or a guest."""
        known = self.ledger.guests if timer.guest else self.ledger.attempts
        return known.get((timer.execution, timer.path, timer.attempt))

    def _give_up(self, timer: Timer, group: Group, now: int) -> None:
        attempt = self._running(timer)
        if attempt is None:
            return
        if attempt.guest:
            outcome = _deaf(attempt) if attempt.reason == "timeout" else Cancelled()
            group.of_guests.append(Ended(attempt, outcome))
            return
        run = self.ledger.get(timer.execution, now)
        if run is None:
            return
        group.touch(run)
        if attempt.reason == "timeout":
            machine.finish(run, timer.path, timer.attempt, _deaf(attempt), now)
        else:
            machine.give_up(run, timer.path, timer.attempt, now)


def _deaf(attempt: Attempt) -> Failed:
    """How an attempt ends that took too long, was stopped, and did not come back."""
    message = "took too long and does not react to being stopped"
    error = Error("timeout", message, attempt.job.path, attempt.job.attempt)
    kinds = attempt.task.retry.kinds
    return Failed(error, attempt.task.retry.condition is None and (not kinds or "timeout" in kinds))
