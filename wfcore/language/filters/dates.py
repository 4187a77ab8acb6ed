"""Filters for dates with time zones, and durations. A date without an offset is UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from wfcore.language import duration as durations
from wfcore.language import operators, words
from wfcore.language.evaluation import Evaluation, Fault
from wfcore.language.filters import ask

MAX_FORMAT: Final = 200
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")


def datetime_(evaluation: Evaluation, value: Any, zone: str = "UTC") -> datetime:  # noqa: ARG001
    """A date of ISO 8601 text or of seconds since 1970; ``zone`` is that of a text without offset."""
    if isinstance(value, datetime):
        return value
    if operators.number(value):
        return datetime.fromtimestamp(value, UTC)
    try:
        parsed = datetime.fromisoformat(ask.text(value).strip())
    except ValueError:
        raise Fault(f"{words.quoted(value)} is no date; write one like 2026-01-31T12:00:00Z") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=_zone(zone))


def zone(evaluation: Evaluation, value: Any, name: str) -> datetime:
    """The same moment in another time zone, such as ``Europe/Paris``."""
    return datetime_(evaluation, value).astimezone(_zone(name))


def _zone(name: Any) -> tzinfo:
    from zoneinfo import ZoneInfo

    if not _ZONE.fullmatch(ask.text(name, "the time zone")):
        raise Fault(f"{words.quoted(name)} is no time zone; write one like Europe/Paris")
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Fault(
            f"the time zone {words.quoted(name)} is not known here; write one like Europe/Paris"
        ) from None


def strftime(evaluation: Evaluation, value: Any, pattern: str, zone: str | None = None) -> str:
    """The date as text; names are English.

    ``%Y %m %d %H %M %S %f %z %Z %j %y %I %p %a %A %b %B %u %V %G %s %F %T %%``
    """
    moment = datetime_(evaluation, value)
    if zone is not None:
        moment = moment.astimezone(_zone(zone))
    if len(ask.text(pattern, "the pattern")) > MAX_FORMAT:
        raise Fault(f"a pattern has at most {MAX_FORMAT} characters")
    evaluation.produce(4 * len(pattern))
    return re.sub(r"%(.?)", lambda match: _field(moment, match[1]), pattern, flags=re.DOTALL)


def _field(moment: datetime, letter: str) -> str:
    found = _FIELDS.get(letter)
    if found is None:
        raise Fault(
            f"unknown {words.quoted('%' + letter)} in the pattern; known are {words.listed(_FIELDS, 30)}"
        )
    return found(moment)


def _offset(moment: datetime) -> str:
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    sign = "-" if seconds < 0 else "+"
    return f"{sign}{abs(seconds) // 3600:02}{abs(seconds) // 60 % 60:02}"


_FIELDS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "Y": lambda at: f"{at.year:04}",
    "m": lambda at: f"{at.month:02}",
    "d": lambda at: f"{at.day:02}",
    "H": lambda at: f"{at.hour:02}",
    "M": lambda at: f"{at.minute:02}",
    "S": lambda at: f"{at.second:02}",
    "f": lambda at: f"{at.microsecond:06}",
    "z": _offset,
    "Z": lambda at: at.tzname() or "",
    "j": lambda at: f"{at.timetuple().tm_yday:03}",
    "y": lambda at: f"{at.year % 100:02}",
    "I": lambda at: f"{at.hour % 12 or 12:02}",
    "p": lambda at: "PM" if at.hour >= 12 else "AM",
    "a": lambda at: _DAYS[at.weekday()][:3],
    "A": lambda at: _DAYS[at.weekday()],
    "b": lambda at: _MONTHS[at.month - 1][:3],
    "B": lambda at: _MONTHS[at.month - 1],
    "u": lambda at: str(at.isoweekday()),
    "V": lambda at: f"{at.isocalendar().week:02}",
    "G": lambda at: f"{at.isocalendar().year:04}",
    "s": lambda at: str(int(at.timestamp())),
    "F": lambda at: at.date().isoformat(),
    "T": lambda at: f"{at.hour:02}:{at.minute:02}:{at.second:02}",
    "%": lambda _: "%",
}


def timestamp(evaluation: Evaluation, value: Any) -> int | float:
    """Seconds since 1970, whole where they are."""
    seconds = datetime_(evaluation, value).timestamp()
    return int(seconds) if seconds == int(seconds) else seconds


def start_of(evaluation: Evaluation, value: Any, unit: str) -> datetime:
    """The first moment of its ``year``, ``month``, ``week`` (Monday), ``day``, ``hour`` or ``minute``."""
    moment = datetime_(evaluation, value)
    units = ("minute", "hour", "day", "week", "month", "year")
    if unit not in units:
        raise Fault(f"the unit must be one of {words.listed(units)}{words.hint(unit, units)}")
    size = units.index(unit)
    fields = {"second": 0, "microsecond": 0, "minute": 0, "hour": 0, "day": 1, "month": 1}
    keep = 2 + min(size, 1) + (size >= 2) + (size >= 4) + (size >= 5)
    start = moment.replace(**dict(list(fields.items())[:keep]), fold=0)  # type: ignore[arg-type]
    return start - timedelta(days=moment.weekday()) if unit == "week" else start


def duration(evaluation: Evaluation, value: Any) -> timedelta:  # noqa: ARG001
    """A duration of ``1h30m``, ISO 8601 text or seconds, to add to a date or to subtract from it."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, (str, int, float)):
        return timedelta(seconds=durations.parse(value))
    raise Fault(f"{words.kind(value)} is no duration; write one like 1h30m")


def seconds(evaluation: Evaluation, value: Any) -> int | float:
    """The seconds of a duration, whole where they are."""
    total = duration(evaluation, value).total_seconds()
    return int(total) if total == int(total) else total


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "datetime": datetime_,
    "zone": zone,
    "strftime": strftime,
    "timestamp": timestamp,
    "start_of": start_of,
    "duration": duration,
    "seconds": seconds,
}
