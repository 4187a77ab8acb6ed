"""log, set, fail, assert, wait and the key/value records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from wfcore.api import InvalidInput, Result, TerminalError


def test_log_writes_a_line_at_its_level(run: Any) -> None:
    run("log", message="hello")
    run("log", message={"a": [1, None]}, level="WARNING")
    assert run.task.logged == [("INFO", "hello"), ("WARNING", '{"a":[1,null]}')]


def test_set_returns_whatever_it_is_given(run: Any) -> None:
    assert run("set", a=1, b={"c": None}) == {"a": 1, "b": {"c": None}}


def test_fail_ends_terminally_with_its_type(run: Any) -> None:
    with pytest.raises(TerminalError, match=r"^no stock$") as failed:
        run("fail", message="no stock", type="stock.empty")
    assert failed.value.kind == "stock.empty"
    with pytest.raises(TerminalError) as failed:
        run("fail", message=7)
    assert (failed.value.message, failed.value.kind) == ("7", "failed")


@pytest.mark.parametrize("that", [True, 1, "x", [0]])
def test_assert_passes_what_is_true(run: Any, that: Any) -> None:
    assert run("assert", that=that) is True


@pytest.mark.parametrize("that", [False, None, 0, "", []])
def test_assert_fails_what_is_not(run: Any, that: Any) -> None:
    with pytest.raises(TerminalError, match="`that` is ") as failed:
        run("assert", that=that)
    assert failed.value.kind == "assertion"
    with pytest.raises(TerminalError, match=r"^say$"):
        run("assert", that=that, message="say")


NOW = datetime.fromtimestamp(1_700_000_000, UTC)


@pytest.mark.parametrize(
    ("inputs", "end"),
    [
        ({"for": "1m30s"}, NOW + timedelta(seconds=90)),
        ({"for": "PT5M"}, NOW + timedelta(minutes=5)),
        ({"for": 0.25}, NOW + timedelta(milliseconds=250)),
        ({"for": timedelta(days=2)}, NOW + timedelta(days=2)),
        ({"until": "2030-01-31T12:00:00Z"}, datetime(2030, 1, 31, 12, tzinfo=UTC)),
        ({"until": "2030-01-31T12:00:00+02:00"}, datetime(2030, 1, 31, 10, tzinfo=UTC)),
        ({"until": "2030-01-31"}, datetime(2030, 1, 31, tzinfo=UTC)),
        (
            {"until": datetime(2030, 1, 31, tzinfo=timezone(timedelta(hours=1)))},
            datetime(2030, 1, 30, 23, tzinfo=UTC),
        ),
        ({"until": "2001-01-01"}, datetime(2001, 1, 1, tzinfo=UTC)),
    ],
)
def test_wait_suspends_until_a_time(run: Any, inputs: dict[str, Any], end: datetime) -> None:
    result = run("wait", **inputs)
    assert result == Result({"until": end.isoformat()}, None, round(end.timestamp() * 1_000_000))


@pytest.mark.parametrize(
    "inputs", [{"for": "soon"}, {"for": -1}, {"for": True}, {"until": "soon"}, {"until": 5}]
)
def test_wait_names_the_input_that_is_no_time(run: Any, inputs: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=f"^{next(iter(inputs))}: "):
        run("wait", **inputs)


@pytest.mark.parametrize(
    ("name", "inputs", "at_fault"),
    [
        ("log", {}, "message"),
        ("log", {"message": "x", "level": "LOUD"}, "level"),
        ("log", {"message": "x", "lvl": "INFO"}, "lvl"),
        ("fail", {}, "message"),
        ("fail", {"message": "x", "type": "a b"}, "type"),
        ("assert", {}, "that"),
        ("wait", {}, "for"),
        ("wait", {"for": 1, "until": "2030-01-01"}, "for"),
        ("kv.get", {}, "key"),
        ("kv.get", {"key": ""}, "key"),
        ("kv.set", {"key": "k"}, "value"),
        ("kv.set", {"key": "k" * 513, "value": 1}, "key"),
        ("kv.delete", {"key": 5}, "key"),
    ],
)
def test_the_rules_refuse(run: Any, name: str, inputs: dict[str, Any], at_fault: str) -> None:
    assert at_fault in run.faults(name, **inputs)


def test_records_are_written_read_and_deleted_in_the_namespace(run: Any) -> None:
    assert run("kv.set", key="k", value={"at": datetime(2030, 1, 1, tzinfo=UTC)}, ttl="1h") == {
        "at": "2030-01-01T00:00:00Z"
    }
    assert run.task.stores["kv:default"].ttls == {"k": 3600.0}
    assert run("kv.get", key="k") == Result({"at": "2030-01-01T00:00:00Z"}, {"found": True})
    assert run("kv.get", key="other") == Result(None, {"found": False})
    assert run("kv.get", key="other", default=5) == Result(5, {"found": False})
    assert run("kv.delete", key="k") is True
    assert run("kv.delete", key="k") is False
    run.task.namespace = "team"
    run("kv.set", key="k", value=None)
    assert sorted(run.task.stores) == ["kv:default", "kv:team"]


def test_a_record_must_be_json_and_may_not_expire_at_once(run: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^value: it cannot be written as JSON"):
        run("kv.set", key="k", value=float("nan"))
    with pytest.raises(InvalidInput, match=r"^ttl: it must be above 0"):
        run("kv.set", key="k", value=1, ttl=0)
    with pytest.raises(InvalidInput, match=r"^ttl: 'soon' is no duration"):
        run("kv.set", key="k", value=1, ttl="soon")
