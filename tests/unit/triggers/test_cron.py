"""What a cron spec may say, and when the interesting ones are due."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from wfcore.api import TimedTrigger, TriggerFault
from wfcore_plugins.triggers.cron import ALIASES, CronTrigger

TRIGGER = CronTrigger({}, None)


def walk(expr, tz, start, count):
    """The first ``count`` due times after ``start`` (ISO 8601), as ISO text in UTC."""
    spec, at, found = TRIGGER.check({"expr": expr, "tz": tz}), datetime.fromisoformat(start), []
    for _ in range(count):
        at = TRIGGER.due(spec, at)
        found.append(at.isoformat(timespec="minutes").removesuffix("+00:00"))
    return found


def test_is_a_timed_trigger():
    assert isinstance(TRIGGER, TimedTrigger)


def test_text_alone_is_utc_without_catchup():
    spec = TRIGGER.check(" 0 2 *  * * ")
    assert spec == {"expr": "0 2 * * *", "tz": "UTC", "jitter": 0.0, "catchup": "none", "max_lateness": 60.0}


def test_everything_given():
    given = {"expr": "@daily", "tz": "Europe/Berlin", "jitter": "5m", "catchup": "last", "max_lateness": "1h"}
    spec = TRIGGER.check(given)
    assert json.loads(json.dumps(spec)) == {
        "expr": "0 0 * * *",
        "tz": "Europe/Berlin",
        "jitter": 300.0,
        "catchup": "last",
        "max_lateness": 3600.0,
    }


def test_a_normalised_spec_is_accepted_again():
    spec = TRIGGER.check({"expr": "*/5 * * * mon-fri", "tz": "Asia/Kolkata"})
    assert TRIGGER.check(spec) == spec


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases(alias):
    assert TRIGGER.check(alias.upper())["expr"] == ALIASES[alias]


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 0 2 * * *", "five fields .* this one has 6"),
        ("61 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day-of-month"),
        ("* * * 13 *", "month"),
        ("* * * foo *", "month"),
        ("* * * * 8", "day-of-week"),
        ("* * * * fri-mon", "day-of-week"),
        ("*/0 * * * *", "minute"),
        ("5-1 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        ("-1 * * * *", "minute"),
        ("1.5 * * * *", "minute"),
        ("٣ * * * *", "minute"),
        ("* * * * 1#6", "day-of-week"),
        ("* * * * 5L/2", "cannot read"),
        ("* * * * 1,5L/2", "cannot read"),
        ("9" * 240 + " * * * *", "minute"),
        ("0," * 200 + "0 * * * *", "at most 256"),
        ("0 0 30 2 *", "cannot read|never fires"),
        ("0 0 31 4,6,9,11 *", "cannot read|never fires"),
        ("0 0 LW * */7", "never fires"),
        ("@reboot", "unknown alias"),
        ("@hourli", "did you mean '@hourly'"),
    ],
)
def test_refuses_expressions(expr, message):
    with pytest.raises(TriggerFault, match=message) as caught:
        TRIGGER.check(expr)
    assert caught.value.path == ()
    assert "\n" not in caught.value.message
    with pytest.raises(TriggerFault) as caught:
        TRIGGER.check({"expr": expr})
    assert caught.value.path == ("expr",)


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        (None, (), "expected a mapping"),
        (5, (), "expected a mapping"),
        (["* * * * *"], (), "expected a mapping"),
        ({}, (), "needs the key 'expr'"),
        ({"expr": None}, ("expr",), "expected a text"),
        ({"expr": 5}, ("expr",), "expected a text"),
        ({"expr": "@daily", "timezone": "UTC"}, ("timezone",), "unknown key"),
        ({"expr": "@daily", "jiter": "1s"}, ("jiter",), "did you mean 'jitter'"),
        ({"expr": "@daily", 1: 2}, ("1",), "unknown key"),
        ({"expr": "@daily", "tz": "Europe/Belin"}, ("tz",), "did you mean 'Europe/Berlin'"),
        ({"expr": "@daily", "tz": "../../etc/passwd"}, ("tz",), "unknown time zone"),
        ({"expr": "@daily", "tz": "/etc/localtime"}, ("tz",), "unknown time zone"),
        ({"expr": "@daily", "tz": "Europe"}, ("tz",), "unknown time zone"),
        ({"expr": "@daily", "tz": "x\0y"}, ("tz",), "unknown time zone"),
        ({"expr": "@daily", "tz": 1}, ("tz",), "expected a text"),
        ({"expr": "@daily", "jitter": "-1s"}, ("jitter",), "no.? a? ?duration"),
        ({"expr": "@daily", "max_lateness": True}, ("max_lateness",), "duration"),
        ({"expr": "@daily", "catchup": "al"}, ("catchup",), "none, last, all"),
        ({"expr": "@daily", "catchup": ["all"]}, ("catchup",), "none, last, all"),
    ],
)
def test_refuses_specs(spec, path, message):
    with pytest.raises(TriggerFault, match=message) as caught:
        TRIGGER.check(spec)
    assert caught.value.path == path


def test_is_due_strictly_after():
    spec = TRIGGER.check("30 4 * * *")
    at = datetime(2026, 3, 1, 4, 30, tzinfo=UTC)
    assert TRIGGER.due(spec, at) == at + timedelta(days=1)
    assert TRIGGER.due(spec, at - timedelta(microseconds=1)) == at
    assert TRIGGER.due(spec, at + timedelta(microseconds=1)) == at + timedelta(days=1)


def test_a_skipped_local_time_is_due_at_once_after_the_gap():
    # 02:00 to 03:00 is skipped on the 29th of March 2026
    found = walk("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00Z", 3)
    assert found == ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]


def test_several_skipped_local_times_are_due_once():
    found = walk("10,20,30 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", 2)
    assert found == ["2026-03-29T01:00", "2026-03-30T00:10"]


def test_a_skipped_local_time_and_the_end_of_the_gap_are_due_once():
    found = walk("0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00Z", 2)
    assert found == ["2026-03-29T01:00", "2026-03-30T00:00"]


def test_wildcards_know_no_skipped_times():
    assert walk("*/30 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", 1) == ["2026-03-30T00:00"]
    assert walk("30 * * * *", "Europe/Berlin", "2026-03-29T00:00Z", 2) == [
        "2026-03-29T00:30",
        "2026-03-29T01:30",
    ]


def test_a_repeated_local_time_is_due_once():
    # 02:00 to 03:00 comes twice on the 25th of October 2026
    found = walk("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", 2)
    assert found == ["2026-10-25T00:30", "2026-10-26T01:30"]


def test_a_repeated_local_time_is_not_due_again_for_who_asks_in_between():
    assert walk("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10Z", 1) == ["2026-10-26T01:30"]


def test_wildcards_are_due_both_times():
    found = walk("30 * * * *", "Europe/Berlin", "2026-10-25T00:00Z", 3)
    assert found == ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"]
    found = walk("*/30 2 * * *", "Europe/Berlin", "2026-10-25T00:00Z", 4)
    assert found == ["2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30", "2026-10-26T01:00"]


def test_a_change_of_half_an_hour():
    # Lord Howe: 02:00 becomes 02:30 on the 4th of October 2026, at 15:30 UTC of the day before
    found = walk("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00Z", 2)
    assert found == ["2026-10-03T15:30", "2026-10-04T15:15"]
    found = walk("*/15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00Z", 3)
    assert found == ["2026-10-03T15:30", "2026-10-03T15:45", "2026-10-04T15:00"]


def test_a_whole_day_is_skipped():
    # Samoa went over the date line: there was no 30th of December 2011
    found = walk("0 8 30 12 *", "Pacific/Apia", "2011-12-01T00:00Z", 2)
    assert found == ["2011-12-30T10:00", "2012-12-29T18:00"]


def test_extensions_of_the_day_fields():
    assert walk("0 0 L * *", "UTC", "2028-02-01T12:00Z", 2) == ["2028-02-29T00:00", "2028-03-31T00:00"]
    assert walk("0 0 * * fri#2", "UTC", "2026-05-01T00:00Z", 1) == ["2026-05-08T00:00"]
    assert walk("0 0 29 2 *", "UTC", "2026-01-01T00:00Z", 2) == ["2028-02-29T00:00", "2032-02-29T00:00"]


def test_both_day_fields_mean_either():
    assert walk("0 0 13 * fri", "UTC", "2026-02-01T00:00Z", 3) == [
        "2026-02-06T00:00",
        "2026-02-13T00:00",
        "2026-02-20T00:00",
    ]


def test_after_the_end_of_the_calendar_nothing_is_due():
    assert TRIGGER.due(TRIGGER.check("0 0 1 1 *"), datetime(9999, 12, 30, tzinfo=UTC)) is None
