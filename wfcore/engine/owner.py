"""The one thread that moves executions: takes mail, steps the machine, commits in groups, hands out work.

Whatever has arrived while the last group was being made durable is stepped together and
committed in one transaction. Nothing is acknowledged, started or told before its commit.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from wfcore.engine import timers
from wfcore.engine.allotment import Allotment
from wfcore.engine.exchange import NoExchange
from wfcore.engine.flow import SECOND
from wfcore.engine.group import Group
from wfcore.engine.intake import Intake
from wfcore.engine.ledger import Ledger
from wfcore.engine.mail import (
    Adopt,
    Asked,
    CancelRequest,
    Drain,
    Ended,
    Halt,
    Inbox,
    Letter,
    Line,
    Mail,
    Offers,
    Reload,
    Room,
    Submission,
    Take,
    Want,
    execution_of,
)
from wfcore.engine.recovery import Recovery
from wfcore.engine.sequel import Sequel
from wfcore.engine.slots import OwnSlots
from wfcore.engine.takeover import Takeover
from wfcore.engine.timers import Timer, Timers
from wfcore.errors import Unavailable
from wfcore.model.execution import OPEN
from wfcore.model.records import Step
from wfcore.plugins.contracts import Clock, Job, Storage

log = logging.getLogger("workflow.owner")
#: At most so many pieces of mail are stepped in one group.
GROUP = 512


class Audience(Protocol):
    """Who is told what has been committed."""

    def committed(self, steps: Sequence[Step]) -> None:
        """These steps are durable."""

    def moved(self) -> None:
        """Some executions may belong to other servers now."""


class Owner:
    """Owns every open execution of its server. ``send`` is the only way in, from any thread."""

    def __init__(
        self,
        storage: Storage,
        ledger: Ledger,
        slots: OwnSlots,
        exchange: NoExchange,
        clock: Clock,
        audience: Audience,
    ) -> None:
        self._storage = storage
        self._ledger = ledger
        self._slots, self._capacity, self._exchange = slots, slots.capacity, exchange
        self._clock = clock
        self._audience = audience
        self._intake = Intake(storage, ledger, slots.capacity, slots, exchange, self.send)
        self._mail: SimpleQueue[Mail] = SimpleQueue()
        self._timers = Timers()
        self._takeover = Takeover(storage, ledger, slots.capacity, self._timers, slots)
        self._allotment = Allotment(ledger, slots.capacity, self._takeover, slots, exchange)
        self._recovery = Recovery(ledger, self._takeover.condemned)
        self._sequel = Sequel(ledger, slots, exchange, self._timers, self._recovery, self.send)
        self._halted = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="owner", daemon=True)
        self._open: dict[type, Callable[[Any, Group, int], None]] = {
            Submission: self._intake.submission,
            Ended: self._intake.ended,
            Line: self._intake.line,
            CancelRequest: self._intake.cancel,
            Inbox: self._intake.inbox,
            Letter: self._intake.letter,
            Asked: self._intake.asked,
            Adopt: self._adopt,
            Room: self._hear,
            Want: self._give,
            Offers: self._intake.offers,
            Take: self._intake.take,
            Reload: self._disown,
            Drain: self._drain,
        }

    def send(self, mail: Mail) -> None:
        """Deliver mail; returns at once."""
        self._mail.put(mail)

    def start(self, dispatch: Callable[[Job], None], *, adopt: bool = True) -> None:
        """Take over what dead servers left open, then turn on a thread of its own.

        Without ``adopt`` nothing runs here: what is submitted waits for other servers.
        """
        if not adopt:
            self._allotment.draining = True
            self._slots.close()
        self.take_over(dispatch)
        self._thread.start()

    def take_over(self, dispatch: Callable[[Job], None]) -> None:
        """Take over what dead servers left open; after that, the owner can ``turn``."""
        self._sequel.dispatch = dispatch
        now, group = self._clock.now(), Group()
        if not self._allotment.draining:
            self._takeover.adopt(group, now)
        self._finish_turn(group, now)
        self._mail.put(Inbox())

    def stop(self, timeout: float) -> bool:
        """Leave the loop; whether it ended in time (seconds)."""
        self._halted.set()
        self._mail.put(Halt())
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    @property
    def busy(self) -> int:
        """How many attempts are in flight here."""
        own = sum(not attempt.offered for attempt in list(self._ledger.attempts.values()))
        return own + len(self._ledger.guests)

    def holds(self, execution: str) -> bool:
        """Whether this execution is in memory: it is forgotten when it has ended, before that is told."""
        return execution in self._ledger.runs

    def _loop(self) -> None:
        while not (self._halted.wait(self.pause) if self.pause else self._halted.is_set()):
            self.turn()

    @property
    def pause(self) -> float:
        """Seconds to let pass before the next turn: the longer, the more often storage has failed."""
        return self._recovery.pause

    def turn(self, *, wait: bool = True) -> None:
        """Deal with all that has arrived or is due, in one commit; unless told not to, ``wait`` for some.

        Never raises. When storage fails, the next turn begins by reading everything again.
        """
        events: list[Mail | Timer] = []
        if self._recovery.stale and not self._reload():
            return
        try:
            events = self._receive(wait)
            self._deal_with(events)
            self._recovery.well(events)
        except Exception as error:
            self._intake.doubt(events)
            self._recovery.failed(events, error)

    def _receive(self, wait: bool) -> list[Mail | Timer]:
        """Everything that has arrived or is due."""
        next_at, now = self._timers.next_at(), self._clock.now()
        timeout = None
        if next_at is not None:
            timeout = min(max(0.0, (next_at - now) / SECOND), timers.LOOK)
        most = 1 if self._recovery.singly else GROUP
        events = self._recovery.next_again(most)
        try:
            if not events:
                events.append(self._mail.get(wait, timeout))
            while len(events) < most:
                events.append(self._mail.get_nowait())
        except Empty:
            pass
        if not (events and self._recovery.singly):
            events += itertools.islice(self._timers.pop_due(self._clock.now()), most)
        return events

    def _deal_with(self, events: Sequence[Mail | Timer]) -> None:
        now, group = self._clock.now(), Group()
        for event in events:
            if isinstance(event, Timer):
                self._apply(self._intake.ring, event, group, now)
            elif not isinstance(event, Halt):
                self._apply(self._open[type(event)], event, group, now)
        self._finish_turn(group, now)

    def _apply(self, handle: Callable[[Any, Group, int], None], event: Any, group: Group, now: int) -> None:
        """Handle one event; a bug that shows on one execution ends it, and must not stop the others."""
        try:
            handle(event, group, now)
        except Unavailable:
            raise  # storage: the whole turn starts again
        except Exception as error:
            execution = execution_of(event)
            about = {"execution": execution}
            log.exception("%s cannot be handled", type(event).__name__, extra=about)
            group.touched.pop(execution, None)
            group.starting = [a for a in group.starting if a.job.execution != execution or a.guest]
            if isinstance(event, Submission | CancelRequest):
                group.withdraw(event.reply)
                event.reply.set_exception(error)
            if group.created.pop(execution, None) is None:
                record = self._storage.execution(execution)
                if record is not None and record.state in OPEN:
                    self._takeover.give_up(record, f"{type(error).__name__}: {error}", group, now)
            else:
                self._ledger.drop(execution)
                self._capacity.release(execution)

    def _finish_turn(self, group: Group, now: int) -> None:
        self._allotment.hand_back(group)
        self._allotment.admit(group, now)
        self._allotment.allot(group, now)
        while self._allotment.admit(group, now):  # an execution whose tasks are all disabled has ended by now
            self._allotment.allot(group, now)
        queued, steps = group.queued, group.steps()
        refused = self._commit(steps, queued=queued)
        self._intake.consumed(group.letters)
        for id in refused:
            self._sequel.refused(id, group)
        if refused:
            self._mail.put(Inbox())  # one more turn, which hands out the slots that they held
            self._audience.moved()
        group.answer()
        durable = [step for step in steps if step.execution.id not in refused] if refused else steps
        self._sequel.follow(group, durable, now)
        if steps:
            self._audience.committed(durable)
        if group.reads_inbox:
            self._mail.put(Inbox())
        if self._slots.settle() or queued:
            self._mail.put(Room(queued, slots=False))

    def _commit(self, steps: Sequence[Step], *, queued: bool) -> frozenset[str]:
        if queued:
            return self._storage.commit(steps, ["queued"])
        return self._storage.commit(steps) if steps else frozenset()

    def _adopt(self, _mail: Adopt, group: Group, now: int) -> None:
        if not self._allotment.draining:
            self._takeover.adopt(group, now)

    def _hear(self, mail: Room, _group: Group, _now: int) -> None:
        self._slots.hear(queued=mail.queued, slots=mail.slots)

    def _give(self, mail: Want, _group: Group, _now: int) -> None:
        self._slots.want(mail.count, mail.held)

    def _disown(self, _mail: Reload, _group: Group, _now: int) -> None:
        self._recovery.stale = True  # the next turn begins by reading all again; the epoch protects this one

    def _drain(self, mail: Drain, group: Group, now: int) -> None:
        self._allotment.draining = True
        self._slots.close()
        if mail.hard:
            here = [attempt for attempt in self._ledger.attempts.values() if not attempt.offered]
            group.stopping += [(attempt, "shutdown") for attempt in (*here, *self._ledger.guests.values())]
        mail.heard.set()

    def _reload(self) -> bool:
        """Forget all Runs and read them again from storage; whether that worked."""
        try:
            now = self._clock.now()
            self._slots.enter()
            self._exchange.call()
            self._finish_turn(self._takeover.reload(now), now)
        except Exception as error:
            self._recovery.reloaded(error)
            return False
        self._recovery.reloaded()
        self._audience.moved()
        self._mail.put(Inbox())  # a commit that seemed to fail may have handed out permits
        return True
