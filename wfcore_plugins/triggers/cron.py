"""Cron expressions: cronsim matches the fields, this module settles what a change of clocks means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from wfcore.api import Stateless, TriggerFault
from wfcore_plugins.triggers.fields import mapping, policy, suggestion, text

ALIASES: Final[Mapping[str, str]] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
LONGEST: Final = 256
#: Expressions are tried from here; cronsim looks 50 years ahead.
ORIGIN: Final = datetime(2024, 1, 1)
NONE: Final = timedelta(0)
#: A range of one value with a step; cronsim takes ``4-4/2`` for ``4/2``.
_SINGLE: Final = re.compile(r"\b(\w+)-\1/[1-9][0-9]*\b")


class CronTrigger(Stateless):
    """``cron: "0 2 * * *"`` or ``cron: {expr, tz, jitter, catchup, max_lateness}``."""

    def check(self, spec: Any) -> dict[str, Any]:
        """{expr, tz, jitter, catchup, max_lateness}: five fields, an IANA zone, times in seconds.

        Raises TriggerFault, also for an expression that never fires (the 30th of February).
        """
        if isinstance(spec, str):
            return {"expr": _expression(spec, ()), "tz": "UTC", **policy({})}
        whole = mapping(spec, ("expr", "tz", "jitter", "catchup", "max_lateness"))
        expr, tz = _expression(text(whole, "expr"), ("expr",)), _zone(text(whole, "tz", "UTC"))
        return {"expr": expr, "tz": tz, **policy(whole)}

    def due(self, spec: Mapping[str, Any], after: datetime) -> datetime | None:
        """The first due time after ``after``, in UTC; None when there is none in the next 50 years.

        A fixed local time that a change of clocks skips is due at once after the gap; one that
        is repeated is due the first time only, with a ``*`` in minutes or hours both times.
        """
        zone, wildcard = ZoneInfo(spec["tz"]), "*" in "".join(spec["expr"].split()[:2])
        local = after.astimezone(zone)
        # What the clocks are about to repeat, or are repeating, may be due although its local
        # time lies before ours. Outside of that, local times follow the order of instants.
        overlap = max(NONE, _offset(local, fold=0) - _offset(local, fold=1))
        now = local.replace(tzinfo=None, fold=0)
        found: list[datetime] = []
        for wall in _walls(spec["expr"], now - overlap):
            found.extend(at for at in _instants(wall.replace(tzinfo=zone), wildcard) if at > after)
            if found and wall >= now + overlap:
                break
        return min(found, default=None)


def _walls(expr: str, after: datetime) -> Iterator[datetime]:
    """The local times that match, after ``after``, as if clocks were never changed."""
    try:
        yield from CronSim(expr, after)
    except OverflowError:
        return


def _instants(wall: datetime, wildcard: bool) -> tuple[datetime, ...]:
    """When a local time is due, in UTC: never, once or twice."""
    first, second = (wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first > second:  # a local time that is skipped, see PEP 495
        return () if wildcard else (_gap_end(wall, second, first),)
    return (first, second) if wildcard else (first,)


def _gap_end(wall: datetime, before: datetime, after: datetime) -> datetime:
    """The instant between the two at which the clocks are put forward."""
    old = before.astimezone(wall.tzinfo).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(wall.tzinfo).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _offset(local: datetime, *, fold: int) -> timedelta:
    return local.replace(fold=fold).utcoffset() or NONE


def _expression(written: str, path: tuple[str, ...]) -> str:
    expr = ALIASES.get(written.strip().lower(), written.strip())
    if expr.startswith("@"):
        known = ", ".join(ALIASES)
        raise TriggerFault(f"unknown alias {expr!r}{suggestion(expr, ALIASES)}; known are {known}", path)
    fields = _SINGLE.sub(r"\1", expr).split()
    if len(fields) != 5:
        remedy = "minute, hour, day of month, month and day of week, like '0 2 * * *'"
        raise TriggerFault(f"a cron expression has five fields ({remedy}), this one has {len(fields)}", path)
    if len(expr) > LONGEST:
        raise TriggerFault(f"a cron expression has at most {LONGEST} characters", path)
    try:
        never = next(_walls(" ".join(fields), ORIGIN), None) is None
    except (CronSimError, AssertionError, TypeError, ValueError) as error:
        raise TriggerFault(f"cannot read the cron expression {expr!r}: {error}", path) from None
    if never:
        raise TriggerFault(f"the cron expression {expr!r} never fires", path)
    return " ".join(fields)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = suggestion(name, available_timezones()) or "; write an IANA name like Europe/Berlin"
        raise TriggerFault(f"unknown time zone {name!r}{hint}", ("tz",)) from None
    return name
