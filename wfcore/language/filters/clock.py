"""Functions without a value before the pipe: the recorded time, recorded identities and number ranges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from wfcore.language.evaluation import Evaluation
from wfcore.language.filters import ask

_FAR: Final = 2**53


def now(evaluation: Evaluation) -> datetime:
    """The recorded time of the task's start, in UTC; the same again when the task is tried again."""
    return evaluation.now()


def uuid(evaluation: Evaluation) -> str:
    """A UUID that is new in each place, and the same again when the task is tried again."""
    return evaluation.uuid()


def range_(evaluation: Evaluation, start: int, stop: int | None = None, step: int = 1) -> list[int]:
    """Whole numbers from ``start`` (or 0, with one argument) up to, without, ``stop``."""
    first, last = (0, start) if stop is None else (start, stop)
    first, last = ask.whole(first, "the start", -_FAR, _FAR), ask.whole(last, "the stop", -_FAR, _FAR)
    pace = ask.whole(step, "the step", 1, _FAR)
    evaluation.charge(max(0, last - first) // pace + 1)
    return list(range(first, last, pace))


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {"now": now, "uuid": uuid, "range": range_}
