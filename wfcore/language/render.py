"""Values as text: what templates join, and the JSON that lists and mappings become."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from wfcore.language import words

if TYPE_CHECKING:
    from wfcore.language.evaluation import Evaluation

MAX_DEPTH: Final = 128


def text(evaluation: Evaluation, value: Any) -> str:
    """The value within a text: null is empty, lists and mappings are JSON, dates ISO 8601, durations seconds.

    Raises ValueError for what has no text.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, dict)):
        return to_json(evaluation, value)
    if isinstance(value, bytes):
        return value.decode()
    return str(plain(value))


def to_json(evaluation: Evaluation, value: Any, indent: int | None = None) -> str:
    """JSON (RFC 8259), within the evaluation's limits. Raises ValueError for what has none."""
    measure(evaluation, value)
    separators = (",", ":") if indent is None else None
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, default=plain, indent=indent, separators=separators
    )


def measure(evaluation: Evaluation, value: Any) -> None:
    """Account for all of a value before it is written out. Raises Fault, or ValueError when too deep."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
        evaluation.charge(len(level))
        below: list[Any] = []
        size = 0
        for item in level:
            if isinstance(item, (str, bytes)):
                size += len(item) + 2
            elif isinstance(item, dict):
                size += sum(map(len, item)) + 4 * len(item) + 2
                below.extend(item.values())
            elif isinstance(item, list):
                size += len(item) + 2
                below.extend(item)
            else:
                size += 8
        evaluation.produce(size)
        level = below


def plain(value: Any) -> Any:
    """The JSON form of the kinds that JSON has not: ISO 8601, seconds, ``{"$bytes": base64}``."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    raise ValueError(f"{words.kind(value)} has no JSON form")
