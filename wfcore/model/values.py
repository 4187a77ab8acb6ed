"""The values a workflow computes with, and what an expression is to the rest of the kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol

#: null, bool, int, float, str, bytes, datetime, timedelta, list or dict with text keys.
Value = Any
#: Levels that a stored value may be nested. How deep Python's JSON goes depends on how deep its caller is:
#: without a bound of our own, what one can just write another cannot read.
DEEPEST: Final = 500


class Taint(Protocol):
    """Whether secrets are about; nobody looks for them before that."""

    @property
    def seen(self) -> bool:
        """Whether a secret has been read."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may see while it is evaluated.

    ``roots`` maps a root name (``inputs vars tasks trigger execution workflow env error …``)
    to its value; a value may be a zero-argument ``Lazy`` that is read at first use.
    ``taint`` says whether a secret has come up in ``roots``; without it there can be none.
    ``now`` is the recorded time (UTC microseconds) and ``seed`` the recorded identity that
    ``now()`` and ``uuid()`` derive from, so that a replay sees the same.
    """

    roots: Mapping[str, Value]
    now: int = 0
    seed: str = ""
    taint: Taint | None = None


@dataclass(slots=True)
class Lazy:
    """A value that is fetched once, when an expression first reads it (a large stored output)."""

    fetch: Callable[[], Value]
    _cached: list[Value] = field(default_factory=list)

    def get(self) -> Value:
        """The value; the first call fetches it."""
        if not self._cached:
            self._cached.append(self.fetch())
        return self._cached[0]


class Expression(Protocol):
    """A parsed tree of templates; ``wfcore.language`` makes it, everybody else only evaluates it."""

    @property
    def references(self) -> Sequence[str]:
        """Names of the tasks that ``tasks.NAME`` mentions, in order of first mention."""

    @property
    def constant(self) -> bool:
        """True when there is no template in it: ``evaluate`` then returns the plain value."""

    def evaluate(self, scope: Scope) -> Value:
        """The value under ``scope``. Raises ExpressionError with position and reason."""


def json_form(value: Value) -> Any:
    """The JSON form of what has none: times as RFC 3339, durations as seconds, decimals as numbers.

    Raises TypeError for anything else.
    """
    match value:
        case datetime() | date() | time():
            return value.isoformat().replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case set() | frozenset() | tuple():
            return list(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def expect_shallow(value: Value, text: str) -> None:
    """Raises RecursionError for a value, whose JSON is ``text``, that is nested more than DEEPEST levels."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list | tuple)
        ]
        if not level:
            return
    raise RecursionError
