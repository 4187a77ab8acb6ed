"""What became of a call that did not succeed, in words and at the places that the author knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from wfcore.api import RetryableError, TaskContext, TerminalError, WorkflowError
from wfcore_plugins.runtimes.wasm import values
from wfcore_plugins.runtimes.wasm.sourcemap import SourceMap

_TYPE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MAX_MESSAGE: Final = 8 * 1024
_MAX_FRAMES: Final = 16
_MAX_NAME: Final = 200
_LONGEST: Final = 30 * 24 * 3600.0
#: What stopped a call, when its own words do not say it.
_STOPPED: Final = {
    "memory": "the code needs more memory than it may use",
    "stack": "the code calls itself too deeply",
    "trap": "the code has hit a trap",
    "output": "the result is too large",
}


def failure(kind: str, message: str, body: bytes, map: SourceMap | None, task: TaskContext) -> WorkflowError:
    """The error to raise for a call that ended so; where in its code it happened goes into the log."""
    if kind != "error":
        known = kind if kind in _STOPPED else "trap"
        detail = f": {_clean(message, 500)}" if message and known in ("trap", "output") else ""
        return TerminalError(f"{_STOPPED[known]}{detail}", kind=known)
    try:
        said = values.decode(body)
        type, text = said["type"], said["message"]
        if not isinstance(text, str) or not isinstance(type, str) or not _TYPE.fullmatch(type):
            raise ValueError("its type is no name, or its message no text")
    except (ValueError, KeyError, TypeError):
        return TerminalError("the code failed, and its error is malformed", kind="trap")
    text = text[:_MAX_MESSAGE]
    frames = list(islice(_frames(said.get("frames"), map), _MAX_FRAMES))
    for name, place in frames:
        task.log(f"  at {name} {place}" if name else f"  at {place}", "ERROR")
    if frames:
        text = f"{text} ({frames[0][1]})"
    if said.get("retryable") is True:
        return RetryableError(text, kind=type, retry_after=_seconds(said.get("retry_after")))
    return TerminalError(text, kind=type)


def _frames(frames: Any, map: SourceMap | None) -> Iterator[tuple[str, str]]:
    """The function and ``file:line:column`` of each frame, by the source map where it knows them."""
    for frame in frames if isinstance(frames, list) else ():
        if not isinstance(frame, dict):
            continue
        line, column = frame.get("line"), frame.get("column")
        if not isinstance(line, int) or not isinstance(column, int):
            continue
        found = map.place(line, column) if map else None
        file, row, start = found or (str(frame.get("file") or ""), line, column)
        yield _clean(str(frame.get("function") or "")), f"{_clean(file)}:{row}:{start}"


def _clean(text: str, most: int = _MAX_NAME) -> str:
    """On one line, without what a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text[:most]).strip()


def _seconds(given: Any) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= _LONGEST:
        return None
    return float(given)
