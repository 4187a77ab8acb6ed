"""How what an attempt did on another server is told to the owner of its execution: messages of its inbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from wfcore.engine.attempt import Attempt
from wfcore.model.execution import Error
from wfcore.model.nodes import Offer
from wfcore.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded, Suspended
from wfcore.model.records import Message

OUTCOME: Final = "outcome"
#: A message with lines of the log has this and its number as its kind.
LINES: Final = "lines/"

_KINDS: Final[Mapping[str, Callable[..., Outcome]]] = {
    kind.__name__: kind for kind in (Succeeded, Failed, Suspended, Skipped, Cancelled)
}


def outcome_letter(attempt: Attempt, outcome: Outcome) -> Message:
    """That the attempt has ended, and how."""
    job = attempt.job
    return Message(
        job.execution, OUTCOME, job.path, job.attempt, {"is": type(outcome).__name__, **asdict(outcome)}
    )


def failure_letter(offer: Offer, why: str) -> Message:
    """That the attempt of an offer cannot be run where it was taken."""
    error = Error("bug", f"cannot be run: {why}", offer.path, offer.attempt)
    return Message(*_place(offer), {"is": "Failed", **asdict(Failed(error))})


def _place(offer: Offer) -> tuple[str, str, str, int]:
    return offer.execution, OUTCOME, offer.path, offer.attempt


def outcome_of(message: Message) -> Outcome:
    """What such a message says."""
    values = dict(message.body)
    kind = _KINDS[values.pop("is")]
    if "error" in values:
        values["error"] = Error(**values["error"])
    if "blobs" in values:
        values["blobs"] = tuple(values["blobs"])
    return kind(**values)


def lines_letter(attempt: Attempt, number: int, lines: Sequence[tuple[str, str]]) -> Message:
    """Lines (level, text) of the attempt's log, in order; ``number`` is one for each such message."""
    job = attempt.job
    return Message(job.execution, f"{LINES}{number}", job.path, job.attempt, {"lines": [*lines]})


def lines_of(message: Message) -> Sequence[tuple[str, str]]:
    """What such a message says."""
    lines: Sequence[Any] = message.body["lines"]
    return [(level, text) for level, text in lines]
