"""Cron against brute force: every minute of two years, in zones with odd changes of clocks.

The oracle knows no library and does not search. It writes down the local time of every UTC minute
and asks each minute alone: do the fields match, has this local time been here before, and have the
clocks just skipped a local time that matches?
"""

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from wfcore_plugins.triggers.cron import CronTrigger

#: Changes at 1, 2, 3 o'clock and at midnight, by half an hour, four times a year, and none at all.
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Asia/Kolkata",
]
START, MINUTES, EXPRESSIONS = datetime(2017, 1, 1, tzinfo=UTC), 730 * 24 * 60, 200
MINUTE = timedelta(minutes=1)
#: An expression with fewer ticks is walked from end to end; others from before every change of
#: clocks, and from as many random minutes, for four hours each.
WALKED, PROBES, STRETCH = 200, 10, 240


@pytest.mark.parametrize("zone", ZONES)
def test_fires_when_the_oracle_says(zone, at_length):
    check(zone, WALKED, at_length(EXPRESSIONS))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("zone", ZONES)
def test_fires_at_every_single_tick_of_the_oracle(zone, at_length):
    check(zone, MINUTES, at_length(EXPRESSIONS))


def check(zone, walked, expressions):
    trigger = CronTrigger({}, None)
    for seed in range(expressions):
        chance = random.Random(seed)
        text, fields = expression(chance)
        spec, ticks = trigger.check({"expr": text, "tz": zone}), oracle(zone, text, fields)
        if ticks.count(1) <= walked:
            compare(trigger, spec, ticks, 0, MINUTES)
        else:
            for begin in [at - 120 for at, _ in changes(zone)] + chance.sample(range(MINUTES), PROBES):
                compare(trigger, spec, ticks, begin, begin + STRETCH)


def compare(trigger, spec, ticks, at, end):
    """Walk from minute ``at`` to ``end``: each due time must be the oracle's next tick."""
    while at < end:
        after, expected = START + at * MINUTE, ticks.find(1, at + 1)
        due = trigger.due(spec, after)
        if expected < 0:
            assert due is None or due >= START + MINUTES * MINUTE, (spec, after, due)
            return
        assert due == START + expected * MINUTE, (spec, after)
        at = expected


# --- the oracle -----------------------------------------------------------------------------------


@cache
def offsets(zone):
    """Minutes from UTC, for every quarter of an hour: clocks are changed at no other times."""
    place = ZoneInfo(zone)
    quarters = ((START + n * MINUTE).astimezone(place) for n in range(0, MINUTES, 15))
    return [wall.utcoffset() // MINUTE for wall in quarters]


@cache
def changes(zone):
    """The UTC minutes at which the clocks are changed, and by how many minutes."""
    found = offsets(zone)
    return [(n * 15, found[n] - found[n - 1]) for n in range(1, len(found)) if found[n] != found[n - 1]]


@cache
def columns(zone):
    """Minute, hour, day, month and weekday (Sunday is 0) of every UTC minute, a byte each."""
    result = [bytearray() for _ in range(5)]
    for n, offset in enumerate(offsets(zone)):
        wall = START + (n * 15 + offset) * MINUTE
        result[0].extend(range(wall.minute, wall.minute + 15))
        for column, value in zip(
            result[1:], (wall.hour, wall.day, wall.month, wall.isoweekday() % 7), strict=True
        ):
            column.extend(bytes([value]) * 15)
    return result


def oracle(zone, text, fields):
    """For every UTC minute, 1 when the expression fires."""
    ticks = matching(zone, text, fields)
    minutes, hours = text.split()[:2]
    if "*" in minutes + hours:
        return ticks
    for at, minutes in changes(zone):
        if minutes < 0:  # these local times have just been
            ticks[at : at - minutes] = bytes(-minutes)
        elif any(fits(zone, text, fields, at, back) for back in range(1, minutes + 1)):
            ticks[at] = 1
    return ticks


def matching(zone, text, fields):
    """For every UTC minute, 1 when its local time has matching fields."""
    ones = [
        int.from_bytes(column.translate(bytes(value in field for value in range(256))))
        for column, field in zip(columns(zone), fields, strict=True)
    ]
    day = ones[2] & ones[4] if day_and(text) else ones[2] | ones[4]
    return bytearray((ones[0] & ones[1] & ones[3] & day).to_bytes(MINUTES))


def fits(zone, text, fields, at, back):
    """Whether the local time ``back`` minutes before that of UTC minute ``at`` matches."""
    wall = START + (at + offsets(zone)[at // 15] - back) * MINUTE
    minutes, hours, days, months, weekdays = fields
    day = [wall.day in days, wall.isoweekday() % 7 in weekdays]
    rest = wall.minute in minutes and wall.hour in hours and wall.month in months
    return rest and (all(day) if day_and(text) else any(day))


def day_and(text):
    """Both day fields must match when one of them starts with a star, else either."""
    return any(field.startswith("*") for field in text.split()[2::2])


# --- random expressions -----------------------------------------------------------------------------

BOUNDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def expression(chance):
    """An expression that is rich in the hours at which clocks are changed: text, and a set per field."""
    stars = [0.2, 0.25, 0.6, 0.7, 0.6]
    parts = [field(chance, at, star) for at, star in enumerate(stars)]
    return " ".join(text for text, _ in parts), [values for _, values in parts]


def field(chance, at, star):
    low, high = BOUNDS[at]
    if chance.random() < star:
        step = chance.choice([1, 1, 1, 2, 3, 5, 7, 20])
        return ("*" if step == 1 else f"*/{step}"), set(range(low, high + 1, step))
    terms = [term(chance, at) for _ in range(chance.choice([1, 1, 1, 2, 3]))]
    return ",".join(text for text, _ in terms), set().union(*(values for _, values in terms))


def term(chance, at):
    low, high = BOUNDS[at]
    if at == 1 and chance.random() < 0.7:
        high = 4
    first, last = sorted(chance.choices(range(low, high + 1), k=2))
    kind = chance.choice(["one", "one", "name", "range", "step", "from"])
    if kind == "range":
        return f"{first}-{last}", set(range(first, last + 1))
    if kind == "step":
        step = chance.randint(1, 9)
        return f"{first}-{last}/{step}", set(range(first, last + 1, step))
    if kind == "from" and at == 0:
        step = chance.randint(1, 30)
        return f"{first}/{step}", set(range(first, 60, step))
    if kind == "name" and at > 2:
        return (MONTHS[first - 1] if at == 3 else WEEKDAYS[first].upper()), {first}
    return str(first), {first}
