"""Workflows whose tasks and executions need permits, and what their histories say of who held one when."""

import json
from collections import defaultdict

#: How many may hold a permit of ``pay``.
PAY = 2
STARTS = ("execution.started", "task.started")
ENDS = ("execution.finished", "task.finished", "task.skipped", "task.cancelled")


def paying(sink, width):
    """Tasks side by side, of which so many may run at once in the whole installation."""
    tasks = "".join(sink.task(f"t{n:02}") for n in range(width))
    return "id: paying\ntasks:\n" + tasks.replace(
        "type: core/http.post,", "type: core/http.post, concurrency: pay,"
    )


def alone(sink, length):
    """One execution at a time."""
    return sink.chain(length, id="alone", head="concurrency: 1\n")


def most_at_once(intervals):
    """The most that held at the same time. What ends when another begins has made room for it."""
    moves = sorted((at, change) for start, end in intervals for at, change in ((start, 1), (end, -1)))
    most = now = 0
    for _, change in moves:
        now += change
        most = max(most, now)
    return most


def check_permits(stored, data):
    """Never more than may, as the histories of all executions tell it; and nothing is left over."""
    with stored.frozen(data) as rows:
        workflows = {row["id"]: row["workflow"] for row in rows("select * from execution")}
        limits = {row["id"]: json.loads(row["limits"]) for row in rows("select * from execution")}
        facts = [tuple(row.values()) for row in rows("select * from fact order by execution, seq")]
        assert rows("select * from permit") == []
    spans, begun = defaultdict(list), {}
    for execution, _, at, kind, path, *_ in facts:
        if kind in STARTS:
            begun.setdefault((execution, path), at)
        elif kind in ENDS and path in limits[execution]:
            spans[limits[execution][path][0]].append((begun[execution, path], at))
    assert set(spans) == {"pay", "default/alone"}
    assert len(spans["default/alone"]) == sum(name == "alone" for name in workflows.values())
    assert most_at_once(spans["pay"]) == PAY, "all permits were in use at times, and never more"
    assert most_at_once(spans["default/alone"]) == 1
