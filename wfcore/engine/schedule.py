"""When a timed trigger's ticks fire, given that servers are late, stopped for a week, or three.

The trigger says what is due; this module settles jitter, lateness and catching up. Pure: no clock,
no storage. Times are UTC microseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from wfcore.errors import PluginError
from wfcore.model.records import TriggerRecord

#: ``TimedTrigger.due`` with its spec bound: the first due time strictly after another.
Due = Callable[[datetime], datetime | None]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
SECOND: Final = 1_000_000
#: Most ticks that one plan fires; what is left is in the next plan, at once.
MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Policy:
    """What a spec says besides its times; durations in microseconds."""

    jitter: int = 0
    catchup: str = "none"
    max_lateness: int = 60 * SECOND

    @classmethod
    def of(cls, spec: Any) -> Policy:
        """From the keys ``jitter``, ``catchup`` and ``max_lateness`` of a spec, each with its default."""
        given = spec if isinstance(spec, Mapping) else {}
        return cls(
            jitter=round(given.get("jitter", 0) * SECOND),
            catchup=given.get("catchup", "none"),
            max_lateness=round(given.get("max_lateness", 60) * SECOND),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a trigger now.

    ``fire`` are the nominal due times that fire, oldest first. ``next_at`` is the row's next
    nominal due time (None: it never fires again), ``wake_at`` when to plan again: jitter makes it
    later than ``next_at``, a long queue of missed ticks earlier than now. ``skipped`` is the first of the
    ticks that were missed and will not fire.
    """

    fire: tuple[int, ...]
    next_at: int | None
    wake_at: int | None
    skipped: int | None = None

    def ticks(self) -> tuple[tuple[int, int | None], ...]:
        """Each due time with the row's ``next_at`` after it, so that a crash in between loses none."""
        return tuple(zip(self.fire, (*self.fire[1:], self.next_at), strict=False))


def first(due: Due, now: int) -> int | None:
    """The ``next_at`` of a new trigger: its first due time after ``now``."""
    return _following(due, now)


def plan(trigger: TriggerRecord, due: Due, policy: Policy, now: int) -> Plan:
    """What of ``trigger`` fires at ``now``. A row without ``next_at`` gets its first one.

    A tick fires at its due time plus its jitter. It is *missed* when the end of its jitter lies more than
    ``max_lateness`` back; what is late but not missed always fires. Of the missed ones,
    ``catchup`` fires none, the last or all. The work is bounded, whatever the period and however
    long nobody looked. Raises PluginError when the trigger's ``due`` does not move forward.
    """
    at = trigger.next_at if trigger.next_at is not None else first(due, now)
    missed_before = now - policy.max_lateness - policy.jitter
    skipped, fire = None, []
    if at is not None and at < missed_before and policy.catchup != "all":
        oldest = at
        if policy.catchup == "last":
            at = _newest(due, at, missed_before)
            fire.append(at)
        skipped = oldest if oldest not in fire else None
        at = _following(due, missed_before - 1)
    while at is not None and len(fire) < MOST and at + _jitter(trigger, policy, at) <= now:
        fire.append(at)
        at = _following(due, at)
    wake_at = None if at is None else at + _jitter(trigger, policy, at)
    return Plan(tuple(fire), at, wake_at, skipped)


def _newest(due: Due, known: int, before: int) -> int:
    """The newest due time below ``before``; ``known`` is one.

    ``due`` only looks forward, but "is anything due from t on and below ``before``?" is yes up to the
    newest due time and no after it. So bisection finds that in about fifty questions per
    century, whatever the period.
    """
    newest, none_after = known, before
    while none_after - newest > 1:
        middle = newest + (none_after - newest) // 2
        found = _following(due, middle - 1)
        if found is not None and found < before:
            newest = found
        else:
            none_after = middle
    return newest


def _following(due: Due, after: int) -> int | None:
    moment = EPOCH + after * MICROSECOND
    found = due(moment)
    if found is None:
        return None
    if found.tzinfo is None or found <= moment:
        raise PluginError(
            f"a trigger answered {found} when asked what is due after {moment}",
            remedy="its plugin must answer an aware time after the one it is given; update the plugin",
        )
    return (found - EPOCH) // MICROSECOND


def _jitter(trigger: TriggerRecord, policy: Policy, due_at: int) -> int:
    """Uniform in [0, jitter), and the same on every server."""
    name = "\0".join((trigger.namespace, trigger.workflow, trigger.name, str(due_at)))
    draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    return draw * policy.jitter >> 64
