"""A month in some seconds: what is kept stays as large as it was, however much has gone through."""

import time

import pytest

from wfcore.config import load
from wfcore.service import app as composition
from wfsdk.contexts import ManualClock

DAY = 86_400
#: An output inline and one in a file, both different each time, a record that expires, and a timed trigger.
FLOW = """
id: daily
inputs: {n: {type: int}}
tasks:
  small: {type: core/set, inputs: {t: "{{ (1..300) | join(' ' ~ inputs.n ~ ' ') }}"}}
  large: {type: core/set, inputs: {t: "{{ (1..9000) | join(' ' ~ inputs.n ~ ' ') }}"}}
outputs: {all: "{{ tasks.large.output.t }}"}
"""


def sizes(data):
    """Bytes of the database, its log and the content beside it."""
    content = [path.stat().st_size for path in (data / "blobs").rglob("*") if path.is_file()]
    files = {name: (data / name).stat().st_size for name in ("db.sqlite", "db.sqlite-wal")}
    return {**files, "content": sum(content), "files": len(content)}


def live(app, clock, day, count):
    """A day of so many executions, and the chores of its end."""
    ids = []
    for number in range(count):
        id = app.executions.submit("default", "daily", {"n": day * 100_000 + number}, key=f"{day}-{number}")[
            0
        ].id
        ids.append(id)
        app.storage.set_record("kv", f"{day}/{number}", '"x"', clock.now() + 3 * DAY * 1_000_000)
        clock.advance(DAY / count)
    for id in ids:
        assert app.executions.wait_end(id, 60).state == "SUCCESS"
    app.engine.chores.retain()
    app.engine.chores.sweep()


@pytest.mark.parametrize("count", [12, pytest.param(400, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_the_thirtieth_day_is_like_the_tenth(tmp_path, monkeypatch, count):
    clock = ManualClock(time.time_ns() // 1000)  # content is as old as its file says
    monkeypatch.setattr(composition, "SystemClock", lambda: clock)
    settings = {"storage.path": str(tmp_path / "data" / "db.sqlite"), "execution.retention": "5d"}
    days = []
    with composition.open_app(load(environ={}, overrides=settings)) as app:
        app.workflows.apply(FLOW.encode(), "daily.yaml")
        for day in range(30):
            live(app, clock, day, count)
            days.append(sizes(tmp_path / "data"))
        assert count * 4 < app.storage.counts()["SUCCESS"] <= count * 6
        with app.storage.reading() as t:
            assert t.record.select().count() <= count * 3
            assert t.fact.select().count() < count * 6 * 12
        tenth, last = days[9], days[29]
        assert last["files"] <= count * 6 * 2 + 1
        assert tenth["content"] > 60_000 * count, "there was something to keep"
        for what in ("db.sqlite", "content", "files"):
            assert last[what] <= tenth[what] * 1.25, (what, tenth, last)
        assert last["db.sqlite-wal"] <= 64 * 2**20
        clock.advance(10 * DAY)
        while app.engine.chores.retain():
            pass
        app.engine.chores.sweep()
        empty = sizes(tmp_path / "data")
        assert app.storage.counts() == {}
        assert empty["files"] == 0
        with app.storage.reading():
            (pages,) = app.storage._reader.execute_sql("pragma page_count").fetchone()
            (free,) = app.storage._reader.execute_sql("pragma freelist_count").fetchone()
        assert free <= pages / 8 + 2, "and the space is given back"
