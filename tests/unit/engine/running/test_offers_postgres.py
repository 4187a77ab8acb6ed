"""What exceeds the tasks of one server is run by others on the same PostgreSQL; its owner alone writes it."""

import time

import pytest

from tests.storages import KIND
from tests.unit.engine.running.servers import apply, fall_silent, submit
from wfcore.engine import exchange
from wfcore.errors import Unavailable

pytestmark = pytest.mark.skipif(KIND != "postgres", reason="SQLite belongs to one server")
GATE = "{type: witness/gate, inputs: {gate: g}}"


def meet(installation, *apps):
    """They know of each other by their next beats."""
    for app in apps:
        app.engine._pulse._wake.set()
    installation.until(lambda: all(app.engine._owner._capacity.offers for app in apps))


def runners(app, id):
    """Which servers run what of an execution."""
    with app.storage.reading() as t:
        rows = t.offer.select(t.offer.path, t.offer.node).where(t.offer.execution == id).tuples()
        return dict(rows)


def taken(app, id):
    return {path: node for path, node in runners(app, id).items() if node}


def test_a_fan_out_runs_on_both_servers(installation, cluster):
    with cluster("a", maxConcurrentTasks=2) as a, cluster("b", maxConcurrentTasks=2) as b:
        meet(installation, a, b)
        installation.app = a
        apply(a, installation.wide(12, "{type: witness/effect, inputs: {seconds: 0.05}}"))
        id = submit(a, "wide")
        assert b.executions.wait_end(id, 30).state == "SUCCESS"
        assert installation.stage.peak == 4
        assert len(installation.stage.ran) == 12
        assert {key for *_, key in installation.stage.ran} == {f"{id}:t{n:02}:0" for n in range(12)}
        assert {task.attempt for task in a.storage.tasks(id)} == {1}
        assert runners(a, id) == {}
        assert a.storage.inbox(a.node) == []
        facts = a.storage.facts(id)
        assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))


def test_outputs_logs_waits_and_failures_come_back(installation, cluster):
    tasks = {
        "big": "{type: witness/big, inputs: {size: 100000}}",
        "flaky": "{type: witness/flaky, retry: {max: 1, delay: 10ms}, inputs: {times: 1}}",
        "odd": "{type: witness/odd, continue_on_error: true, inputs: {what: an error that is no text}}",
        "said": "{type: core/log, inputs: {message: hello}}",
        "slept": "{type: core/wait, inputs: {for: 100ms}}",
        "after": "{type: witness/effect, inputs: {seconds: '{{ 0 * tasks.flaky.output }}'}}",
        "skipped": "{type: core/set, if: '{{ false }}'}",
    }
    source = "id: mixed\ntasks:\n" + "".join(f"  {name}: {body}\n" for name, body in tasks.items())
    with cluster("a", maxConcurrentTasks=1) as a, cluster("b", maxConcurrentTasks=8) as b:
        meet(installation, a, b)
        apply(a, installation.chain(1, GATE, id="gate"))
        gate = submit(a, "gate")
        installation.until_running(gate)
        apply(a, source)
        id = submit(a, "mixed")
        record = a.executions.wait_end(id, 30)
        assert record.state == "SUCCESS", a.storage.facts(id)
        tasks = {task.path: task for task in a.storage.tasks(id)}
        states = {path: task.state for path, task in tasks.items()}
        assert states == dict.fromkeys(states, "SUCCESS") | {"odd": "FAILED", "skipped": "SKIPPED"}
        assert tasks["flaky"].attempt == 2
        assert tasks["big"].output.startswith("@sha256:")
        assert [fact.body["message"] for fact in a.storage.facts(id, kind="log")] == ["hello"]
        assert a.storage.execution(gate).state == "RUNNING"
        installation.stage.gates["g"].set()
        assert a.executions.wait_end(gate, 30).state == "SUCCESS"


def test_a_cancel_reaches_the_server_that_runs_it(installation, cluster):
    with cluster("a", lease="600s", maxConcurrentTasks=1) as a:
        with cluster("b", lease="600s", maxConcurrentTasks=1) as b:
            meet(installation, a, b)
            apply(a, installation.wide(4, GATE))
            id = submit(a, "wide")
            installation.until(lambda: len(taken(a, id)) == 1 and len(installation.stage.now) == 2)
            a.executions.cancel(id, "enough")
            assert a.executions.wait_end(id, 30).state == "CANCELLED"
            installation.until(lambda: not installation.stage.now)
            assert b.engine.running_tasks() == 0
        assert runners(a, id) == {}


def test_a_timeout_is_kept_by_the_server_that_runs_it(installation, cluster):
    body = "{type: witness/gate, timeout: 300ms, continue_on_error: true, inputs: {gate: g}}"
    with cluster("a", maxConcurrentTasks=1) as a, cluster("b", maxConcurrentTasks=1) as b:
        meet(installation, a, b)
        apply(a, installation.wide(3, body))
        id = submit(a, "wide")
        assert a.executions.wait_end(id, 30).state == "SUCCESS"
        assert {task.state for task in a.storage.tasks(id)} == {"FAILED"}
        assert all('"timeout"' in task.error for task in a.storage.tasks(id))


def test_what_a_dead_server_ran_for_another_runs_again_with_the_same_key(installation, cluster):
    with (
        cluster("a", lease="1s", maxConcurrentTasks=1) as a,
        cluster("b", lease="1s", maxConcurrentTasks=1) as b,
    ):
        meet(installation, a, b)
        apply(a, installation.wide(2, GATE))
        id = submit(a, "wide")
        installation.until(lambda: len(taken(a, id)) == 1 and len(installation.stage.now) == 2)
        (lent,) = taken(a, id)
        fall_silent(b)
        installation.until(lambda: a.storage.tasks(id)[0].losses + a.storage.tasks(id)[1].losses == 1, 20)
        installation.stage.gates["g"].set()
        assert a.executions.wait_end(id, 30).state == "SUCCESS"
        tasks = {task.path: task for task in a.storage.tasks(id)}
        assert (tasks[lent].attempt, tasks[lent].losses) == (2, 1)
        assert len({key for _, task, _, key in installation.stage.ran if task == lent}) == 1
        ends = [fact.path for fact in a.storage.facts(id, kind="task.finished")]
        assert sorted(ends) == ["t00", "t01"]


def test_what_a_server_offered_goes_on_when_it_dies(installation, cluster):
    """Who adopts the execution knows that its attempts are run elsewhere, and hears how they ended."""
    with (
        cluster("a", lease="1s", maxConcurrentTasks=1) as a,
        cluster("b", lease="1s", maxConcurrentTasks=3) as b,
    ):
        meet(installation, a, b)
        apply(a, installation.wide(3, GATE))
        id = submit(a, "wide")
        installation.until(lambda: len(taken(a, id)) == 2 and len(installation.stage.now) == 3)
        lent = set(taken(a, id))
        fall_silent(a)
        installation.until(lambda: b.storage.execution(id).owner == b.node, 20)
        installation.stage.gates["g"].set()
        assert b.executions.wait_end(id, 30).state == "SUCCESS"
        losses = {task.path: task.losses for task in b.storage.tasks(id)}
        assert losses == {path: int(path not in lent) for path in losses}
        assert all(installation.stage.count(path) == 1 for path in lent)


def test_a_server_that_stops_gives_back_what_it_ran_for_others_uncharged(installation, cluster):
    with cluster("a", lease="600s", maxConcurrentTasks=1) as a:
        with cluster("b", lease="600s", maxConcurrentTasks=1) as b:
            meet(installation, a, b)
            apply(a, installation.wide(2, GATE))
            id = submit(a, "wide")
            installation.until(lambda: len(taken(a, id)) == 1 and len(installation.stage.now) == 2)
        installation.stage.gates["g"].set()
        assert a.executions.wait_end(id, 30).state == "SUCCESS"
        assert {(task.attempt, task.losses) for task in a.storage.tasks(id)} == {(1, 0)}


def test_a_labelled_task_runs_where_its_label_is(installation, cluster):
    source = (
        "id: labelled\ntasks:\n  g: {type: witness/effect, runs_on: gpu}\n  p: {type: witness/effect}\n"
        "outputs: {g: '{{ tasks.g.output.key }}'}\n"
    )
    with cluster("a") as a:
        apply(a, source)
        id = submit(a, "labelled")
        installation.until(lambda: runners(a, id) == {"g": None})
        time.sleep(0.2)
        assert a.storage.execution(id).state == "RUNNING", "it waits for a server with this label"
        with cluster("b", labels="gpu") as b:
            b.engine._pulse._wake.set()
            assert a.executions.wait_end(id, 30).state == "SUCCESS"
        assert sorted(task for _, task, *_ in installation.stage.ran) == ["g", "p"]


def test_what_nobody_takes_says_so_once_in_its_log(installation, cluster, monkeypatch):
    monkeypatch.setattr(exchange, "PATIENCE", 0.2)
    source = "id: lonely\ntasks:\n  g: {type: witness/effect, runs_on: gpu}\n"
    with cluster("a") as a:

        def said(id):
            a.engine._pulse._wake.set()
            facts = a.storage.facts(id, kind="log")
            return [(fact.path, fact.body["level"], fact.body["message"]) for fact in facts]

        apply(a, source)
        first, second = submit(a, "lonely"), submit(a, "lonely")
        installation.until(lambda: said(first) and said(second))
        for _ in range(5):
            time.sleep(0.1)
            lines = said(first)
        why = "no server with the label 'gpu' has taken it in 0.2 s: there is none, or it has no room"
        assert lines == [("g", "WARNING", why)]
        assert a.storage.execution(first).state == "RUNNING"
        with cluster("b", labels="gpu") as b:
            b.engine._pulse._wake.set()
            assert a.executions.wait_end(first, 30).state == "SUCCESS"
            assert a.executions.wait_end(second, 30).state == "SUCCESS"
        assert a.engine._owner._exchange.overlooked() == ()
        third = submit(a, "lonely")
        installation.until(lambda: said(third))


def test_offers_wait_while_the_database_is_away(installation, cluster):
    with cluster("a", maxConcurrentTasks=1) as a, cluster("b", maxConcurrentTasks=1) as b:
        meet(installation, a, b)
        apply(a, installation.wide(4, "{type: witness/effect, inputs: {seconds: 0.02}}"))
        offer, failed = a.storage.offer, []

        def failing(offers):
            if len(failed) < 3:
                failed.append(len(offers))
                raise Unavailable("nobody there")
            offer(offers)

        a.storage.offer = failing
        id = submit(a, "wide")
        for _ in range(5):
            a.engine._pulse._wake.set()
            time.sleep(0.1)
        assert a.executions.wait_end(id, 30).state == "SUCCESS"
        assert failed
        assert {(task.attempt, task.losses) for task in a.storage.tasks(id)} == {(1, 0)}
