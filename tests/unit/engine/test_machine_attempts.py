"""Attempts: outcomes that come late, retries with their pauses, timers."""

import pytest

from wfcore.engine import machine
from wfcore.model.execution import Error
from wfcore.model.outcome import Failed, Succeeded
from wfcore.model.workflow import Retry

BAD = "fail"
S, F, K = "SUCCESS", "FAILED", "SKIPPED"


# attempts


def test_the_outcome_of_another_attempt_is_refused(bench):
    b = bench("a", a={"retry": Retry(1, delay=0.0)}).start()
    assert not machine.finish(b.run, "a", 1, Succeeded(), b.now), "it has not begun"
    b.begin_ready()
    b.fail("a", retry=True)
    b.pass_time(1)
    b.begin_ready()
    assert not machine.finish(b.run, "a", 1, Succeeded(), b.now)
    assert machine.finish(b.run, "a", 2, Succeeded(), b.now)
    b.commit()
    assert not machine.finish(b.run, "a", 2, Failed(Error("x", "y")), b.now)
    assert not machine.finish(b.run, "nobody", 1, Succeeded(), b.now)
    b.commit()
    assert b.states == {"a": S}


DELAYS = {
    "none": ({"backoff": "none", "delay": 9.0}, [0, 0, 0, 0]),
    "constant": ({"backoff": "constant", "delay": 2.0}, [2, 2, 2, 2]),
    "linear": ({"backoff": "linear", "delay": 2.0}, [2, 4, 6, 8]),
    "exponential": ({"backoff": "exponential", "delay": 1.0}, [1, 2, 4, 8]),
    "another factor": ({"delay": 1.0, "factor": 3.0}, [1, 3, 9, 27]),
    "a cap": ({"delay": 1.0, "max_delay": 3.0}, [1, 2, 3, 3]),
    "a cap below the delay": ({"backoff": "constant", "delay": 5.0, "max_delay": 0.5}, [0.5] * 4),
}


@pytest.mark.parametrize("case", DELAYS)
def test_retry_until_it_is_enough(bench, case):
    policy, delays = DELAYS[case]
    b = bench("a b<a", a={"retry": Retry(4, **policy)}).start()
    for delay in delays:
        b.begin_ready()
        b.fail("a", retry=True)
        assert b.states == {"a": "WAITING"}
        assert b.rows["a"].waiting == "retry"
        assert b.rows["a"].due_at == b.now + delay * 1_000_000
        assert b.state == "WAITING"
        assert b.facts[-2].kind == "task.retrying"
        assert b.facts[-2].body["delay"] == delay
        if delay:
            b.pass_time(delay - 0.000_001)
            assert not b.run.ready, "too early"
        b.pass_time(0.000_001)
    b.begin_ready()
    b.fail("a", retry=True)
    assert (b.state, b.states) == (F, {"a": F, "b": K})
    assert b.rows["a"].attempt == 5
    assert b.error() == {"type": "boom", "message": "it broke", "task": "a", "attempt": 5}


def test_a_retry_that_succeeds_leaves_no_error(bench):
    b = bench("a", a={"retry": Retry(1)}).start()
    b.begin_ready()
    b.fail("a", retry=True)
    assert b.error("a")["type"] == "boom"
    b.pass_time(1)
    b.begin_ready()
    assert b.state == "RUNNING"
    b.succeed("a")
    assert (b.state, b.error("a"), b.error()) == (S, None, None)
    assert b.kinds().count("execution.waiting") == b.kinds().count("execution.resumed") == 1


def test_the_other_side_s_wish_overrides_the_policy(bench):
    b = bench("a", a={"retry": Retry(1, delay=1.0, max_delay=2.0)}).start()
    b.begin_ready()
    b.fail("a", retry=True, after=77.5)
    assert b.rows["a"].due_at == b.now + 77_500_000


def test_without_leave_there_is_no_retry(bench):
    b = bench("a", a={"retry": Retry(3)}).play({"a": BAD})
    assert (b.state, b.rows["a"].attempt) == (F, 1)


def test_a_pause_does_not_hold_up_the_others(bench):
    b = bench("a b c<a,b", a={"retry": Retry(1)}).start()
    b.begin_ready()
    b.fail("a", retry=True)
    assert b.state == "RUNNING", "b still runs"
    b.succeed("b")
    assert b.state == "WAITING"
    b.pass_time(1)
    b.begin_ready()
    b.succeed("a")
    b.begin_ready()
    b.succeed("c")
    assert b.state == S


# timers


def test_a_suspended_task_succeeds_at_its_time(bench):
    b = bench("a b<a").start()
    b.begin_ready()
    b.suspend("a", 30)
    assert (b.state, b.rows["a"].waiting) == ("WAITING", "timer")
    assert b.rows["a"].due_at == b.now + 30_000_000
    b.pass_time(29)
    assert b.states == {"a": "WAITING"}
    b.crash()
    b.pass_time(1)
    assert b.states == {"a": S}
    assert b.rows["a"].output == '"a"'
    assert (b.rows["a"].waiting, b.rows["a"].due_at) == (None, None)
    assert b.rows["a"].attempt == 1
    b.begin_ready()
    b.succeed("b")
    assert b.state == S


def test_a_timer_that_rings_for_nobody(bench):
    b = bench("a").start()
    machine.due(b.run, "a", b.now)
    b.begin_ready()
    machine.due(b.run, "a", b.now)
    machine.due(b.run, "nobody", b.now)
    assert not b.run.dirty


def test_the_last_timer_ends_a_waiting_execution(bench):
    b = bench("a").start()
    b.begin_ready()
    b.suspend("a", 1)
    b.pass_time(1)
    assert b.state == S
    assert "execution.resumed" not in b.kinds()
