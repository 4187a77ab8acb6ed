"""Deadlines, cancels and losses, in each part of an execution."""

import pytest

from wfcore.engine.flow import PART_LIMIT
from wfcore.model.workflow import Retry

S, F, K, C = "SUCCESS", "FAILED", "SKIPPED", "CANCELLED"


# deadlines


def test_a_timeout_ends_what_has_not_begun_and_runs_on_failure(bench):
    b = bench("a b<a c", "x", "z", timeout=5.0).start()
    assert b.record.deadline == b.now + 5_000_000
    b.begin_ready()
    b.succeed("c")
    b.stop("timeout")
    assert b.states == {"a": "RUNNING", "b": C, "c": S}
    b.give_way("a")
    b.begin_ready()
    assert b.states["@on_failure/x"] == "RUNNING"
    assert b.record.deadline == b.now + PART_LIMIT
    b.succeed("@on_failure/x")
    b.begin_ready()
    b.succeed("@finally/z")
    assert b.state == F
    assert b.error()["type"] == "timeout"
    assert b.states == {"a": C, "b": C, "c": S, "@on_failure/x": S, "@finally/z": S}
    assert b.record.deadline is None


def test_finally_has_a_limit_of_its_own(bench):
    b = bench("a", finally_="y z<y").start()
    assert b.record.deadline is None
    b.begin_ready()
    b.now += 7
    b.succeed("a")
    assert b.record.deadline == b.now + PART_LIMIT
    b.begin_ready()
    b.stop("timeout")
    b.give_way("@finally/y")
    assert b.states == {"a": S, "@finally/y": C, "@finally/z": C}
    assert b.state == F


def test_a_stopped_task_that_succeeds_all_the_same_has_succeeded(bench):
    b = bench("a b<a").start()
    b.begin_ready()
    b.stop("timeout")
    b.succeed("a")
    assert b.states == {"a": S, "b": C}
    assert b.state == F


# cancel


def test_cancel_before_the_start(bench):
    b = bench("a", "x", "z", outputs=True)
    b.cancel()
    assert (b.state, b.states) == (C, {})
    assert b.error() == {"type": "cancelled", "message": "stop it", "task": "", "attempt": 0}


def test_cancel_in_the_main_part(bench):
    b = bench("a b<a c", "x", "z", outputs=True).start()
    b.begin_ready(slots=1)
    assert b.states == {"a": "RUNNING", "c": "PENDING"}
    b.cancel()
    assert b.states == {"a": "RUNNING", "b": C, "c": C}
    b.give_way("a")
    b.begin_ready()
    b.succeed("@finally/z")
    assert b.states == {"a": C, "b": C, "c": C, "@finally/z": S}
    assert b.state == C


def test_cancel_while_waiting(bench):
    b = bench("a b<a").start()
    b.begin_ready()
    b.suspend("a", 60)
    assert b.state == "WAITING"
    b.cancel()
    assert (b.state, b.states) == (C, {"a": C, "b": C})


def test_cancel_in_outputs(bench):
    b = bench("a", "x", "z", outputs=True).start()
    b.begin_ready()
    b.succeed("a")
    b.begin_ready()
    b.cancel()
    b.give_way("@outputs")
    b.begin_ready()
    b.succeed("@finally/z")
    assert b.states == {"a": S, "@outputs": C, "@finally/z": S}
    assert (b.state, b.record.outputs) == (C, None)


def test_cancel_in_on_failure(bench):
    b = bench("a", "x y<x", "z").start()
    b.begin_ready()
    b.fail("a")
    b.begin_ready()
    b.cancel()
    b.give_way("@on_failure/x")
    b.begin_ready()
    b.succeed("@finally/z")
    assert b.states == {"a": F, "@on_failure/x": C, "@on_failure/y": C, "@finally/z": S}
    assert b.state == F, "a cancel does not hide the failure"


def test_cancel_in_finally_stops_that_too(bench):
    b = bench("a", finally_="y z<y").start()
    b.begin_ready()
    b.succeed("a")
    b.begin_ready()
    b.cancel()
    b.give_way("@finally/y")
    assert b.states == {"a": S, "@finally/y": C, "@finally/z": C}
    assert b.state == C


def test_cancel_twice_is_once(bench):
    b = bench("a b<a", finally_="z").start()
    b.begin_ready()
    b.cancel("first")
    b.cancel("second")
    b.give_way("a")
    b.begin_ready()
    b.succeed("@finally/z")
    assert (b.state, b.states) == (C, {"a": C, "b": C, "@finally/z": S})


def test_a_failure_of_a_cancelled_task_is_no_retry(bench):
    b = bench("a", a={"retry": Retry(5)}).start()
    b.begin_ready()
    b.cancel()
    b.fail("a", retry=True)
    assert (b.state, b.states) == (C, {"a": F})


def test_an_attempt_that_does_not_give_way_is_given_up(bench):
    b = bench("a", finally_="z").start()
    b.begin_ready()
    b.give_up("a")
    assert b.states == {"a": "RUNNING"}, "nobody has stopped it"
    b.cancel()
    b.give_up("a")
    assert b.states == {"a": C}
    assert not b.succeed("a"), "it comes too late"
    b.begin_ready()
    b.succeed("@finally/z")
    assert (b.state, b.states) == (C, {"a": C, "@finally/z": S})


# losses


def test_losses_are_not_charged_and_the_third_is_the_end(bench):
    b = bench("a b<a", a={"retry": Retry(1)}).start()
    for losses in (1, 2):
        b.begin_ready()
        b.crash()
        assert (b.rows["a"].state, b.rows["a"].losses) == ("PENDING", losses)
    b.begin_ready()
    assert b.rows["a"].attempt == 3
    b.fail("a", retry=True)
    assert b.rows["a"].state == "WAITING", "two losses have left the one re-try"
    b.pass_time(1)
    b.begin_ready()
    b.crash()
    assert (b.state, b.states) == (F, {"a": F, "b": K})
    assert b.error()["type"] == "lost"
    assert b.kinds().count("task.lost") == 3


def test_losses_do_not_lengthen_the_pause(bench):
    b = bench("a", a={"retry": Retry(3, delay=1.0)}).start()
    b.begin_ready()
    b.crash()
    b.begin_ready()
    b.fail("a", retry=True)
    assert b.rows["a"].due_at == b.now + 1_000_000


def test_an_attempt_that_lives_on_is_not_lost(bench):
    b = bench("a c").start()
    b.begin_ready()
    b.crash(alive=["a"])
    assert b.states == {"a": "RUNNING", "c": "PENDING"}
    b.begin_ready()
    b.succeed("a")
    b.succeed("c")
    assert (b.state, b.rows["a"].losses, b.rows["c"].losses) == (S, 0, 1)


def test_a_server_that_stops_gives_the_task_back_without_a_trace_in_its_numbers(bench):
    b = bench("a", a={"retry": Retry(1)}).start()
    b.begin_ready()
    b.give_way("a")
    assert (b.rows["a"].state, b.rows["a"].attempt, b.rows["a"].losses) == ("PENDING", 0, 0)
    assert b.facts[-1].kind == "task.released"
    b.crash()
    b.begin_ready()
    assert (b.rows["a"].attempt, b.rows["a"].losses) == (1, 0)
    b.succeed("a")
    assert b.state == S


def test_a_cancel_survives_a_crash(bench):
    b = bench("a b", finally_="z").start()
    b.begin_ready()
    b.cancel()
    b.crash(alive=["a"])
    assert b.run.stopping
    assert b.states == {"a": "RUNNING", "b": C}
    b.give_way("a")
    b.begin_ready()
    b.succeed("@finally/z")
    assert (b.state, b.states) == (C, {"a": C, "b": C, "@finally/z": S})


STOPS = {
    "cancel in on_failure": ("on_failure", "cancel", {"a": F, "@on_failure/x": C, "@finally/z": S}, F),
    "the limit of on_failure": ("on_failure", "stop", {"a": F, "@on_failure/x": C, "@finally/z": S}, F),
    "cancel in outputs": ("outputs", "cancel", {"a": S, "@outputs": C, "@finally/z": S}, C),
    "a timeout in outputs": (
        "outputs", "stop", {"a": S, "@outputs": C, "@on_failure/x": S, "@finally/z": S}, F
    ),
    "cancel in finally": ("finally", "cancel", {"a": S, "@outputs": S, "@finally/z": C}, C),
    "the limit of finally": ("finally", "stop", {"a": S, "@outputs": S, "@finally/z": C}, F),
}  # fmt: skip


@pytest.mark.parametrize("case", STOPS)
@pytest.mark.parametrize("crashes", [0, 1, 2])
@pytest.mark.parametrize("alive", [False, True])
def test_a_stop_in_any_part_survives_crashes(bench, case, crashes, alive):
    part, verb, states, end = STOPS[case]
    b = bench("a", "x", "z", outputs=True).start()
    b.begin_ready()
    b.fail("a") if part == "on_failure" else b.succeed("a")
    b.begin_ready()
    if part == "finally":
        b.succeed("@outputs")
        b.begin_ready()
    (running,) = b.run.running
    getattr(b, verb)()
    for _ in range(crashes):
        if b.open:
            b.crash(alive=[running] if alive else [])
    if running in b.run.running:
        b.give_way(running)
    while b.open:
        b.begin_ready()
        b.succeed(min(b.run.running))
    assert b.states == states
    assert b.state == end


def test_a_part_that_was_entered_but_not_begun_is_entered_again(bench):
    """A server that drains commits the end of the main part and starts nothing more."""
    b = bench("a", "x", "z").start()
    b.begin_ready()
    b.fail("a")
    b.crash()
    b.begin_ready()
    b.succeed("@on_failure/x")
    b.crash()
    b.begin_ready()
    b.succeed("@finally/z")
    assert (b.state, b.states) == (F, {"a": F, "@on_failure/x": S, "@finally/z": S})


def test_an_execution_that_has_not_started_is_resumed_as_it_is(bench):
    b = bench("a")
    b.crash()
    assert (b.state, b.kinds()) == ("PENDING", ["execution.created"])
    assert b.play().state == S
