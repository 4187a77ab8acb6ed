"""Steady beats."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfcore.api import TimedTrigger, TriggerFault
from wfcore_plugins.triggers.interval import EPOCH, IntervalTrigger

TRIGGER = IntervalTrigger({}, None)


def test_is_a_timed_trigger():
    assert isinstance(TRIGGER, TimedTrigger)


@pytest.mark.parametrize("spec", ["5m", 300, 300.0, "PT5M", {"every": "5m"}])
def test_every_five_minutes(spec):
    checked = TRIGGER.check(spec)
    assert checked == {"every": 300.0, "jitter": 0.0, "catchup": "none", "max_lateness": 60.0}
    assert TRIGGER.check(json.loads(json.dumps(checked))) == checked


def test_a_short_period_owes_no_salvo():
    assert TRIGGER.check("2s")["max_lateness"] == 2.0
    assert TRIGGER.check({"every": "2s", "max_lateness": "10s"})["max_lateness"] == 10.0


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        (None, (), "duration"),
        (True, (), "duration"),
        ("", (), "duration"),
        ("5x", (), "duration"),
        (0, (), "shortest interval is 1s"),
        ("999ms", (), "shortest interval is 1s"),
        (["5m"], (), "duration"),
        ({}, (), "needs the key 'every'"),
        ({"every": "0s"}, ("every",), "shortest interval is 1s"),
        ({"every": None}, ("every",), "duration"),
        ({"every": "5m", "jiter": 1}, ("jiter",), "did you mean 'jitter'"),
        ({"every": "5m", "jitter": "soon"}, ("jitter",), "duration"),
        ({"every": "5m", "catchup": "first"}, ("catchup",), "none, last, all"),
    ],
)
def test_refuses(spec, path, message):
    with pytest.raises(TriggerFault, match=message) as caught:
        TRIGGER.check(spec)
    assert caught.value.path == path


@given(
    every=st.floats(1, 1e9),
    after=st.datetimes(datetime(1960, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
)
def test_is_due_on_the_next_multiple(every, after):
    spec = TRIGGER.check(every)
    due, period = TRIGGER.due(spec, after), timedelta(seconds=every)
    assert after < due <= after + period
    assert (due - EPOCH) % period == timedelta(0)


def test_after_the_end_of_the_calendar_nothing_is_due():
    assert TRIGGER.due(TRIGGER.check("1w"), datetime(9999, 12, 31, tzinfo=UTC)) is None
