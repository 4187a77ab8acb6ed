"""After a turn that failed: what comes again, in which order, how soon, and whose fault it was."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from wfcore.engine.ledger import Ledger
from wfcore.engine.mail import Ended, Line, Mail, Submission, Take, execution_of
from wfcore.engine.timers import Timer
from wfcore.errors import Unavailable

log = logging.getLogger("workflow.owner")
#: An execution that alone makes a commit fail so many times in a row is at fault.
SUSPICIONS = 5
#: Seconds before the next turn after the first failure, and at the most.
SHORTEST, LONGEST = 0.05, 5.0


@dataclass(slots=True)
class Recovery:
    """What a storage refuses for another reason than being unavailable is the fault of one execution.

    Then the same events come again one by one, ``singly``, and the one that keeps failing alone is it: it
    is ``condemned`` (by id, with the reason). While ``stale``, memory may differ from storage.
    """

    ledger: Ledger
    condemned: dict[str, str]
    stale: bool = False
    _again: deque[Mail] = field(default_factory=deque)
    _singly: int = 0
    _suspicions: Counter[str] = field(default_factory=Counter)
    _failures: int = 0

    @property
    def pause(self) -> float:
        """Seconds to let pass before the next turn: the longer, the more often storage has failed."""
        return min(LONGEST, SHORTEST * 2 ** min(self._failures - 1, 10)) if self.stale else 0.0

    @property
    def singly(self) -> bool:
        """Whether the next turn shall be about one event alone."""
        return self._singly > 0

    def next_again(self, most: int) -> list[Mail | Timer]:
        """Up to so many pieces of mail that come again, before what has arrived after them."""
        return [self._again.popleft() for _ in range(min(most, len(self._again)))]

    def well(self, events: Iterable[Mail | Timer]) -> None:
        """A turn about these events has been made durable."""
        self._failures = 0
        self._singly = max(0, self._singly - 1)
        for event in events if self._suspicions else ():
            self.acquit(execution_of(event))

    def acquit(self, execution: str) -> None:
        """It can do no more harm: it has ended, or is another server's."""
        self._suspicions.pop(execution, None)

    def failed(self, events: Sequence[Mail | Timer], error: Exception) -> None:
        """Nothing of this turn was written: its events come again, once all has been read again."""
        _tell("the owner could not finish a turn; it starts again from storage", error)
        if not isinstance(error, Unavailable):
            self._singly = len(events) + 1
            if len(events) == 1:
                self._suspect(events[0], error)
        self._again.extendleft(event for event in reversed(events) if self._comes_again(event))
        self.stale = True
        self._failures += 1

    def reloaded(self, error: Exception | None = None) -> None:
        """All has been read again, or could not be for this error."""
        if error is not None:
            _tell("storage is not usable; trying again", error)
            self._failures += 1
            return
        self.stale = False
        self.condemned.clear()

    def _suspect(self, event: Mail | Timer, error: Exception) -> None:
        execution = execution_of(event)
        if not execution or isinstance(event, Submission):
            return  # it is about none, or about one that is not there and does not come again
        self._suspicions[execution] += 1
        if self._suspicions[execution] >= SUSPICIONS:
            self.condemned[execution] = f"{type(error).__name__}: {error}"

    def _comes_again(self, event: Mail | Timer) -> TypeGuard[Mail]:
        """Whether the event comes again; if not, somebody is told so."""
        if isinstance(event, Submission | Take):
            if not event.reply.done():
                remedy = "see the server's log; the same request may succeed later"
                event.reply.set_exception(Unavailable("the server could not record this", remedy=remedy))
        elif isinstance(event, Ended):
            known = self.ledger.guests if event.attempt.guest else self.ledger.attempts
            known.setdefault(event.attempt.key, event.attempt)
        elif isinstance(event, Line):
            event.attempt.room.acquire(blocking=False)  # it has not arrived
        return not isinstance(event, Submission | Take | Timer)  # timers are set anew from the rows


def _tell(what: str, error: Exception) -> None:
    """Of storage that is away one line each time, of a bug all there is."""
    if isinstance(error, Unavailable):
        log.warning("%s: %s", what, error)
    else:
        log.error("%s", what, exc_info=error)
