"""A steady beat, on multiples of the period since the epoch, so that all servers agree on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from wfcore.api import Stateless, TriggerFault
from wfcore_plugins.triggers.fields import MAX_LATENESS, duration, mapping, policy

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
SHORTEST: Final = 1.0


class IntervalTrigger(Stateless):
    """``interval: 5m`` or ``interval: {every, jitter, catchup, max_lateness}``."""

    def check(self, spec: Any) -> dict[str, Any]:
        """{every, jitter, catchup, max_lateness}, times in seconds. Raises TriggerFault.

        A tick may by default be as late as one period, a minute at most: a server that was busy
        for a while owes one run and no salvo.
        """
        whole = spec if isinstance(spec, Mapping) else {"every": spec}
        mapping(whole, ("every", "jitter", "catchup", "max_lateness"))
        if "every" not in whole:
            raise TriggerFault("needs the key 'every', like every: 5m")
        every = _period(whole, at_top=whole is not spec)
        return {"every": every, **policy(whole, min(every, MAX_LATENESS))}

    def due(self, spec: Mapping[str, Any], after: datetime) -> datetime | None:
        """The first multiple of the period after ``after``."""
        period = timedelta(seconds=spec["every"]) // MICROSECOND
        beats = (after - EPOCH) // MICROSECOND // period + 1
        try:
            return EPOCH + timedelta(microseconds=beats * period)
        except OverflowError:
            return None


def _period(spec: Mapping[str, Any], *, at_top: bool) -> float:
    try:
        every = duration(spec, "every", 0.0)
    except TriggerFault as fault:
        raise TriggerFault(fault.message, () if at_top else fault.path) from None
    if every < SHORTEST:
        raise TriggerFault("the shortest interval is 1s", () if at_top else ("every",))
    return every
