"""One evaluation: what it may see, and how much it may still do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import thread_time
from typing import Any, Final
from uuid import UUID, uuid5

from wfcore.errors import ExpressionError
from wfcore.language import words
from wfcore.model.secret import Secret
from wfcore.model.values import Lazy, Scope

#: Elements that operators and filters may touch, and characters they may make, per evaluation.
MAX_STEPS: Final = 200_000
MAX_TEXT: Final = 1024 * 1024
#: Processor time for what no count foresees; nothing sane comes near it.
MAX_SECONDS: Final = 2.0
#: Integers that operators make stay below this.
MAX_INTEGER: Final = 2**128
#: Lazy values stand at most this many keys below ``roots``.
LAZY_DEPTH: Final = 2

_NAMESPACE: Final = UUID("6d4a6d8e-56c4-4f0f-9d0c-4a9b8f1c2e77")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Fault(Exception):
    """An operator or a filter cannot do what it is asked; whoever called it knows the place."""


class Missing(Exception):
    """A key or an index is not there; ``??`` catches it, else it becomes an ExpressionError.

    The message is made by whoever shows it: nearly always it is caught.
    """

    def __init__(self, value: Any, key: Any = None, offset: int = 0) -> None:
        super().__init__()
        self.value = value
        self.key = key
        self.offset = offset

    @property
    def message(self) -> str:
        """What is missing, with the nearest key that is there."""
        key = words.quoted(self.key)
        match self.value:
            case None:
                return f"cannot read {key} of null"
            case Secret():
                return f"there is no {key} in a secret"
            case dict():
                return f"there is no key {key}{_advice(self.key, self.value)}"
            case _ if self.value:
                return f"there is no index {key} in {words.kind(self.value)} of {len(self.value)}"
        return f"{words.kind(self.value)} is empty; '??' gives another value"


class Unset(Missing):
    """A secret that no provider has."""

    @property
    def message(self) -> str:
        """What is not set, and how to set it."""
        return f"the secret {words.quoted(self.key)} is not set; `workflow secret set {self.key}` does it"


def _advice(key: Any, known: Mapping[str, Any]) -> str:
    near = words.hint(key, known)
    if near or not known:
        return near or "; the mapping is empty"
    return f"; the keys are {words.listed(known)}" if len(known) <= 12 else ""


class Evaluation:
    """The state of one evaluation, shared by all templates of one tree."""

    __slots__ = ("_started", "_steps", "_text", "_uuids", "roots", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.roots = scope.roots
        self._steps = MAX_STEPS
        self._text = MAX_TEXT
        self._uuids = 0
        self._started: float | None = None

    def charge(self, steps: int) -> None:
        """Account for so many elements touched. Raises Fault beyond MAX_STEPS."""
        self._steps -= steps
        if self._steps < 0:
            raise Fault(f"takes more than {MAX_STEPS} steps")

    def scan(self, length: int) -> None:
        """Account for reading a text of this many characters, which is cheaper than touching elements."""
        self.charge(length // 256 + 1)

    def watch(self) -> None:
        """Look at the clock, within a loop of work that varies. Raises Fault beyond MAX_SECONDS."""
        now = thread_time()
        if self._started is None:
            self._started = now
        if now - self._started > MAX_SECONDS:
            raise Fault(f"takes more than {MAX_SECONDS:g} s")

    def produce(self, characters: int) -> None:
        """Account for text that is about to be made. Raises Fault beyond MAX_TEXT."""
        self._text -= characters
        if self._text < 0:
            raise Fault(f"makes more than {MAX_TEXT} characters of text")

    def now(self) -> datetime:
        """The recorded time, in UTC."""
        try:
            return _EPOCH + timedelta(microseconds=self.scope.now)
        except OverflowError:
            raise Fault("the recorded time is outside the calendar") from None

    def uuid(self) -> str:
        """The next of the UUIDs (version 5, RFC 9562) that follow from the recorded seed."""
        self._uuids += 1
        return str(uuid5(_NAMESPACE, f"{self.scope.seed}/{self._uuids}"))

    def root(self, name: str, offset: int) -> Any:
        """The value of a root. Raises ExpressionError for one that is not in scope."""
        try:
            value = self.roots[name]
        except KeyError:
            known = words.hint(name, self.roots) or f"; known are {words.listed(sorted(self.roots))}"
            raise ExpressionError(f"unknown name {words.quoted(name)}{known}", offset=offset) from None
        return plain(value)


def plain(value: Any) -> Any:
    """The value itself: a lazy one is fetched, a read-only mapping copied."""
    if type(value) is Lazy:
        value = value.get()
    if not isinstance(value, dict) and isinstance(value, Mapping):
        return dict(value)
    return value


def settled(value: Any, levels: int) -> Any:
    """The value with every lazy one in ``levels`` levels of mappings below it fetched."""
    if type(value) is Lazy:
        return plain(value)
    if levels and isinstance(value, Mapping):
        return {key: settled(below, levels - 1) for key, below in value.items()}
    return value
