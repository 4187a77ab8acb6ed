"""What state follows from what: the table of the design, one row after the other."""

import pytest

from wfcore.engine import machine
from wfcore.engine.flow import IllegalMove

BAD, SKIP = "fail", "skip"
S, F, K = "SUCCESS", "FAILED", "SKIPPED"

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
