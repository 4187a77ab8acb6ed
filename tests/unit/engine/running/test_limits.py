"""The limits are held exactly, waiting holds no slot, and what ran before goes first."""

import pytest

from wfcore.engine.dispatch import Request

GATE = "{type: witness/gate, inputs: {gate: g}}"
BRIEF = "{type: witness/effect, inputs: {seconds: 0.005}}"
STATES = {
    "execution.started": 1,
    "execution.resumed": 1,
    "execution.waiting": -1,
    "execution.finished": -1,
}


def most_running(opened, ids):
    """The most executions that were RUNNING at once, as their histories tell it."""
    moves = []
    for id in ids:
        running = False
        for fact in opened.app.storage.facts(id, limit=10_000):
            change = STATES.get(fact.kind)
            if change and (change == 1) != running:
                running = change == 1
                moves.append((fact.at, change))
    most = now = 0
    for _, change in sorted(moves):
        now += change
        most = max(most, now)
    return most


@pytest.mark.parametrize("limit", [1, 3])
def test_tasks_at_once(installation, limit):
    with installation.open(maxConcurrentTasks=limit) as app:
        installation.apply(installation.wide(30, BRIEF), installation.chain(5, BRIEF))
        ids = [installation.submit("wide"), *(installation.submit() for _ in range(6))]
        assert {installation.end(id) for id in ids} == {"SUCCESS"}
        assert installation.stage.peak == limit
        assert app.engine.running_tasks() == 0
        assert installation.check_history() == 7


def test_all_slots_are_used(installation):
    with installation.open(maxConcurrentTasks=4):
        installation.apply(installation.wide(9, GATE))
        id = installation.submit("wide")
        installation.until(lambda: len(installation.stage.now) == 4)
        states = sorted(installation.states(id).values())
        assert states == ["PENDING"] * 5 + ["RUNNING"] * 4
        installation.stage.gates["g"].set()
        assert installation.end(id) == "SUCCESS"


@pytest.mark.parametrize("limit", [1, 2])
def test_executions_at_once(installation, limit):
    with installation.open(maxConcurrentWorkflows=limit):
        installation.apply(installation.chain(4, BRIEF), installation.wide(3, BRIEF))
        ids = [installation.submit(name) for _ in range(8) for name in ("chain", "wide")]
        counts = installation.app.storage.counts()
        assert counts.get("RUNNING", 0) <= limit
        assert {installation.end(id) for id in ids} == {"SUCCESS"}
        assert installation.stage.most == limit
        assert most_running(installation, ids) <= limit
        assert installation.check_history() == 16


def test_executions_start_in_the_order_in_which_they_came(installation):
    with installation.open(maxConcurrentWorkflows=1):
        installation.apply(installation.chain(1))
        ids = [installation.submit() for _ in range(50)]
        for id in ids:
            installation.end(id)
        assert [execution for execution, *_ in installation.stage.ran] == ids


WAIT = """
id: wait
order: sequence
tasks:
  before: {type: witness/effect}
  pause: {type: core/wait, inputs: {for: 300ms}}
  after: {type: witness/effect}
"""


def test_a_wait_holds_no_slot(installation):
    with installation.open(maxConcurrentWorkflows=1, maxConcurrentTasks=1) as app:
        installation.apply(WAIT, installation.chain(3))
        waits = [installation.submit("wait") for _ in range(5)]
        installation.until(lambda: app.storage.counts().get("WAITING") == 5)
        assert app.engine.running_tasks() == 0
        assert installation.end(installation.submit()) == "SUCCESS"
        assert app.storage.counts()["WAITING"] == 5, "the chain ended while they all waited"
        assert {installation.end(id) for id in waits} == {"SUCCESS"}
        assert most_running(installation, waits) == 1


def test_a_retry_pause_holds_no_slot(installation):
    flaky = "{type: witness/flaky, retry: {max: 1, delay: 400ms}, inputs: {times: 1}}"
    with installation.open(maxConcurrentWorkflows=1, maxConcurrentTasks=1):
        installation.apply(installation.chain(1, flaky, id="flaky"), installation.chain(3))
        flaky = installation.submit("flaky")
        installation.until(lambda: installation.app.executions.state(flaky) == "WAITING")
        assert installation.end(installation.submit()) == "SUCCESS"
        assert installation.app.executions.state(flaky) == "WAITING"
        assert installation.end(flaky) == "SUCCESS"


def test_a_clock_set_back_while_a_retry_waits_for_a_slot(installation, manual_clock):
    """Its timer has rung; when the slot comes it is not due any more, and the timer is set again."""
    flaky = "{type: witness/flaky, retry: {max: 1, delay: 10s}, inputs: {times: 1}}"
    with installation.open(clock=manual_clock, maxConcurrentWorkflows=1) as app:
        gate = installation.chain(1, GATE, id="gate")
        installation.apply(installation.chain(1, flaky, id="flaky"), gate, installation.chain(1))
        flaky = installation.submit("flaky")
        installation.until(lambda: app.executions.state(flaky) == "WAITING")
        gate = installation.submit("gate")
        installation.until_running(gate)
        manual_clock.advance(20)
        behind = installation.submit()
        installation.until(lambda: flaky in installation.owner()._capacity._again)
        installation.owner()._ledger.drop(flaky)  # what is kept in memory may be forgotten at any time
        manual_clock.advance(-30)
        installation.stage.gates["g"].set()
        assert [installation.end(id) for id in (gate, behind)] == ["SUCCESS", "SUCCESS"]
        assert app.executions.state(flaky) == "WAITING"
        manual_clock.advance(60)
        assert installation.end(installation.submit()) == "SUCCESS"
        assert installation.end(flaky) == "SUCCESS"


def test_what_waited_goes_ahead_of_what_is_new(installation):
    with installation.open(maxConcurrentWorkflows=1):
        installation.apply(WAIT, installation.chain(1, GATE, id="gate"), installation.chain(1))
        waiting = installation.submit("wait")
        installation.until(lambda: installation.app.executions.state(waiting) == "WAITING")
        holding = installation.submit("gate")
        installation.until_running(holding)
        new = [installation.submit() for _ in range(3)]
        installation.until(lambda: waiting in installation.owner()._capacity._again)
        assert {installation.app.executions.state(id) for id in new} == {"PENDING"}
        installation.stage.gates["g"].set()
        for id in (waiting, *new):
            assert installation.end(id) == "SUCCESS"
        order = [execution for execution, *_ in installation.stage.ran]
        assert order == [waiting, holding, waiting, *new]


def test_a_ready_task_waits_behind_those_that_were_ready_before(installation):
    """Slots go round in order of readiness, also between executions."""
    with installation.open(maxConcurrentTasks=1):
        installation.apply(installation.wide(3, GATE, id="first"), installation.chain(2, id="second"))
        first = installation.submit("first")
        installation.until(lambda: installation.stage.now)
        second = installation.submit("second")
        installation.stage.gates["g"].set()
        installation.end(first)
        installation.end(second)
        names = [(execution == first, task) for execution, task, *_ in installation.stage.ran]
        assert names == [(True, "t00"), (True, "t01"), (True, "t02"), (False, "t00"), (False, "t01")]


def test_nothing_but_disabled_tasks_holds_no_slot(installation):
    with installation.open(maxConcurrentWorkflows=1):
        installation.apply(
            installation.chain(3, "{type: witness/effect, enabled: false}", id="off"),
            installation.chain(1),
            installation.chain(1, GATE, id="gate"),
        )
        gate = installation.submit("gate")
        installation.until_running(gate)
        ids = [installation.submit(name) for name in ("off", "off", "chain", "off", "chain")]
        installation.stage.gates["g"].set()
        assert {installation.end(id) for id in ids} == {"SUCCESS"}
        assert installation.end(installation.submit()) == "SUCCESS"


def test_fifty_submissions_with_one_key_make_one_execution(opened):
    from concurrent.futures import ThreadPoolExecutor

    opened.apply(opened.chain(2))
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(lambda _: opened.app.executions.submit("default", "chain", {}, key="once"), range(50))
        )
    assert len({record.id for record, _ in answers}) == 1
    assert [new for _, new in answers].count(True) == 1
    assert opened.end(answers[0][0].id) == "SUCCESS"
    assert opened.check_history() == 1
    assert len(opened.stage.ran) == 2
    other, new = opened.app.executions.submit("default", "chain", {}, key="twice")
    assert new
    opened.end(other.id)


def test_a_key_belongs_to_its_workflow(opened):
    opened.apply(opened.chain(1), opened.wide(1))
    assert opened.submit("chain", key="k") != opened.submit("wide", key="k")


def test_what_was_refused_is_told_to_nobody(installation, monkeypatch):
    with installation.open() as app:
        installation.apply(installation.chain(1))
        told, committed = [], app.engine.committed
        monkeypatch.setattr(app.engine, "committed", lambda steps: (told.extend(steps), committed(steps)))
        twins = [app.executions.prepare(Request("default", "chain", key="k")) for _ in range(2)]
        (first, created), (second, again) = app.executions.begin(twins)
        assert (created, again, second.id) == (True, False, first.id)
        assert installation.end(first.id) == "SUCCESS"
        assert {step.execution.id for step in told} == {first.id}


def test_refused_twins_hold_no_slot(installation):
    from concurrent.futures import ThreadPoolExecutor

    with installation.open(maxConcurrentWorkflows=2) as app:
        installation.apply(installation.chain(1))
        with ThreadPoolExecutor(20) as pool:
            ids = list(pool.map(lambda n: installation.submit(key=str(n % 5)), range(100)))
        assert len(set(ids)) == 5
        for id in ids:
            assert installation.end(id) == "SUCCESS"
        installation.until(lambda: not installation.owner()._capacity.admitted)
        assert installation.owner()._capacity.busy == 0
        assert app.storage.counts() == {"SUCCESS": 5}
