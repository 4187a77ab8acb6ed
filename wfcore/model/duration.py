"""Durations as people write them, in seconds."""

from __future__ import annotations

import re
from typing import Any, Final

#: Seconds in each unit of the short form.
UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
#: Longer durations are mistakes; the limit also keeps every time in the calendar.
LONGEST: Final = 100 * 366 * 86400.0

_NUMBER: Final = r"[0-9]{1,18}(?:\.[0-9]{1,9})?"
_PLAIN: Final = re.compile(_NUMBER)
_PART: Final = re.compile(rf"({_NUMBER}) ?(ms|s|m|h|d|w)")
_SHORT: Final = re.compile(rf"{_PART.pattern}(?: ?{_PART.pattern})*")
_ISO: Final = re.compile(
    rf"P(?=.*[0-9])(?:(?P<w>{_NUMBER})W)?(?:(?P<d>{_NUMBER})D)?"
    rf"(?:T(?=[0-9])(?:(?P<h>{_NUMBER})H)?(?:(?P<m>{_NUMBER})M)?(?:(?P<s>{_NUMBER})S)?)?",
)


def parse(value: Any) -> float:
    """Seconds of ``90``, ``1.5``, ``"250ms"``, ``"1h30m"`` or ISO 8601 ``"PT1H30M"`` (no months, no years).

    Raises ValueError on anything else, on a negative duration and on one above 100 years.
    """
    seconds = _text(value.strip()) if isinstance(value, str) else _number(value)
    if seconds is None:
        raise ValueError(
            f"{_shown(value)} is no duration; write 30s, 5m, 1h30m, 2d, PT5M or a number of seconds"
        )
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"{_shown(value)} is no duration between 0 and 100 years")
    return seconds


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        return None
    return float(max(-1.0, min(value, LONGEST + 1)))


def _text(text: str) -> float | None:
    if _PLAIN.fullmatch(text):
        return float(text)
    if _SHORT.fullmatch(text):
        return sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))
    if match := _ISO.fullmatch(text):
        return sum(float(number) * UNITS[unit] for unit, number in match.groupdict("0").items())
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
