"""What a run asks for, holds and gives back, and what of that its rows say after a crash."""

import pytest

from wfcore.engine import machine, permits
from wfcore.engine.flow import settle
from wfcore.model.execution import PENDING, RUNNING, WAITING, Error, ExecutionRecord
from wfcore.model.outcome import Failed, Skipped, Succeeded
from wfcore.model.records import Permit
from wfcore.model.workflow import Concurrency, Retry

PAY = {"a": ("pay", 2), "@finally/z": ("pay", 2)}
RETRY = {"a": {"retry": Retry(1, delay=10.0)}}


@pytest.fixture
def limited(bench):
    """A bench whose task ``a`` needs a permit, and what its steps ask for and free."""

    def make(tasks="a b<a", finally_="z", limits=PAY, **settings):
        made = bench(tasks, "", finally_, **settings)
        made.run.record.limits = limits
        return made

    return make


def step(bench):
    """What the next step asks for and frees, by path."""
    asks, frees = dict(bench.run._asks), dict(bench.run._frees)
    bench.commit()
    return asks, frees


def hand_out(bench):
    """What the owner does with ready tasks."""
    while bench.run.ready:
        path = bench.run.ready.popleft()
        if permits.lacks(bench.run, path):
            permits.ask(bench.run, path)
        else:
            machine.begin(bench.run, path, bench.now)
    settle(bench.run, bench.now)
    return step(bench)


def started(bench):
    """The task has asked and got its permit and runs."""
    bench.start()
    hand_out(bench)
    permits.granted(bench.run, "a")
    machine.wake(bench.run, bench.now)
    hand_out(bench)
    assert bench.states["a"] == RUNNING
    return bench


def test_a_task_waits_and_the_execution_with_it(limited):
    b = limited().start()
    assert hand_out(b) == ({"a": Permit("pay", 2, "a")}, {})
    assert (b.state, b.states["a"], b.rows["a"].waiting, b.rows["a"].due_at) == (
        WAITING,
        WAITING,
        "limit",
        None,
    )
    permits.granted(b.run, "a")
    assert step(b) == ({}, {})
    assert (b.states["a"], b.state) == (PENDING, WAITING)
    permits.granted(b.run, "a")
    assert list(b.run.ready) == ["a"], "heard twice, ready once"


@pytest.mark.parametrize("end", [Succeeded(), Skipped(), Failed(Error("x", "y"))])
def test_the_end_of_a_task_gives_its_permit_back(limited, end):
    b = started(limited(finally_=""))
    machine.finish(b.run, "a", 1, end, b.now)
    assert "a" not in b.run.permitted
    assert step(b)[1] == {"a": Permit("pay", 2, "a")}


def test_a_retry_asks_anew(limited):
    b = started(limited(**RETRY))
    machine.finish(b.run, "a", 1, Failed(Error("x", "y"), True), b.now)
    assert step(b) == ({}, {"a": Permit("pay", 2, "a")})
    assert (b.rows["a"].state, b.rows["a"].waiting) == (WAITING, "retry")
    b.now += 10_000_000
    machine.due(b.run, "a", b.now)
    assert b.run.record.state == WAITING, "it holds no slot while it asks"
    assert step(b) == ({"a": Permit("pay", 2, "a")}, {})
    assert (b.rows["a"].waiting, b.rows["a"].due_at) == ("limit", None)
    machine.due(b.run, "a", b.now)
    assert step(b) == ({}, {})


def test_a_wait_by_a_timer_holds_no_permit(limited):
    b = started(limited(tasks="a", finally_=""))
    b.suspend("a", 5)
    assert "a" not in b.run.permitted
    b.pass_time(6)
    assert b.state == "SUCCESS"


def test_a_cancel_gives_back_what_is_asked_for_and_what_is_held(limited):
    asking = limited(finally_="").start()
    hand_out(asking)
    machine.cancel(asking.run, "enough", asking.now)
    assert step(asking) == ({}, {"a": Permit("pay", 2, "a")})
    fresh = limited(finally_="").start()
    permits.ask(fresh.run, fresh.run.ready.popleft())
    machine.cancel(fresh.run, "enough", fresh.now)
    assert step(fresh)[0] == {}, "what was never committed is not asked for"


def test_a_crash_leaves_a_task_its_permit(limited):
    b = started(limited())
    run = b.resumed()
    assert (run.permitted, list(run.ready)) == ({"a"}, ["a"]), "the attempt was lost, the permit is kept"
    assert not permits.lacks(run, "a")
    asking = limited().start()
    hand_out(asking)
    run = asking.resumed()
    assert (run.permitted, run.waiting, list(run.ready)) == (set(), {"a"}, [])
    assert not run.dirty


def test_an_execution_that_is_given_up_frees_everything():
    record = ExecutionRecord("e", "default", "flow", 1, state=RUNNING, limits={"": ("x", 1), "a": ("pay", 2)})
    run = machine.abandon(record, [], Error("bug", "no"), 5)
    assert set(run.take_step().frees) == {Permit("x", 1), Permit("pay", 2, "a")}


def test_an_execution_holds_its_own_permit_until_its_very_end(limited):
    b = limited(tasks="a", finally_="z", limits={"": ("one", 1)})
    permits.ask_to_begin(b.run)
    assert step(b) == ({"": Permit("one", 1)}, {})
    assert (b.record.state, b.record.waiting) == (PENDING, "limit")
    b.run.record.waiting = None
    b.start()
    hand_out(b)
    b.succeed("a")
    assert b.run.scope.part.prefix == "@finally/"
    hand_out(b)
    machine.finish(b.run, "@finally/z", 1, Succeeded(), b.now)
    assert step(b)[1] == {"": Permit("one", 1)}
    assert b.state == "SUCCESS"


@pytest.mark.parametrize(
    ("manner", "kind", "state"), [("skip", "cancelled", "CANCELLED"), ("fail", "limit", "FAILED")]
)
def test_who_does_not_wait_ends_without_a_task(limited, manner, kind, state):
    b = limited(limits={"": ("one", 1)})
    object.__setattr__(b.run.workflow, "concurrency", Concurrency(1, None, manner))
    permits.ask_to_begin(b.run)
    assert step(b)[0] == {"": Permit("one", 1, "", manner)}
    machine.stop(b.run, permits.denial(b.run), b.now)
    assert step(b)[1] == {"": Permit("one", 1)}
    assert (b.state, b.error()["type"], b.rows) == (state, kind, {})
