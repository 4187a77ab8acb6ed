"""Cancels and timeouts of tasks that wait, run, give way, or do not react."""

import threading
import time

import pytest

from wfcore.engine import flow, intake
from wfcore.errors import Conflict, NotFound

GATE = "{type: witness/gate, inputs: {gate: g}}"
DEAF = "{type: witness/deaf, inputs: {gate: g}}"


def test_cancel_a_pending_execution(installation):
    with installation.open(maxConcurrentWorkflows=1):
        installation.apply(installation.chain(1, GATE))
        first, second, third = (installation.submit() for _ in range(3))
        installation.until_running(first)
        assert installation.app.executions.cancel(second, "no more")["state"] == "CANCELLED"
        installation.stage.gates["g"].set()
        assert installation.end(first) == "SUCCESS"
        assert installation.end(third) == "SUCCESS"
        assert installation.end(second) == "CANCELLED"
        assert installation.kinds(second) == [
            "execution.created", "execution.cancelling", "execution.finished"
        ]  # fmt: skip
        assert installation.check_history() == 3


def test_cancel_a_running_execution(opened):
    opened.apply(opened.chain(2, GATE) + "finally:\n  z: {type: witness/effect}\n")
    id = opened.submit()
    opened.until_running(id)
    opened.app.executions.cancel(id, "enough")
    assert opened.end(id, 8) == "CANCELLED"
    assert opened.states(id) == {"t00": "CANCELLED", "t01": "CANCELLED", "@finally/z": "SUCCESS"}
    assert opened.app.executions.describe(id)["error"]["message"] == "enough"
    with pytest.raises(Conflict, match="already ended"):
        opened.app.executions.cancel(id)


@pytest.mark.parametrize(
    "body",
    [
        "{type: core/wait, inputs: {for: 1h}}",
        "{type: witness/flaky, retry: {max: 1, delay: 1h}, inputs: {times: 9}}",
    ],
)
def test_cancel_a_waiting_execution(opened, body):  # fmt: skip
    opened.apply(opened.chain(2, body))
    id = opened.submit()
    opened.until(lambda: opened.app.executions.state(id) == "WAITING")
    opened.app.executions.cancel(id)
    assert opened.end(id, 8) == "CANCELLED"
    assert opened.states(id) == {"t00": "CANCELLED", "t01": "CANCELLED"}
    assert opened.owner()._timers.next_at() is None, "nobody waits for it any more"


def test_cancel_what_is_not_there(opened):
    with pytest.raises(NotFound):
        opened.app.executions.cancel("nobody")


def test_a_stop_and_the_end_in_one_turn_leave_no_timer(opened):
    """The cancel asks for a timer that gives the attempt up; the attempt has come back before it is set."""
    opened.apply(opened.chain(1, GATE), opened.chain(1, id="other"))
    id = opened.submit()
    opened.until_running(id)
    inside, go_on = opened.hold_commit()
    threads = [threading.Thread(target=opened.submit, args=("other",))]
    threads[0].start()
    inside.wait(5)
    threads.append(threading.Thread(target=opened.app.executions.cancel, args=(id,)))
    threads[1].start()
    mail = opened.owner()._mail
    opened.until(lambda: mail.qsize() == 1)
    opened.stage.gates["g"].set()
    opened.until(lambda: mail.qsize() == 2)
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert opened.end(id) == "CANCELLED"
    opened.until(lambda: not opened.owner()._ledger.attempts)
    assert opened.owner()._timers.next_at() is None


def test_cancel_lets_a_request_go(opened):
    """A cancel and the end of the last task arrive together: the end was first and stays."""
    opened.apply(opened.chain(1, GATE), opened.chain(1, id="other"))
    id = opened.submit()
    opened.until_running(id)
    inside, go_on = opened.hold_commit()
    other = threading.Thread(target=opened.submit, args=("other",))
    other.start()
    inside.wait(5)
    opened.stage.gates["g"].set()
    opened.until(lambda: not opened.owner()._mail.empty())
    answer = []

    def cancel():
        try:
            answer.append(opened.app.executions.cancel(id))
        except Conflict as error:
            answer.append(error)

    cancelling = threading.Thread(target=cancel)
    cancelling.start()
    opened.until(lambda: opened.owner()._mail.qsize() == 2)
    go_on.set()
    other.join()
    cancelling.join()
    assert isinstance(answer[0], Conflict)
    assert opened.end(id) == "SUCCESS"
    assert opened.app.executions.describe(id)["error"] is None
    assert opened.kinds(id)[-1] == "execution.finished"


def test_a_task_timeout(opened):
    body = "{type: witness/gate, timeout: 100ms, inputs: {gate: g}}"
    began = time.monotonic()
    id, state, states = opened.run(opened.chain(2, body))
    assert (state, states) == ("FAILED", {"t00": "FAILED", "t01": "SKIPPED"})
    assert 0.1 <= time.monotonic() - began < 5
    error = opened.tasks(id)["t00"]["error"]
    assert error == {"type": "timeout", "message": "took longer than 0.1 s", "task": "t00", "attempt": 1}


def test_a_task_timeout_is_of_one_attempt_and_may_pass(opened):
    body = "{type: witness/gate, timeout: 60ms, retry: {max: 2, delay: 0s}, inputs: {gate: g}}"
    id, state, _ = opened.run(opened.chain(1, body))
    assert state == "FAILED"
    assert opened.tasks(id)["t00"]["attempt"] == 3
    assert len(opened.stage.ran) == 3
    assert len({key for *_, key in opened.stage.ran}) == 1


def test_a_task_that_is_quick_enough_is_not_stopped(opened):
    body = "{type: witness/effect, timeout: 5s}"
    _, state, _ = opened.run(opened.chain(3, body))
    assert state == "SUCCESS"
    assert opened.owner()._timers.next_at() is None


@pytest.mark.parametrize("retry", [0, 1])
def test_a_task_that_does_not_react_to_its_timeout_is_given_up(opened, monkeypatch, retry):
    monkeypatch.setattr(intake, "GRACE", 100_000)
    settings = f"timeout: 50ms, retry: {{max: {retry}, delay: 0s}}"
    id, state, _ = opened.run(opened.chain(1, f"{{type: witness/deaf, {settings}, inputs: {{gate: g}}}}"))
    assert state == "FAILED"
    assert "does not react" in opened.tasks(id)["t00"]["error"]["message"]
    assert opened.app.engine.running_tasks() == 1 + retry, "its thread still has the slot"
    before = opened.app.storage.execution(id).seq
    opened.stage.gates["g"].set()
    opened.until(lambda: opened.app.engine.running_tasks() == 0)
    assert opened.app.storage.execution(id).seq == before, "what comes too late changes nothing"


def test_a_task_that_does_not_react_to_a_cancel_is_given_up(opened, monkeypatch):
    monkeypatch.setattr(intake, "GRACE", 100_000)
    opened.apply(opened.chain(2, DEAF) + "finally:\n  z: {type: witness/effect}\n")
    id = opened.submit()
    opened.until_running(id)
    opened.app.executions.cancel(id)
    assert opened.end(id, 8) == "CANCELLED"
    assert opened.states(id) == {"t00": "CANCELLED", "t01": "CANCELLED", "@finally/z": "SUCCESS"}
    assert opened.app.engine.running_tasks() == 1
    opened.stage.gates["g"].set()
    opened.until(lambda: opened.app.engine.running_tasks() == 0)


def test_the_timeout_of_an_execution(opened):
    source = opened.chain(2, GATE) + (
        "timeout: 150ms\n"
        "on_failure:\n  x: {type: core/set, inputs: {error: '{{ error.type }}'}}\n"
        "finally:\n  z: {type: witness/effect, inputs: {seconds: 0.2}}\n"
    )
    id, state, states = opened.run(source)
    assert state == "FAILED"
    assert states == {
        "t00": "CANCELLED",
        "t01": "CANCELLED",
        "@on_failure/x": "SUCCESS",
        "@finally/z": "SUCCESS",
    }
    assert opened.tasks(id)["@on_failure/x"]["output"] == {"error": "timeout"}
    error = opened.app.executions.describe(id)["error"]
    assert error["type"] == "timeout"
    assert "0.15 s" in error["message"]
    assert "execution.timeout" in opened.kinds(id)


def test_the_timeout_of_an_execution_that_waits(opened):
    source = opened.chain(2, "{type: core/wait, inputs: {for: 1h}}") + "timeout: 100ms\n"
    _, state, states = opened.run(source)
    assert (state, states) == ("FAILED", {"t00": "CANCELLED", "t01": "CANCELLED"})
    assert opened.owner()._timers.next_at() is None


@pytest.mark.parametrize("timeout", ["", "timeout: 1h\n"])
def test_finally_has_its_own_limit(opened, monkeypatch, timeout):
    monkeypatch.setattr(flow, "PART_LIMIT", 100_000)
    source = opened.chain(1) + timeout + "finally:\n  z: {type: witness/gate, inputs: {gate: g}}\n"
    id, state, states = opened.run(source)
    assert (state, states) == ("FAILED", {"t00": "SUCCESS", "@finally/z": "CANCELLED"})
    assert opened.app.executions.describe(id)["error"]["message"] == "the time for finally is over"


def test_on_failure_has_its_own_limit(opened, monkeypatch):
    monkeypatch.setattr(flow, "PART_LIMIT", 100_000)
    source = opened.chain(1, "{type: core/fail, inputs: {message: no}}") + (
        "on_failure:\n  x: {type: witness/gate, inputs: {gate: g}}\nfinally:\n  z: {type: witness/effect}\n"
    )
    id, state, states = opened.run(source)
    assert (state, states) == (
        "FAILED",
        {"t00": "FAILED", "@on_failure/x": "CANCELLED", "@finally/z": "SUCCESS"},
    )
    assert opened.app.executions.describe(id)["error"]["message"] == "no", "the first failure stays"


def test_a_retry_waits_as_long_as_the_other_side_wants(opened):
    body = "{type: witness/flaky, retry: {max: 1, delay: 1h}, inputs: {times: 1, after: 0.3}}"
    began = time.monotonic()
    id, state, _ = opened.run(opened.chain(1, body))
    assert state == "SUCCESS"
    assert 0.3 <= time.monotonic() - began < 5
    (retrying,) = (fact for fact in opened.app.storage.facts(id) if fact.kind == "task.retrying")
    assert retrying.body["delay"] == 0.3
    assert retrying.body["error"]["type"] == "passing"


RETRIES = {
    "none": ("{backoff: none, max: 3}", [0, 0, 0]),
    "constant": ("{backoff: constant, delay: 40ms, max: 3}", [40, 40, 40]),
    "linear": ("{backoff: linear, delay: 20ms, max: 3}", [20, 40, 60]),
    "exponential": ("{delay: 20ms, factor: 2, max: 3}", [20, 40, 80]),
    "capped": ("{delay: 20ms, factor: 4, max_delay: 50ms, max: 3}", [20, 50, 50]),
}


@pytest.mark.parametrize("case", RETRIES)
def test_pauses_are_kept(opened, case):
    policy, pauses = RETRIES[case]
    id, state, _ = opened.run(
        opened.chain(1, f"{{type: witness/flaky, retry: {policy}, inputs: {{times: 3}}}}")
    )
    assert state == "SUCCESS"
    facts = opened.app.storage.facts(id)
    ends = [fact.at for fact in facts if fact.kind == "task.retrying"]
    starts = [fact.at for fact in facts if fact.kind == "task.started"][1:]
    for end, start, pause in zip(ends, starts, pauses, strict=True):
        assert pause * 1000 <= start - end < pause * 1000 + 150_000


@pytest.mark.parametrize(("kinds", "attempts"), [("passing", 3), ("[other, passing]", 3), ("other", 1)])
def test_retry_for(opened, kinds, attempts):
    body = f"{{type: witness/flaky, retry: {{max: 2, delay: 0s, for: {kinds}}}, inputs: {{times: 9}}}}"
    id, _, _ = opened.run(opened.chain(1, body))
    assert opened.tasks(id)["t00"]["attempt"] == attempts


def test_retry_if(opened):
    body = "{type: witness/flaky, retry: {max: 9, delay: 0s, if: error.attempt < 4}, inputs: {times: 99}}"
    id, _, _ = opened.run(opened.chain(1, body))
    assert opened.tasks(id)["t00"]["attempt"] == 4


def test_a_terminal_error_is_not_tried_again(opened):
    body = "{type: core/fail, retry: 3, inputs: {message: no}}"
    id, _, _ = opened.run(opened.chain(1, body))
    assert opened.tasks(id)["t00"]["attempt"] == 1
