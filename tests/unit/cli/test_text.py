"""How times and durations look."""

from datetime import UTC, datetime, timedelta

import pytest

from wfcore.cli import text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0, "0ms"),
        (-1, "0ms"),
        (0.0124, "12ms"),
        (0.9994, "999ms"),
        (0.9996, "1.00s"),
        (1.239, "1.24s"),
        (9.996, "10.0s"),
        (59.94, "59.9s"),
        (59.96, "1m00s"),
        (125, "2m05s"),
        (3599.6, "1h00m"),
        (11040, "3h04m"),
        (183600, "2d03h"),
        (timedelta(seconds=1), "1.00s"),
    ],
)
def test_durations(seconds, shown):
    assert text.duration(seconds) == shown


def test_a_time_to_come_says_how_long_it_is_until_then():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert text.until("2026-01-01T01:00:00.000000Z", now).endswith("(in 1h00m)")
    assert text.until("2025-12-31T23:00:00.000000Z", now).endswith("(now)")
    assert text.until(None) == "–"


def test_times_are_local(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert text.moment("2026-01-01T20:00:00.123456Z") == "2026-01-02 05:00:00"
        assert text.clock(datetime(2026, 1, 1, 20, 0, 0, 123456, tzinfo=UTC)) == "05:00:00.123"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_text_is_cut_by_the_columns_it_takes():
    assert text.cut("abcdef", 6) == "abcdef"
    assert text.cut("abcdefg", 6) == "abcde…"
    assert text.width("日本") == 4
    assert text.cut("日本語", 5) == "日本…"
    assert text.width("e\u0301") == 1
