"""How the pack reads inputs and shows values, in one place so that all actions do it alike."""

from __future__ import annotations

import base64
import json
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from wfcore.api import InvalidInput, parse_duration


def seconds(value: Any, name: str) -> float:
    """A duration input in seconds: text (``1m30s``), a number, or a duration. Raises InvalidInput."""
    try:
        return value.total_seconds() if isinstance(value, timedelta) else parse_duration(value)
    except ValueError as error:
        raise InvalidInput(f"{name}: {error}") from None


def scalar(value: Any, name: str) -> str:
    """A value as the text of a header, a query or a form. Raises InvalidInput for what has no such text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    raise InvalidInput(f"{name}: {type(value).__name__} has no plain text; give text, a number or a boolean")


def plain(value: Any) -> Any:
    """A value from a database driver as JSON can hold it: times in ISO 8601, durations in seconds.

    A decimal is a number if no digit is lost, else text; bytes stay bytes.
    """
    if value is None or isinstance(value, bool | int | str | bytes):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, date | time):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)


def _number(value: Decimal) -> Any:
    if not value.is_finite():
        return str(value)
    if value.adjusted() < 18 and value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def as_bytes(value: Any) -> bytes | None:
    """The bytes of a bytes value, also in the form in which outputs keep them; None for anything else."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict) and list(value) == ["$bytes"]:
        try:
            return base64.b64decode(value["$bytes"], validate=True)
        except (TypeError, ValueError):
            return None
    return None


def to_json(value: Any, name: str) -> str:
    """Compact JSON text; times in ISO 8601, durations in seconds, bytes in base64. Raises InvalidInput."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_special)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{name}: it cannot be written as JSON: {error}") from None


def _special(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
