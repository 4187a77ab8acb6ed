"""Actions that steer an execution or speak about it, without touching the world outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from wfcore.api import Action, InvalidInput, Result, TaskContext, TerminalError
from wfcore_plugins.actions.core.values import seconds, to_json

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_TYPE = {"type": "string", "regex": "[A-Za-z][A-Za-z0-9_.-]{0,63}"}


def actions() -> Sequence[Action]:
    """log, set, fail, assert and wait."""
    text = {"nullable": True}
    return (
        Action(
            "log",
            _log,
            {"message": {"required": True, **text}, "level": {"type": "string", "allowed": list(_LEVELS)}},
            "Add a line to the execution's log.",
        ),
        Action("set", _set, {}, "Return its inputs as output; any inputs are accepted.", "kept"),
        Action("fail", _fail, {"message": {"required": True, **text}, "type": _TYPE}, "End as failed."),
        Action(
            "assert",
            _assert,
            {"that": {"required": True, **text}, "message": text},
            "Fail unless `that` is true.",
            secrets="refused",
        ),
        Action(
            "wait",
            _wait,
            {"for": {"excludes": "until", "required": True}, "until": {"excludes": "for", "required": True}},
            "Wait for a time, durably and without using a worker.",
        ),
    )


def _shown(value: Any, name: str) -> str:
    return value if isinstance(value, str) else to_json(value, name)


def _log(inputs: Mapping[str, Any], task: TaskContext) -> None:
    task.log(_shown(inputs["message"], "message"), inputs.get("level", "INFO"))


def _set(inputs: Mapping[str, Any], task: TaskContext) -> dict[str, Any]:  # noqa: ARG001
    return dict(inputs)


def _fail(inputs: Mapping[str, Any], task: TaskContext) -> None:  # noqa: ARG001
    raise TerminalError(_shown(inputs["message"], "message"), kind=inputs.get("type", "failed"))


def _assert(inputs: Mapping[str, Any], task: TaskContext) -> bool:  # noqa: ARG001
    if not inputs["that"]:
        message = inputs.get("message")
        text = (
            f"`that` is {to_json(inputs['that'], 'that')}" if message is None else _shown(message, "message")
        )
        raise TerminalError(text, kind="assertion")
    return True


def _wait(inputs: Mapping[str, Any], task: TaskContext) -> Result:
    """The output is the time at which the wait ends, so that later tasks can tell how late they are."""
    if "until" in inputs:
        end = _instant(inputs["until"])
    else:
        end = datetime.fromtimestamp(task.clock.now() / 1e6, UTC)
        end += timedelta(seconds=seconds(inputs["for"], "for"))
    micros = (end - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return Result({"until": end.isoformat()}, wait_until=micros)


def _instant(value: Any) -> datetime:
    """A time in UTC; one without an offset is taken as UTC."""
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(f"until: {value!r} is no time; write it as 2030-01-31T12:00:00Z") from None
