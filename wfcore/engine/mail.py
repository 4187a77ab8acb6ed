"""What reaches the owner of executions; it is dealt with in order of arrival."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event

from wfcore.engine.attempt import Attempt
from wfcore.engine.plan import Plan
from wfcore.engine.timers import Timer
from wfcore.model.execution import ExecutionRecord
from wfcore.model.nodes import Offer
from wfcore.model.outcome import Outcome
from wfcore.model.records import Message, Tick
from wfcore.model.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Submission:
    """A new execution. The reply is its row once that is durable, None when key or tick was used before."""

    record: ExecutionRecord
    workflow: Workflow
    plan: Plan
    tick: Tick | None
    blobs: tuple[str, ...]
    reply: Future[ExecutionRecord | None]


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt has come back."""

    attempt: Attempt
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Line:
    """A line for an execution's log."""

    attempt: Attempt
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """There is a cancel in the inbox of an execution of ours, whose sender waits.

    The reply is True once it has been taken, False when the execution had ended, None when it turns out
    to be another server's by now.
    """

    execution: str
    reply: Future[bool | None]


@dataclass(frozen=True, slots=True)
class Inbox:
    """There may be new messages in the inboxes of this server's executions."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message of the inbox."""

    message: Message


@dataclass(frozen=True, slots=True)
class Asked:
    """An execution has asked for permits: perhaps it has to wait for some."""

    execution: str


@dataclass(frozen=True, slots=True)
class Adopt:
    """There may be executions whose server is dead."""


@dataclass(frozen=True, slots=True)
class Room:
    """There may be workflow ``slots`` to have, and executions that wait for any server if ``queued``."""

    queued: bool = False
    slots: bool = True


@dataclass(frozen=True, slots=True)
class Want:
    """Another server, which has ``held`` workflow slots, wants ``count`` more."""

    count: int
    held: int


@dataclass(frozen=True, slots=True)
class Offers:
    """There may be offers to take, to stop or to miss, if ``call``.

    The other servers may run ``others`` attempts at once, if that is known.
    """

    call: bool = True
    others: int | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """A thread would run this attempt. The reply is the attempt, None when it is not to be had."""

    offer: Offer
    reply: Future[Attempt | None]


@dataclass(frozen=True, slots=True)
class Reload:
    """Others took this server for dead: enter again, and read which executions are still its own."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Start nothing more; attempts that run are stopped when ``hard``.

    Once it is ``heard``, every attempt that will ever be started is in flight.
    """

    hard: bool = False
    heard: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True)
class Halt:
    """Leave the loop."""


Mail = (
    Submission
    | Ended
    | Line
    | CancelRequest
    | Inbox
    | Letter
    | Asked
    | Adopt
    | Room
    | Want
    | Offers
    | Take
    | Reload
    | Drain
    | Halt
)


def execution_of(event: Mail | Timer) -> str:
    """The id of the execution that an event is about; empty when it is about none."""
    match event:
        case Submission(record=record):
            return record.id
        case Ended(attempt=attempt) | Line(attempt=attempt):
            return attempt.job.execution
        case Letter(message=message):
            return message.execution
        case CancelRequest(execution=execution) | Asked(execution=execution) | Timer(execution=execution):
            return execution
    return ""
