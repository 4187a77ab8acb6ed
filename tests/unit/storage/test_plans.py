"""How the database finds what it is asked for: by an index, and in order without sorting."""

import itertools
import re

import pytest

from wfcore.api import EXECUTION_STATES, ExecutionQuery, Step, Tick
from wfsdk.contracts.storage_executions import running

#: What a plan says when it reads a whole table, or sorts.
COSTLY = re.compile(
    r"SCAN (execution|task|fact|tick|inbox|blob_ref|t\d)\b(?! USING)|TEMP B-TREE FOR ORDER BY"
)


@pytest.fixture
def plans(storage, monkeypatch):
    """The plans of what is asked of the storage, as it is when there are statistics of many rows."""
    steps = [
        Step(running(f"{n:05}", state=EXECUTION_STATES[n % 6], workflow=f"w{n % 7}", ended_at=n), True)
        for n in range(600)
    ]
    storage.commit(steps)
    told = []
    for database in (storage._reader, storage._writer):
        execute = database.execute_sql

        def explained(sql, params=None, execute=execute):
            if sql.lstrip().lower().startswith(("select", "update", "delete")):
                rows = execute(f"explain query plan {sql}", params).fetchall()
                told.append("\n".join(detail for *_, detail in rows))
            return execute(sql, params)

        monkeypatch.setattr(database, "execute_sql", explained)
    return told


FILTERS = list(
    itertools.product(
        (None, "default"),
        (None, "w1"),
        ((), ("FAILED",), ("RUNNING", "WAITING"), EXECUTION_STATES),
        (None, "00300"),
    )
)


@pytest.mark.parametrize(("namespace", "workflow", "states", "before"), FILTERS)
def test_every_list_of_executions_uses_an_index(storage, plans, namespace, workflow, states, before):
    query = ExecutionQuery(namespace=namespace, workflow=workflow, states=states, before=before, limit=50)
    found = storage.executions(query)
    assert len(plans) == 1
    assert not COSTLY.search(plans[0]), plans[0]
    wanted = [
        f"{n:05}"
        for n in reversed(range(600))
        if (workflow is None or n % 7 == 1)
        and (not states or EXECUTION_STATES[n % 6] in states)
        and (before is None or n < 300)
    ]
    assert [one.id for one in found] == wanted[:50]


def test_a_state_that_is_named_twice_is_listed_once(storage, plans):
    found = storage.executions(ExecutionQuery(states=("FAILED", "FAILED", "SUCCESS"), limit=1000))
    assert len(found) == len({one.id for one in found}) == 200


def test_what_the_engine_asks_for_uses_an_index(storage, plans):
    storage.pending("me", "", 10)
    storage.execution_by_key("default", "w1", "key")
    storage.facts("00001", 5, kind="log")
    storage.tasks("00001")
    storage.purge(5, 10)
    assert len(plans) > 5
    for plan in plans:
        assert not COSTLY.search(plan), plan


def test_a_sweep_reads_only_what_is_old(storage, plans):
    now = 100 * 86_400_000_000
    for day in range(100):
        tick = Tick("default", "w1", "cron", day * 86_400_000_000, None)
        storage.commit([Step(running(f"t{day:03}"), True, tick=tick)])
    plans.clear()
    storage.sweep(now)
    about_ticks = [plan for plan in plans if "tick" in plan]
    assert any("tick_age" in plan for plan in about_ticks), plans
    with storage.reading() as t:
        assert t.tick.select().count() == 40, "of forty days"
