"""What the next server does with what the last one left, whether it stopped or died."""

import time

import pytest

from wfcore.engine.mail import Inbox
from wfcore.model.execution import TERMINAL
from wfcore.model.records import Message

GATE = "{type: witness/gate, inputs: {gate: g}}"


def test_executions_go_on_after_an_unclean_end(installation):
    with installation.open(maxConcurrentWorkflows=2):
        installation.apply(installation.chain(3, GATE) + "finally:\n  z: {type: witness/effect}\n")
        ids = [installation.submit() for _ in range(4)]
        for id in ids[:2]:
            installation.until_running(id)
        before = {id: installation.app.storage.facts(id) for id in ids}
        copy = installation.copy()
    with installation.open(copy, maxConcurrentWorkflows=2) as app:
        for id in ids[:2]:
            installation.until_running(id)
        assert app.storage.counts() == {"RUNNING": 2, "PENDING": 2}
        installation.stage.gates["g"].set()
        for id in ids:
            assert installation.end(id) == "SUCCESS"
            assert app.storage.facts(id)[: len(before[id])] == before[id]
        for id in ids[:2]:
            task = installation.tasks(id)["t00"]
            assert (task["attempt"], task["losses"]) == (2, 1)
            keys = {
                key for execution, name, _, key in installation.stage.ran if (execution, name) == (id, "t00")
            }
            assert len(keys) == 1
        assert installation.check_history() == 4
        assert app.storage.execution(ids[0]).epoch == 2


def test_what_was_recorded_is_not_done_again(installation):
    with installation.open():
        source = installation.chain(3) + "  t03: {type: witness/gate, inputs: {gate: g}}\n"
        installation.apply(source)
        id = installation.submit()
        installation.until_running(id, "t03")
        copy = installation.copy()
    installation.stage.gates["g"].set()
    installation.stage.ran.clear()
    with installation.open(copy):
        assert installation.end(id) == "SUCCESS"
        assert [task for _, task, *_ in installation.stage.ran] == ["t03"]


def test_timers_go_on(installation):
    source = """
id: timers
tasks:
  wait: {type: core/wait, inputs: {for: 400ms}}
  flaky: {type: witness/flaky, retry: {max: 1, delay: 400ms}, inputs: {times: 1}}
  late: {type: witness/effect, needs: [wait, flaky]}
"""
    with installation.open():
        installation.apply(source)
        id = installation.submit("timers")
        installation.until(lambda: installation.app.executions.state(id) == "WAITING")
        copy = installation.copy()
    with installation.open(copy):
        assert installation.end(id) == "SUCCESS"
        facts = installation.app.storage.facts(id)
        (started,) = (fact.at for fact in facts if fact.kind == "task.started" and fact.path == "late")
        assert started - facts[0].at >= 400_000
    with installation.open():
        assert installation.end(id) == "SUCCESS", "the stopped one goes on as well"


def test_a_timer_that_came_due_meanwhile_rings_at_once(installation):
    with installation.open():
        installation.apply(installation.chain(1, "{type: core/wait, inputs: {for: 100ms}}"))
        id = installation.submit()
        installation.until(lambda: installation.app.executions.state(id) == "WAITING")
    time.sleep(0.15)
    with installation.open():
        assert installation.end(id) == "SUCCESS"


def test_a_deadline_goes_on(installation):
    with installation.open():
        installation.apply(installation.chain(1, "{type: core/wait, inputs: {for: 1h}}") + "timeout: 300ms\n")
        id = installation.submit()
        installation.until(lambda: installation.app.executions.state(id) == "WAITING")
        assert installation.app.executions.state(id) == "WAITING"
    with installation.open():
        assert installation.end(id) == "FAILED"


def test_a_server_that_stops_lets_short_tasks_finish_and_starts_nothing(installation):
    with installation.open():
        installation.apply(installation.chain(2, "{type: witness/effect, inputs: {seconds: 0.15}}"))
        id = installation.submit()
        installation.until_running(id)
    assert [task for _, task, *_ in installation.stage.ran] == ["t00"]
    with installation.open():
        assert installation.end(id) == "SUCCESS"
        assert [(task["attempt"], task["losses"]) for task in installation.tasks(id).values()] == [(1, 0)] * 2
        assert "task.lost" not in installation.kinds(id)


def test_a_server_that_stops_leaves_long_tasks_to_the_next(installation):
    installation.settings["server.stopGrace"] = "1200ms"
    with installation.open():
        installation.apply(installation.chain(1, GATE))
        id = installation.submit()
        installation.until_running(id)
        began = time.monotonic()
    assert 0.1 < time.monotonic() - began < 5
    installation.stage.gates["g"].set()
    with installation.open():
        assert installation.end(id) == "SUCCESS"
        task = installation.tasks(id)["t00"]
        assert (task["attempt"], task["losses"]) == (1, 0), "giving back is no loss and no attempt"
        assert "task.released" in installation.kinds(id)


def test_an_idle_server_stops_at_once(installation):
    with installation.open():
        installation.apply(installation.chain(2))
        installation.end(installation.submit())
        began = time.monotonic()
    assert time.monotonic() - began < 3


def test_stopping_in_the_middle_of_busy_chains_loses_no_attempt(installation):
    """The end of one task and the begin of the next are one commit: none may slip through the stop."""
    with installation.open():
        installation.apply(installation.chain(60, "{type: core/set}"))
        ids = [installation.submit() for _ in range(3)]
    for _ in range(200):
        with installation.open() as app:
            time.sleep(0.01)
            if all(app.executions.state(id) in TERMINAL for id in ids):
                break
    with installation.open():
        for id in ids:
            assert installation.end(id) == "SUCCESS"
            assert "task.lost" not in installation.kinds(id)
            assert {task["attempt"] for task in installation.tasks(id).values()} == {1}


def test_a_submission_that_came_while_stopping_is_not_lost(installation):
    with installation.open() as app:
        installation.apply(installation.chain(2, GATE))
        first = installation.submit()
        installation.until_running(first)
        app.engine._owner._allotment.draining = True
        second = installation.submit()
        installation.stage.gates["g"].set()
        installation.until(lambda: installation.states(first).get("t00") == "SUCCESS")
        assert installation.states(second) == {}
    with installation.open():
        assert [installation.end(id) for id in (first, second)] == ["SUCCESS", "SUCCESS"]
        assert installation.check_history() == 2


def test_three_losses_are_enough(installation):
    with installation.open():
        installation.apply(installation.chain(2, GATE) + "finally:\n  z: {type: witness/effect}\n")
        id = installation.submit()
        installation.until_running(id)
        directory = installation.copy("copy1")
    for name in ("copy2", "copy3"):
        with installation.open(directory):
            installation.until_running(id)
            directory = installation.copy(name, directory)
    with installation.open(directory):
        assert installation.end(id) == "FAILED"
        assert installation.states(id) == {"t00": "FAILED", "t01": "SKIPPED", "@finally/z": "SUCCESS"}
        assert installation.app.executions.describe(id)["error"]["type"] == "lost"


@pytest.mark.parametrize("restart", [False, True])
def test_messages_for_an_owner_are_dealt_with(installation, restart):
    with installation.open() as app:
        installation.apply(installation.chain(1, "{type: core/wait, inputs: {for: 1h}}"))
        id, other = installation.submit(), installation.submit()
        installation.until(lambda: app.storage.counts().get("WAITING") == 2)
        assert app.storage.post(Message(id, "cancel", body={"reason": "from afar"}))
        app.storage.post(Message(id, "unheard of"))
        if not restart:
            app.engine._owner.send(Inbox())
            assert installation.end(id) == "CANCELLED"
    with installation.open() as app:
        assert installation.end(id) == "CANCELLED"
        assert app.executions.describe(id)["error"]["message"] == "from afar"
        assert app.executions.state(other) == "WAITING"
        kinds = [row[0] for row in installation.sql("select kind from inbox")]
        assert "cancel" not in kinds, "a message that was dealt with is gone"
        assert installation.kinds(id).count("execution.cancelling") == 1


@pytest.mark.parametrize("state", ["PENDING", "WAITING"])
def test_an_execution_whose_revision_cannot_be_loaded_harms_nobody_else(installation, state):
    """Its trigger's plugin is gone, for example."""
    limits = {"maxConcurrentWorkflows": 1}
    with installation.open(**limits):
        installation.apply(
            installation.chain(1, "{type: core/wait, inputs: {for: 1h}}"),
            installation.chain(1, GATE, id="gate"),
            installation.chain(1, id="good"),
        )
        if state == "WAITING":
            bad = installation.submit()
            installation.until(lambda: installation.app.executions.state(bad) == "WAITING")
        gate = installation.submit("gate")
        installation.until_running(gate)
        if state == "PENDING":
            bad = installation.submit()
        good = installation.submit("good")
        assert installation.app.executions.state(bad) == state
        copy = installation.copy()
    installation.stored.sql(
        installation.directory / copy, "update revision set source = 'id: chain' where workflow = 'chain'"
    )
    with installation.open(copy, **limits):
        installation.stage.gates["g"].set()
        assert installation.end(gate) == "SUCCESS"
        assert installation.end(good) == "SUCCESS"
        assert installation.end(installation.submit("good")) == "SUCCESS"
