"""Attempts that servers run for each other: what this one offers, and what it has taken from the others.

An offered attempt is recorded as started. Its offer is a row that one server takes; how it ended comes back
as a message. All of this is called by the owner's thread, after or between its commits.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence

from wfcore.engine.attempt import Attempt
from wfcore.engine.capacity import Capacity
from wfcore.engine.ledger import Ledger
from wfcore.engine.letters import lines_letter, outcome_letter
from wfcore.engine.mail import Ended, Line
from wfcore.engine.preparing import prepared
from wfcore.errors import WorkflowError
from wfcore.model.nodes import Offer
from wfcore.model.records import Message
from wfcore.model.workflow import Task
from wfcore.plugins.contracts import Courier, SharedStorage

log = logging.getLogger("workflow.exchange")
#: Seconds after which it is told of an offer that nobody has taken it.
PATIENCE = 60.0


class NoExchange:
    """A server that is alone runs all by itself."""

    def is_ours(self, task: Task) -> bool:
        """Whether tasks of this kind run here: those whose label this server has, or that have none."""
        return True

    def hear(self, others: int) -> None:
        """The other servers may run so many attempts at once."""

    def overlooked(self) -> Sequence[Line]:
        """What the logs of those that were offered long ago, and that nobody has taken, are to say, once."""
        return ()

    def call(self) -> None:
        """There may be offers to take, to stop or to miss."""

    def put(self, attempts: Sequence[Attempt]) -> None:
        """Offer these; they are recorded as started."""

    def stop(self, attempt: Attempt, reason: str) -> None:
        """Tell whoever runs it to give way."""

    def tell(self, news: Ended | Line) -> None:
        """Let the owner of a guest know of a line of its log, or of its end."""

    def take(self, now: int) -> Sequence[Attempt]:
        """Guests for the free task slots."""
        return ()

    def receive(self, offer: Offer, now: int) -> Sequence[Attempt]:
        """This one as a guest, if it is free."""
        return ()

    @property
    def restless(self) -> bool:
        """Whether something is to be begun in another turn."""
        return False

    def lost(self) -> Sequence[Offer]:
        """Offers of ours whose server died with them."""
        return ()

    def flush(self) -> Sequence[Attempt]:
        """Do what is to be done in storage; the offers that were withdrawn before anybody took them."""
        return ()


class Exchange(NoExchange):
    """``announce`` lets the other servers know, ``courier`` brings all attempts to them, if there is one.

    What storage does not take now is done at the next call.
    """

    def __init__(
        self,
        storage: SharedStorage,
        ledger: Ledger,
        capacity: Capacity,
        labels: Collection[str],
        announce: Callable[..., None],
        courier: Courier | None = None,
    ) -> None:
        self._storage = storage
        self._ledger = ledger
        self._capacity = capacity
        self._labels = frozenset(labels)
        self._announce, self._courier = announce, courier
        self._called = True
        self._look = False
        self._offering: list[Attempt] = []
        self._stopping: dict[str, list[Attempt]] = defaultdict(list)
        self._lines: dict[tuple[str, str, int], tuple[Attempt, list[tuple[str, str]]]] = {}
        self._letters: list[Message] = []
        self._told: list[tuple[Attempt, int]] = []
        self._withdrawn: list[Attempt] = []
        self._astray: list[Offer] = []
        self._overlooked: set[tuple[str, str, int]] = set()

    def is_ours(self, task: Task) -> bool:
        return self._courier is not None or task.runs_on in ("", *self._labels)

    def hear(self, others: int) -> None:
        if self._courier is None:
            self._capacity.offers = others
        else:
            self._resend(self._courier)

    def overlooked(self) -> Sequence[Line]:
        if self._courier is not None or not self._capacity.offered:
            return ()
        idle = {offer.key for offer in self._storage.idle_offers(self._ledger.owner, PATIENCE)}
        offered = {key for key, attempt in self._ledger.attempts.items() if attempt.offered}
        new = (idle & offered) - self._overlooked
        self._overlooked = self._overlooked & offered | new
        return [_complaint(self._ledger.attempts[key]) for key in sorted(new)]

    def call(self) -> None:
        self._called = self._look = True

    def put(self, attempts: Sequence[Attempt]) -> None:
        self._offering += attempts

    def stop(self, attempt: Attempt, reason: str) -> None:
        if attempt in self._offering:
            self._offering.remove(attempt)
            self._withdrawn.append(attempt)
        else:
            self._stopping[reason].append(attempt)

    def tell(self, news: Ended | Line) -> None:
        if isinstance(news, Line):
            lines = self._lines.setdefault(news.attempt.key, (news.attempt, []))[1]
            lines.append((news.level, news.message))
        else:
            self._write_lines()
            self._letters.append(outcome_letter(news.attempt, news.outcome))

    def take(self, now: int) -> Sequence[Attempt]:
        taken, self._astray = self._astray[: self._room], self._astray[self._room :]
        free = self._room - len(taken)
        if self._called and free > 0 and self._courier is None:
            new = self._storage.take_offers(self._ledger.owner, self._labels, free)
            self._called = len(new) == free
            taken += new
        return list(self._received(taken, now))

    @property
    def restless(self) -> bool:
        return bool(self._astray) and self._room > 0

    @property
    def _room(self) -> int:
        """For how many guests there is room; what a courier brings has room by itself, what was its too."""
        if self._courier is not None:
            return len(self._astray)
        return max(0, self._capacity.tasks - self._capacity.busy)

    def receive(self, offer: Offer, now: int) -> Sequence[Attempt]:
        taken = self._storage.take_offers(self._ledger.owner, [offer.label], 1, offer)
        return list(self._received(taken, now))

    def lost(self) -> Sequence[Offer]:
        return self._storage.lost_offers(self._ledger.owner) if self._look else ()

    def flush(self) -> Sequence[Attempt]:
        try:
            self._send_offers()
            self._send_letters()
            self._send_stops()
            if self._look:
                self._heed()
                self._look = False
        except WorkflowError as error:
            log.warning("other servers cannot be given work, or told of it, now: %s", error)
        withdrawn, self._withdrawn = self._withdrawn, []
        return withdrawn

    def _received(self, taken: Sequence[Offer], now: int) -> Iterator[Attempt]:
        for offer in taken:
            attempt = prepared(self._storage, self._ledger.library, offer, now)
            if isinstance(attempt, Attempt):
                yield attempt
            else:
                self._letters.append(attempt)

    def _send_offers(self) -> None:
        if self._offering:
            self._storage.offer([*map(_offer, self._offering)])
            offering, self._offering = self._offering, []
            if self._courier is None:
                self._announce("offers")
            else:
                for attempt in offering:
                    self._courier.dispatch(attempt.job)

    def _resend(self, courier: Courier) -> None:
        """Those whose message was lost are carried again."""
        for offer in self._storage.idle_offers(self._ledger.owner, courier.resend):
            attempt = self._ledger.attempts.get(offer.key)
            if attempt is not None:
                courier.dispatch(attempt.job)

    def _send_letters(self) -> None:
        self._write_lines()
        if self._letters:
            owners = self._storage.deliver(self._ledger.owner, self._letters)
            self._letters.clear()
            for attempt, count in self._told:
                for _ in range(count):
                    attempt.room.release()
            self._told.clear()
            for owner in owners:
                self._announce("inbox", owner)

    def _write_lines(self) -> None:
        for attempt, lines in self._lines.values():
            attempt.letters += 1
            self._letters.append(lines_letter(attempt, attempt.letters, lines))
            self._told.append((attempt, len(lines)))
        self._lines.clear()

    def _send_stops(self) -> None:
        while self._stopping:
            reason, attempts = next(iter(self._stopping.items()))
            free = {offer.key for offer in self._storage.stop_offers([*map(_offer, attempts)], reason)}
            self._withdrawn += [attempt for attempt in attempts if attempt.key in free]
            del self._stopping[reason]
            self._announce("offers")

    def _heed(self) -> None:
        """Stop the guests that shall stop, and those that nobody waits for any more; find those gone astray.

        These were taken in a turn that failed.
        """
        held = {offer.key: offer for offer in self._storage.held_offers(self._ledger.owner)}
        for key, attempt in list(self._ledger.guests.items()):
            offer = held.get(key)
            if offer is None:
                attempt.stop("shutdown")
            elif offer.stop:
                attempt.stop(offer.stop)
        known = self._ledger.guests.keys() | {_place(message) for message in self._letters}
        self._astray = [offer for key, offer in held.items() if key not in known]


def _place(message: Message) -> tuple[str, str, int]:
    return message.execution, message.path, message.attempt


def _offer(attempt: Attempt) -> Offer:
    return Offer(*attempt.key, attempt.task.runs_on)


def _complaint(attempt: Attempt) -> Line:
    label = attempt.task.runs_on
    which = f"server with the label {label!r}" if label else "server"
    message = f"no {which} has taken it in {PATIENCE:g} s: there is none, or it has no room"
    return Line(attempt, "WARNING", message)
