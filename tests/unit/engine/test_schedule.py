"""Lateness, catching up and jitter of timed triggers."""

from bisect import bisect_right
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfcore.engine.schedule import MOST, SECOND, Plan, Policy, first, plan
from wfcore.errors import PluginError
from wfcore.model.records import TriggerRecord

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
NOW = 20_000 * DAY
ROW = TriggerRecord("default", "report", "cron", "cron")


def every(period):
    return lambda after: (
        EPOCH + timedelta(microseconds=((after - EPOCH) // timedelta(microseconds=1) // period + 1) * period)
    )


def on(*times):
    """Due at these times and no others."""

    def due(after):
        at = bisect_right(times, (after - EPOCH) // timedelta(microseconds=1))
        return EPOCH + timedelta(microseconds=times[at]) if at < len(times) else None

    return due


def planned(due, next_at, now=NOW, **policy):
    return plan(replace(ROW, next_at=next_at), due, Policy(**policy), now)


def test_a_new_trigger_waits_for_its_first_tick():
    assert first(every(HOUR), NOW + 5) == NOW + HOUR
    assert planned(every(HOUR), None) == Plan((), NOW + HOUR, NOW + HOUR)


def test_a_trigger_that_is_never_due_again():
    assert planned(on(), None) == Plan((), None, None)
    assert planned(on(NOW), NOW) == Plan((NOW,), None, None)


def test_nothing_fires_early():
    assert planned(every(HOUR), NOW + 1) == Plan((), NOW + 1, NOW + 1)


def test_a_tick_fires_on_time():
    assert planned(every(HOUR), NOW) == Plan((NOW,), NOW + HOUR, NOW + HOUR)


@pytest.mark.parametrize("catchup", ["none", "last", "all"])
def test_a_busy_servers_late_tick_fires_whatever_the_catchup(catchup):
    late = NOW + MINUTE
    assert planned(every(HOUR), NOW, late, catchup=catchup) == Plan((NOW,), NOW + HOUR, NOW + HOUR)


def test_missed_ticks_are_skipped():
    at = NOW - 3 * DAY
    assert planned(every(DAY), at, NOW - 1) == Plan((), NOW, NOW, skipped=at)
    assert planned(every(DAY), at, NOW + 1) == Plan((NOW,), NOW + DAY, NOW + DAY, skipped=at)


def test_the_last_missed_tick_fires():
    at = NOW - 3 * DAY
    assert planned(every(DAY), at, NOW - 1, catchup="last") == Plan((NOW - DAY,), NOW, NOW, skipped=at)


def test_a_single_missed_tick_is_the_last():
    assert planned(every(DAY), NOW - DAY, NOW - 1, catchup="last") == Plan((NOW - DAY,), NOW, NOW)


def test_all_missed_ticks_fire_oldest_first():
    at = NOW - 3 * DAY
    assert planned(every(DAY), at, NOW - 1, catchup="all") == Plan((at, at + DAY, at + 2 * DAY), NOW, NOW)


def test_a_long_queue_fires_in_parts():
    found = planned(every(SECOND), NOW - HOUR, catchup="all")
    assert len(found.fire) == MOST
    assert found.next_at == found.wake_at == NOW - HOUR + MOST * SECOND


@pytest.mark.parametrize("catchup", ["none", "last", "all"])
def test_a_century_of_missed_seconds_is_planned_at_once(catchup):
    asked = []

    def due(after):
        asked.append(after)
        return every(SECOND)(after)

    found = planned(due, NOW - 36_500 * DAY, catchup=catchup, max_lateness=0)
    assert len(asked) < 200
    expected = {"none": (NOW,), "last": (NOW - SECOND, NOW)}
    assert found.fire == expected.get(catchup, found.fire[:MOST])


def test_each_fired_tick_moves_the_row_to_the_next_one():
    found = planned(every(DAY), NOW - 2 * DAY, catchup="all")
    assert found.ticks() == ((NOW - 2 * DAY, NOW - DAY), (NOW - DAY, NOW), (NOW, NOW + DAY))
    assert planned(every(DAY), NOW + 1).ticks() == ()


def test_jitter_delays_but_the_row_keeps_the_due_time():
    found = planned(every(HOUR), NOW, jitter=10 * MINUTE)
    assert found.fire == ()
    assert found.next_at == NOW
    assert NOW < found.wake_at < NOW + 10 * MINUTE
    assert planned(every(HOUR), NOW, found.wake_at - 1, jitter=10 * MINUTE).fire == ()
    assert planned(every(HOUR), NOW, found.wake_at, jitter=10 * MINUTE).fire == (NOW,)


def test_jitter_differs_by_trigger_and_by_tick():
    def wake(row):
        return plan(row, every(HOUR), Policy(jitter=HOUR), NOW - 1).wake_at - row.next_at

    rows = [replace(ROW, next_at=NOW + n * HOUR) for n in range(50)]
    rows += [replace(ROW, next_at=NOW, workflow=f"w{n}") for n in range(50)]
    delays = [wake(row) for row in rows]
    assert delays == [wake(row) for row in rows]
    assert len(set(delays)) > 98
    assert 0.3 * HOUR < sum(delays) / len(delays) < 0.7 * HOUR


def test_lateness_counts_from_the_end_of_the_jitter():
    assert planned(every(DAY), NOW, NOW + 11 * MINUTE, jitter=10 * MINUTE).fire == (NOW,)
    assert planned(every(DAY), NOW, NOW + 11 * MINUTE + 1, jitter=10 * MINUTE).fire == ()


def test_a_policy_is_read_from_the_spec():
    spec = {"expr": "…", "jitter": 1.5, "catchup": "all", "max_lateness": 0.0}
    assert Policy.of(spec) == Policy(1_500_000, "all", 0)
    assert Policy.of({}) == Policy.of(None) == Policy.of("5m") == Policy(0, "none", MINUTE)


@pytest.mark.parametrize(
    "answer", [lambda at: at, lambda at: at - timedelta(days=1), lambda _: datetime(2099, 1, 1)]
)
def test_a_trigger_that_does_not_move_on_is_named(answer):
    with pytest.raises(PluginError, match="what is due after 2024"):
        planned(answer, NOW)


times = st.integers(0, 200)


@given(
    ticks=st.sets(times, min_size=1).map(sorted),
    now=times,
    lateness=st.integers(0, 60),
    jitter=st.integers(0, 20),
    catchup=st.sampled_from(["none", "last", "all"]),
)
def test_what_fires_and_what_does_not(ticks, now, lateness, jitter, catchup):
    found = planned(on(*ticks), ticks[0], now, max_lateness=lateness, jitter=jitter, catchup=catchup)
    missed = [at for at in ticks if at < now - lateness - jitter]
    in_time = [at for at in ticks if now - lateness - jitter <= at <= now]
    caught_up = {"none": [], "last": missed[-1:], "all": missed}[catchup]
    fired = [at for at in found.fire if at not in caught_up]
    assert list(found.fire[: len(caught_up)]) == caught_up[:MOST]
    assert fired == in_time[: len(fired)]
    if not jitter:
        assert list(found.fire) == (caught_up + in_time)[:MOST]
        rest = [
            at for at in ticks if at > max([*found.fire, *(() if catchup == "all" else missed)], default=-1)
        ]
        assert found.next_at == (rest[0] if rest else None)
    lost = [at for at in missed if at not in caught_up]
    assert found.skipped == (lost[0] if lost else None)


@given(
    ticks=st.sets(times, min_size=1).map(sorted),
    looks=st.lists(st.integers(0, 500), min_size=1).map(sorted),
    jitter=st.integers(0, 20),
    catchup=st.sampled_from(["none", "last", "all"]),
)
def test_over_time_each_tick_fires_once_in_order(ticks, looks, jitter, catchup):
    row, fired = replace(ROW, next_at=ticks[0]), []
    for now in [*looks, 1000, 1000, 1000]:
        if row.next_at is None:
            break
        found = plan(row, on(*ticks), Policy(jitter, catchup, max_lateness=10), now)
        assert all(at <= now < at + jitter + 1000 for at in found.fire)
        assert found.wake_at is None or found.wake_at > now or len(found.fire) == MOST
        fired += found.fire
        row = replace(row, next_at=found.next_at)
    assert fired == sorted(set(fired))
    assert set(fired) <= set(ticks)
    assert row.next_at is None
    if catchup == "all":
        assert fired == ticks
