"""What state follows from what: the table of the design, one row after the other."""

import pytest

from wfcore.engine import machine
from wfcore.engine.flow import PART_LIMIT, IllegalMove
from wfcore.model.execution import Error, Failed, Succeeded
from wfcore.model.workflow import Retry

OK, BAD, SKIP = "succeed", "fail", "skip"
S, F, K, C = "SUCCESS", "FAILED", "SKIPPED", "CANCELLED"

#: tasks, outcomes that are no success, states of the tasks in file order, state of the execution.
FOLLOWS = {
    "one task": ("a", {}, [S], S),
    "a chain": ("a b<a c<b", {}, [S, S, S], S),
    "a diamond": ("a b<a c<a d<b,c", {}, [S, S, S, S], S),
    "skipped by its own if, it satisfies": ("a b<a", {"a": SKIP}, [K, S], S),
    "disabled, it satisfies": ("a! b<a", {}, [K, S], S),
    "disabled in the middle": ("a b!<a c<b", {}, [S, K, S], S),
    "all disabled": ("a! b!<a c!", {}, [K, K, K], S),
    "a failed need skips": ("a b<a", {"a": BAD}, [F, K], F),
    "and so on down": ("a b<a c<b d<c", {"a": BAD}, [F, K, K, K], F),
    "a disabled task with a failed need skips what follows": ("a b!<a c<b", {"a": BAD}, [F, K, K], F),
    "one failed need of two is enough": ("a b c<a,b", {"b": BAD}, [S, F, K], F),
    "two failed needs skip once": ("a b c<a,b d<c", {"a": BAD, "b": BAD}, [F, F, K, K], F),
    "a task that follows the failed one twice": ("a d<a,b b<a", {"a": BAD}, [F, K, K], F),
    "and by a longer way, in any file order": ("a e<a,d d<a,c c<a,b b<a", {"a": BAD}, [F, K, K, K, K], F),
    "a diamond under a failure": ("a b<a c<a d<b,c e<d", {"a": BAD}, [F, K, K, K, K], F),
    "independent branches run on": ("a b<a c d<c", {"a": BAD}, [F, K, S, S], F),
    "skipped by if below a failure elsewhere": ("a b c<b", {"a": BAD, "b": SKIP}, [F, K, S], F),
    "continue_on_error satisfies and never fails": ("a? b<a", {"a": BAD}, [F, S], S),
    "continue_on_error on one of two needs": ("a? b c<a,b", {"a": BAD, "b": BAD}, [F, F, K], F),
    "upstream-skipped with continue_on_error": ("a b?<a c<b", {"a": BAD}, [F, K, K], F),
}


@pytest.mark.parametrize("case", FOLLOWS)
@pytest.mark.parametrize("slots", [1, 2, 10_000])
@pytest.mark.parametrize("last", [False, True])
def test_what_follows(bench, case, slots, last):
    tasks, outcomes, states, end = FOLLOWS[case]
    b = bench(tasks).play(outcomes, order=(lambda running: running[-1]) if last else None, slots=slots)
    assert [b.rows[name].state for name in b.workflow.tasks.tasks] == states
    assert b.state == end
    assert b.kinds()[-1] == "execution.finished"
    assert (b.record.error is None) == (end == S)


def test_a_task_skipped_by_a_failure_says_whose(bench):
    b = bench("a b<a c<b").play({"a": BAD})
    assert b.error("b") == {
        "type": "upstream", "message": "needs a, which is FAILED", "task": "b", "attempt": 0
    }  # fmt: skip
    assert b.error("c")["message"] == "needs b, which is SKIPPED"
    assert b.rows["b"].attempt == 0
    assert b.rows["b"].started_at is None


def test_the_error_of_the_execution_is_the_first_in_file_order(bench):
    first = bench("a b c").play({"b": BAD, "c": BAD})
    other = bench("a b c").play({"b": BAD, "c": BAD}, order=lambda running: running[-1])
    expected = {"type": "boom", "message": "it broke", "task": "b", "attempt": 1}
    assert first.error() == other.error() == expected


def test_the_facts_of_a_small_run(bench):
    b = bench("a b<a", finally_="z").play({"a": BAD})
    assert [(fact.kind, fact.path) for fact in b.facts] == [
        ("execution.created", ""),
        ("execution.started", ""),
        ("task.started", "a"),
        ("task.finished", "a"),
        ("task.skipped", "b"),
        ("task.started", "@finally/z"),
        ("task.finished", "@finally/z"),
        ("execution.finished", ""),
    ]


# on_failure, finally, outputs

PARTS = {
    "success": ({}, {"a": S, "@outputs": S, "@finally/z": S}, S),
    "failure": ({"a": BAD}, {"a": F, "@on_failure/x": S, "@finally/z": S}, F),
    "the outputs fail": (
        {"@outputs": BAD}, {"a": S, "@outputs": F, "@on_failure/x": S, "@finally/z": S}, F
    ),
    "on_failure fails too": (
        {"a": BAD, "@on_failure/x": BAD}, {"a": F, "@on_failure/x": F, "@finally/z": S}, F
    ),
    "finally fails": ({"@finally/z": BAD}, {"a": S, "@outputs": S, "@finally/z": F}, F),
    "finally cannot hide": ({"a": BAD, "@finally/z": SKIP}, {"a": F, "@on_failure/x": S, "@finally/z": K}, F),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTS)
def test_parts(bench, case):
    outcomes, states, end = PARTS[case]
    b = bench("a", "x", "z", outputs=True).play(outcomes)
    assert b.states == states
    assert b.state == end


def test_the_first_failure_stays_the_execution_s(bench):
    b = bench("a", "x", "z").play({"a": BAD, "@on_failure/x": BAD, "@finally/z": BAD})
    assert b.error()["task"] == "a"


def test_outputs_become_the_execution_s(bench):
    b = bench("a", outputs=True).play()
    assert b.record.outputs == '"@outputs"'
    assert bench("a", outputs=True).play({"a": BAD}).record.outputs is None


def test_parts_begin_one_after_the_other(bench):
    b = bench("a b", "x y<x", "z").play({"b": BAD})
    begun = [fact.path for fact in b.facts if fact.kind == "task.started"]
    assert begun == ["a", "b", "@on_failure/x", "@on_failure/y", "@finally/z"]


def test_on_failure_of_nothing_but_disabled_tasks(bench):
    b = bench("a", "x!", "z!").play({"a": BAD})
    assert b.states == {"a": F, "@on_failure/x": K, "@finally/z": K}


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


# what must not be


def test_illegal_moves_are_bugs(bench):
    b = bench("a b<a").play()
    with pytest.raises(IllegalMove):
        machine.begin(b.run, "a", b.now)
    with pytest.raises(IllegalMove):
        machine.start(b.run, b.now)


def test_queueing_twice_is_once(bench):
    b = bench("a").start()
    machine.queue(b.run, "a")
    machine.queue(b.run, "a")
    b.commit()
    assert b.states == {"a": "PENDING"}
