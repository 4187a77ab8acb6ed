"""Query parameters: each is declared once, and that reads it, checks it and documents it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from wfcore.errors import UsageError
from wfcore.model.execution import EXECUTION_STATES
from wfcore.model.times import EPOCH

if TYPE_CHECKING:
    from falcon import Request


#: The longest Idempotency-Key.
KEY_LIMIT: Final = 255
#: The most executions that one request begins.
BATCH_LIMIT: Final = 1000
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_DECIMAL: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class Param:
    """A query parameter. ``parse`` raises ValueError with what is expected; ``schema`` is JSON Schema."""

    name: str
    description: str
    parse: Callable[[str], Any]
    schema: Mapping[str, Any] = field(default_factory=dict)
    default: Any = None

    def read(self, request: Request) -> Any:
        """Its value in this request, or the default. Raises UsageError."""
        given = request.params.get(self.name)
        if not given:
            return self.default
        try:
            if isinstance(given, list):
                raise ValueError("given only once")
            return self.parse(given)
        except ValueError as error:
            raise UsageError(
                f"the query parameter {self.name}={given!r} is not valid", remedy=f"it must be {error}"
            ) from None


def text(name: str, description: str, *, limit: int = 255, default: str | None = None) -> Param:
    """A short printable text."""

    def parse(given: str) -> str:
        if len(given) > limit or not given.isprintable():
            raise ValueError(f"at most {limit} printable characters")
        return given

    return Param(name, description, parse, {"type": "string", "maxLength": limit}, default)


def execution(name: str, description: str) -> Param:
    """The id of an execution."""

    def parse(given: str) -> str:
        if not _ID.fullmatch(given):
            raise ValueError("the id of an execution")
        return given

    return Param(name, description, parse, {"type": "string", "pattern": f"^{_ID.pattern}$"})


def number(
    name: str, description: str, low: int, high: int, *, default: float, kind: Callable[[str], float] = int
) -> Param:
    """A whole number (or with ``kind=float`` any) from ``low`` to ``high``."""
    word, pattern = ("integer", _WHOLE) if kind is int else ("number", _DECIMAL)

    def parse(given: str) -> float:
        value = kind(given) if pattern.fullmatch(given) else -1
        if not low <= value <= high:
            raise ValueError(f"{'a whole number' if kind is int else 'a number'} from {low} to {high}")
        return value

    return Param(name, description, parse, {"type": word, "minimum": low, "maximum": high}, default)


def flag(name: str, description: str) -> Param:
    """``true`` or ``false``."""

    def parse(given: str) -> bool:
        if given not in ("true", "false"):
            raise ValueError("true or false")
        return given == "true"

    return Param(name, description, parse, {"type": "boolean"}, False)


def words(name: str, description: str, known: Sequence[str]) -> Param:
    """One or more of ``known``, with commas between."""

    def parse(given: str) -> tuple[str, ...]:
        parts = tuple(given.split(","))
        if not set(parts) <= set(known):
            raise ValueError(f"one or more of {','.join(known)}")
        return parts

    items = {"type": "string", "enum": list(known)}
    return Param(name, description, parse, {"type": "array", "items": items}, ())


def moment(name: str, description: str) -> Param:
    """A time as RFC 3339 text; read as UTC microseconds."""

    def parse(given: str) -> int:
        try:
            at = datetime.fromisoformat(given)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise ValueError("a time with its zone, such as 2026-01-31T12:00:00Z")
        return (at - EPOCH) // timedelta(microseconds=1)

    return Param(name, description, parse, {"type": "string", "format": "date-time"})


FILE: Final = text("file", "The file's name, for messages and a missing `id`.", default="workflow.yaml")
DRY_RUN: Final = flag("dry_run", "Say what would change, and change nothing.")
SCOPE: Final = text("scope", "The namespace or the workflow, `NAMESPACE/ID`, that alone has it.")
NAMESPACE: Final = text("namespace", "Only this namespace.")
WORKFLOW: Final = text("workflow", "Only executions of the workflow with this id.")
STATE: Final = words("state", "Only executions in these states.", EXECUTION_STATES)
BEFORE: Final = execution("before", "Only executions older than this one: the `next` of the last page.")
COUNT: Final = number("limit", "How many executions at most.", 1, 1000, default=50)
PART: Final = text(
    "part", "Which value: `outputs`, `inputs` or `trigger`; of a task `output` or `meta`.", default=""
)
TASK: Final = text("task", "The path of a task.", limit=1000, default="")
NAME: Final = text("name", "Only this package.")
WORDS: Final = text("words", "What names or descriptions must have; all packages without it.")
ACTOR: Final = text("actor", "Only what this one did, such as `token/ci`.")
ACTION: Final = text("action", "Only this action, such as `workflow.apply`, or this family: `workflow`.")
SINCE: Final = moment("since", "Only what is not older.")
UNTIL: Final = moment("until", "Only what is older.")
PLACE: Final = text("before", "Where to go on: the `next` of the last page.", limit=1000)
ENTRIES: Final = number("limit", "How many entries at most.", 1, 1000, default=50)
SERVER: Final = text("server", "Whose log, as `verify` names it.", limit=1000, default="")
VERSION: Final = text("version", "Only this version.")
FORCE: Final = flag("force", "Also while it is in use; what needs it will fail.")
AFTER: Final = number("after", "Only what has a higher `seq`.", 0, 2**53, default=0)
LIMIT: Final = number("limit", "How many entries at most.", 1, 10_000, default=1000)
WAIT_NEWS: Final = number(
    "wait", "Seconds to wait when there is nothing new.", 0, 30, default=0.0, kind=float
)
WAIT_END: Final = number("wait", "Seconds to wait for the execution to end.", 0, 10, default=0.0, kind=float)


def idempotency_key(request: Request) -> str | None:
    """The header Idempotency-Key, None without one. Raises UsageError."""
    return sound_key(request.env.get("HTTP_IDEMPOTENCY_KEY"), "the header Idempotency-Key")


def sound_key(key: Any, where: str) -> str | None:
    """A key as it was given there, if any. Raises UsageError."""
    if key is None:
        return None
    if isinstance(key, str) and 0 < len(key) <= KEY_LIMIT and key.isascii() and key.isprintable():
        return key
    raise UsageError(f"{where} is not valid", remedy=f"send 1 to {KEY_LIMIT} printable ASCII characters")
