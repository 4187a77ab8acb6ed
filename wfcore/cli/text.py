"""How times, durations and states look to a person."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from wfcore.cli.output import Styled

#: State -> (sign, sign without Unicode, colour).
STATES: Final = {
    "PENDING": ("○", ".", "dim"),
    "RUNNING": ("●", ">", "cyan"),
    "WAITING": ("◷", "~", "yellow"),
    "SUCCESS": ("✓", "+", "green"),
    "FAILED": ("✗", "x", "red"),
    "CANCELLED": ("◌", "/", "yellow"),
    "SKIPPED": ("↷", "-", "dim"),
}


def state(word: str) -> Styled:
    """The state in its colour."""
    return Styled(word, STATES[word][2])


def parse_time(text: str | None) -> datetime | None:
    """A time of the API."""
    return datetime.fromisoformat(text) if text else None


def moment(text: str | None, none: str = "–") -> str:
    """A time of the API as local date and time, to the second."""
    time = parse_time(text)
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S") if time else none


def clock(time: datetime) -> str:
    """A time as local time of the day, to the millisecond."""
    return time.astimezone().strftime("%H:%M:%S.%f")[:-3]


def until(text: str | None, now: datetime | None = None) -> str:
    """A time of the API that lies ahead, with how long it is until then."""
    time = parse_time(text)
    if time is None:
        return "–"
    left = (time - (now or datetime.now(UTC))).total_seconds()
    return f"{moment(text)} ({'in ' + duration(left) if left > 0 else 'now'})"


def duration(seconds: float | timedelta | None) -> str:
    """``12ms``, ``1.24s``, ``2m05s``, ``3h04m``, ``2d03h``."""
    if seconds is None:
        return "–"
    value = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    if value < 0.9995:
        return f"{max(value, 0) * 1000:.0f}ms"
    if value < 9.995:
        return f"{value:.2f}s"
    if value < 59.95:
        return f"{value:.1f}s"
    whole = round(value)
    for big, small, of_big, of_small in ((86400, 3600, "d", "h"), (3600, 60, "h", "m"), (60, 1, "m", "s")):
        if whole >= big:
            return f"{whole // big}{of_big}{whole % big // small:02}{of_small}"
    return f"{whole}s"


def width(text: str) -> int:
    """How many columns a terminal takes for the text."""
    return sum(_columns(char) for char in text)


def cut(text: str, columns: int) -> str:
    """The text, ended by ``…`` where it would take more than ``columns``."""
    if width(text) <= columns:
        return text
    kept, used = "", 1
    for char in text:
        used += _columns(char)
        if used > columns:
            break
        kept += char
    return f"{kept}…"


def hanging(message: str, indent: int) -> str:
    """The text with its second and later lines indented."""
    return message.rstrip("\n").replace("\n", "\n" + " " * indent)


def value(data: Any) -> str:
    """A JSON value on one line, a text without its quotes."""
    import json

    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
