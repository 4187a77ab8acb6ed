"""Thousands of executions that wait: in bounded memory, all of them run, and in the order they came in."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wfcore.config import load
from wfcore.engine.capacity import ROWS_IN_MEMORY
from wfcore.model.records import ExecutionQuery
from wfcore.service.app import open_app

WORK = "id: work\ninputs: {n: {type: int}}\ntasks:\n  a: {type: core/set, inputs: {n: '{{ inputs.n }}'}}\n"


def resident():
    """The memory of this process now, in KB."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def submit_all(app, count, padding):
    """Submit from eight threads at once."""
    number, lock = iter(range(count)), threading.Lock()

    def some():
        while True:
            with lock:
                mine = next(number, None)
            if mine is None:
                return
            app.executions.submit("default", "work", {"n": mine}, labels={"padding": padding})

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(some) for _ in range(8)]:
            done.result()


def started(app, ids):
    """When each has started."""
    return [app.storage.facts(id, kind="execution.started")[0].at for id in ids]


def fill_and_drain(app, count):
    app.workflows.apply(WORK.encode(), "work.yaml")
    capacity = app.engine._owner._capacity
    slots, capacity.workflows = capacity.workflows, 0  # all that come now have to wait
    submit_all(app, ROWS_IN_MEMORY, "x" * 200)
    before = resident()
    submit_all(app, count - ROWS_IN_MEMORY, "x" * 200)
    grown = (resident() - before) * 1024 / max(1, count - ROWS_IN_MEMORY)
    assert app.storage.counts() == {"PENDING": count}
    assert not app.engine._owner._ledger.runs
    waiting = list(capacity._new)
    assert sum(not isinstance(one, str) for one in waiting) <= ROWS_IN_MEMORY
    capacity.workflows = slots
    last = app.executions.submit("default", "work", {"n": -1})[0].id
    assert app.executions.wait_end(last, 100) is not None
    return [one if isinstance(one, str) else one.id for one in waiting], last, grown


def check(app, count):
    order, last, grown = fill_and_drain(app, count)
    ids = [*order, last]
    for id in ids[-20:]:
        assert app.executions.wait_end(id, 20).state == "SUCCESS"
    assert app.storage.counts() == {"SUCCESS": count + 1}
    times = started(app, ids)
    assert times == sorted(times), "who came first began first"
    assert not app.engine._owner._ledger.runs
    assert app.engine._owner._capacity.next_execution() is None
    return grown


def open_here(tmp_path):
    return open_app(load(environ={}, overrides={"storage.path": str(tmp_path / "data" / "db.sqlite")}))


def test_two_thousand_executions_wait_and_run_in_order(tmp_path):
    with open_here(tmp_path) as app:
        check(app, 2000)


@pytest.mark.long
def test_ten_thousand_executions_wait_and_run_in_order(tmp_path):
    with open_here(tmp_path) as app:
        grown = check(app, 10_000)
        assert grown < 6 * 1024, "bytes for each that waits beyond the first thousand"


def test_a_server_that_starts_takes_the_queue_over_in_order(tmp_path):
    """Of what waits it reads page after page, and keeps the ids."""
    count = 1500
    with open_here(tmp_path) as app:
        app.workflows.apply(WORK.encode(), "work.yaml")
        app.engine._owner._capacity.workflows = 0
        submit_all(app, count, "")
    with open_here(tmp_path) as app:
        last = app.executions.submit("default", "work", {"n": -1})[0].id
        assert app.executions.wait_end(last, 100) is not None
        page = app.storage.executions(ExecutionQuery(limit=count + 1))
        assert len(page) == count + 1
        times = started(app, sorted(one.id for one in page))
        assert times == sorted(times)
