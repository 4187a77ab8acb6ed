"""Limits hold for all servers on one PostgreSQL together, also while these come, go and fall silent."""

import pytest

from tests.storages import KIND
from tests.unit.engine.running.servers import apply, fall_silent, is_adopted, submit
from wfcore.model.records import ExecutionQuery

pytestmark = pytest.mark.skipif(KIND != "postgres", reason="SQLite belongs to one server")
GATE = "{type: witness/gate, inputs: {gate: g}, concurrency: pay}"
BRIEF = "{type: witness/effect, inputs: {seconds: 0.01}, concurrency: pay}"
ONE = "id: one\nconcurrency: MANNER\ntasks:\n  t00: {type: witness/gate, inputs: {gate: g}}\n"
PAY = {"limits.pay": 2}


def one(manner="1"):
    return ONE.replace("MANNER", manner)


def permits(app):
    with app.storage.reading() as tables:
        rows = "select execution, path, held from permit order by execution, path"
        return list(tables.execution._database.execute_sql(rows))


def test_never_more_tasks_than_the_limit_on_all_servers(installation, cluster):
    with cluster("a", **PAY) as a, cluster("b", **PAY) as b, cluster("c", **PAY) as c:
        apply(a, installation.wide(4, BRIEF, id="chain"))
        ids = [submit(app) for _ in range(6) for app in (a, b, c)]
        for id in ids:
            assert a.executions.wait_end(id, 60).state == "SUCCESS"
        assert installation.stage.peak == 2
        assert len({a.storage.execution(id).owner for id in ids}) > 1
        assert permits(a) == []


def test_one_execution_at_a_time_whichever_server_it_was_given_to(installation, cluster):
    with cluster("a") as a, cluster("b") as b:
        apply(a, one())
        ids = [submit(app, "one") for _ in range(5) for app in (a, b)]
        installation.stage.gates["g"].set()
        for id in ids:
            assert b.executions.wait_end(id, 60).state == "SUCCESS"
        assert installation.stage.most == 1
        assert [execution for execution, *_ in installation.stage.ran] == ids, (
            "in the order of their creation"
        )
        assert permits(a) == []


@pytest.mark.timeout(60)
def test_a_permit_goes_to_another_server_by_a_notification(installation, cluster):
    """No beat comes within the time of this test."""
    slow = {"lease": "600s"}
    with cluster("a", **slow, **PAY) as a, cluster("b", **slow, **PAY) as b:
        apply(a, installation.chain(1, GATE))
        apply(a, one())
        held = [submit(a), submit(a)]
        waiting = [submit(b), submit(b)]
        alone, after = submit(a, "one"), submit(b, "one")
        installation.until(lambda: all(b.executions.state(id) == "WAITING" for id in waiting))
        assert b.executions.state(after) == "PENDING"
        installation.stage.gates["g"].set()
        for id in (*held, *waiting, alone, after):
            assert b.executions.wait_end(id, 20).state == "SUCCESS"


def test_an_api_server_runs_nothing_and_loses_nothing(installation, cluster):
    roles = {"server.role": "api"}
    with cluster("a", roles, **PAY) as a, cluster("b", **PAY) as b:
        apply(a, one("{limit: 1, on_limit: skip}"))
        first = submit(a, "one")
        installation.until_running(first)
        assert a.executions.wait_end(submit(a, "one"), 20).state == "CANCELLED"
        installation.stage.gates["g"].set()
        assert a.executions.wait_end(first, 20).state == "SUCCESS"
        assert b.storage.execution(first).owner == b.node
        apply(a, one())
        ids = [submit(a, "one") for _ in range(4)]
        for id in ids:
            assert a.executions.wait_end(id, 20).state == "SUCCESS"
        assert permits(b) == []


def test_what_waits_goes_on_when_the_server_that_took_it_leaves(installation, cluster):
    with cluster("b", lease="600s", **PAY) as b:
        with cluster("a", lease="600s", **PAY) as a:
            apply(a, installation.chain(1, GATE))
            apply(a, one())
            held = [submit(b), submit(b), submit(b, "one")]
            installation.until(lambda: len(installation.stage.now) == 3)
            left = [submit(a), submit(a, "one")]
            installation.until(lambda: a.executions.state(left[0]) == "WAITING")
        installation.until(lambda: all(is_adopted(installation, b, id) for id in left))
        installation.stage.gates["g"].set()
        for id in (*held, *left):
            assert b.executions.wait_end(id, 20).state == "SUCCESS"
        assert permits(b) == []


def test_a_silent_server_keeps_its_permits_until_others_go_on_with_its_work(installation, cluster):
    with cluster("a", lease="1s", **PAY) as a, cluster("b", lease="1s", **PAY) as b:
        apply(a, installation.chain(1, GATE))
        apply(a, one())
        ids = [submit(a), submit(a), submit(a, "one")]
        installation.until(lambda: len(installation.stage.now) == 3)
        waiting = [submit(b), submit(b), submit(b, "one")]
        installation.until(lambda: b.executions.state(waiting[1]) == "WAITING")
        fall_silent(a)
        installation.until(lambda: all(is_adopted(installation, b, id) for id in ids), 20)
        held = {execution for execution, _, holds in permits(b) if holds}
        assert held == set(ids), "nobody else got one by that"
        installation.stage.gates["g"].set()
        for id in (*ids, *waiting):
            assert b.executions.wait_end(id, 30).state == "SUCCESS"
        assert permits(b) == []
        assert not b.storage.executions(ExecutionQuery(states=("PENDING", "RUNNING", "WAITING")))


def test_the_newest_takes_the_place_of_one_on_another_server(installation, cluster):
    with cluster("a", lease="600s") as a, cluster("b", lease="600s") as b:
        apply(a, one("{limit: 1, on_limit: cancel_oldest}"))
        oldest = submit(a, "one")
        installation.until_running(oldest)
        middle, newest = submit(b, "one"), submit(a, "one")
        for id in (oldest, middle):
            assert b.executions.wait_end(id, 20).state == "CANCELLED"
        installation.stage.gates["g"].set()
        assert b.executions.wait_end(newest, 20).state == "SUCCESS"
        assert permits(b) == []
