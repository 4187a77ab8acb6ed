"""The machine under random graphs, outcomes, orders and crashes: what must hold whatever happens."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from wfcore.engine.machine import MAX_LOSSES
from wfcore.model.execution import FAILED, TERMINAL
from wfcore.model.workflow import Retry

PLAIN = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SHORT = settings(deadline=None, suppress_health_check=list(HealthCheck))
RETRY = {"retry": Retry(2, backoff="none")}


@st.composite
def graphs(draw, prefix, least=0, most=6):
    """Tasks in any file order; each needs some of those that come before it in a hidden order."""
    names = [f"{prefix}{n}" for n in range(draw(st.integers(least, most)))]
    words = []
    for position, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:position]), unique=True, max_size=3)) if position else []
        mark = draw(st.sampled_from(["", "", "", "?", "!"]))
        words.append(name + mark + ("<" + ",".join(needs) if needs else ""))
    return " ".join(draw(st.permutations(words)))


def restated(bench):
    """What the rows of the present part say about its counters, counted anew."""
    scope = bench.run.scope
    states = {n: bench.run.tasks[scope.part.prefix + n].state for n in scope.part.tasks
              if scope.part.prefix + n in bench.run.tasks}  # fmt: skip
    ended = {name for name, state in states.items() if state in TERMINAL}

    def satisfied(need):
        if need not in ended:
            return False
        task = bench.run.tasks[scope.part.prefix + need]
        if task.state == FAILED:
            return scope.part.tasks[need].continue_on_error
        return task.state == "SUCCESS" or (task.state == "SKIPPED" and task.error is None)

    unmet = {
        name: sum(not satisfied(need) for need in task.needs)
        for name, task in scope.part.tasks.items()
        if name not in ended
    }
    return len(scope.part.tasks) - len(ended), unmet


def machine_of(make):
    """The state machine over benches made by ``make``."""

    class Machine(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.bench = None
            self.stops = 0

        @initialize(
            main=graphs("a", 1),
            on_failure=graphs("f", 0, 3),
            finally_=graphs("z", 0, 3),
            outputs=st.booleans(),
        )
        def begin(self, main, on_failure, finally_, outputs):
            retries = {f"{prefix}{n}": RETRY for prefix in "afz" for n in range(0, 6, 2)}
            self.bench = make(main, on_failure, finally_, outputs=outputs, **retries)
            self.bench.start()

        def running(self, data):
            return data.draw(st.sampled_from(sorted(self.bench.run.running)))

        @precondition(lambda self: self.bench.run.ready)
        @rule(slots=st.integers(1, 4))
        def hand_out(self, slots):
            self.bench.begin_ready(slots)

        @precondition(lambda self: self.bench.run.queued)
        @rule(data=st.data())
        def a_slot_is_free(self, data):
            path = data.draw(st.sampled_from(sorted(self.bench.run.queued)))
            if path in self.bench.run.ready:  # resumed: it has a row and is ready too
                self.bench.begin_ready(1000)
            else:
                self.bench.begin_queued(path)

        @precondition(lambda self: self.bench.run.running)
        @rule(data=st.data(), how=st.sampled_from(["succeed", "succeed", "fail", "skip", "give_way"]))
        def end(self, data, how):
            path = self.running(data)
            assert getattr(self.bench, how)(path)

        @precondition(lambda self: self.bench.run.running)
        @rule(data=st.data(), after=st.sampled_from([None, 0.0, 30.0]))
        def fail_and_retry(self, data, after):
            assert self.bench.fail(self.running(data), retry=True, after=after)

        @precondition(lambda self: self.bench.run.running)
        @rule(data=st.data(), seconds=st.integers(0, 60))
        def suspend(self, data, seconds):
            assert self.bench.suspend(self.running(data), seconds)

        @precondition(lambda self: self.bench.run.running and self.bench.run.stopping)
        @rule(data=st.data())
        def give_up(self, data):
            self.bench.give_up(self.running(data))

        @precondition(lambda self: self.bench.open)
        @rule(seconds=st.sampled_from([0, 1, 20, 100]))
        def time_passes(self, seconds):
            self.bench.pass_time(seconds)

        @precondition(lambda self: self.bench.open and self.stops < 3)
        @rule(verb=st.sampled_from(["cancel", "stop"]))
        def stop_it(self, verb):
            self.stops += 1
            getattr(self.bench, verb)()

        @precondition(lambda self: self.bench.open)
        @rule(data=st.data())
        def crash(self, data):
            running = sorted(self.bench.run.running)
            alive = data.draw(st.sets(st.sampled_from(running))) if running else set()
            self.bench.crash(alive)
            assert self.bench.run.running == (alive if self.bench.open else set())

        @precondition(lambda self: not self.bench.open)
        @rule()
        def rest(self):
            """It has ended."""

        @invariant()
        def counters_say_what_the_rows_say(self):
            bench = self.bench
            if bench is None or bench.run.scope is None:
                return
            left, unmet = restated(bench)
            scope = bench.run.scope
            assert scope.left == left > 0
            if not bench.run.stopping:
                assert {name: scope.unmet[name] for name in unmet} == unmet

        @invariant()
        def nothing_stands_still(self):
            """An open execution always has something that will happen to it."""
            run = self.bench.run if self.bench else None
            if run is not None and self.bench.open:
                assert run.ready or run.running or run.waiting or run.queued
                assert (run.record.state == "WAITING") <= (not run.running)
                for path in run.waiting:
                    assert run.tasks[path].due_at is not None

        @invariant()
        def memory_is_what_the_rows_give(self):
            """But for a pause that is over: that a task is ready again is only written when it begins."""
            run = self.bench.run if self.bench else None
            if run is not None and self.bench.open and run.waiting.isdisjoint(run.ready):
                assert self.bench.same(self.bench.resumed(alive=self.bench.run.running))

        @invariant()
        def an_end_is_whole(self):
            bench = self.bench
            if bench is None or bench.open:
                return
            assert all(task.state in TERMINAL for task in bench.rows.values())
            assert all(task.ended_at is not None for task in bench.rows.values())
            assert bench.kinds()[-1] == "execution.finished"
            assert bench.ends.keys() == bench.rows.keys()
            assert set(bench.workflow.tasks.tasks) <= bench.rows.keys()
            assert (bench.state == "SUCCESS") == (bench.record.error is None)
            assert all(task.losses <= MAX_LOSSES for task in bench.rows.values())
            if bench.workflow.finally_.tasks:
                assert {f"@finally/{name}" for name in bench.workflow.finally_.tasks} <= bench.rows.keys()

        def teardown(self):
            if self.bench is None:
                return
            for _ in range(1000):
                if not self.bench.open:
                    break
                self.bench.begin_ready()
                for path in sorted(self.bench.run.queued):
                    self.bench.begin_queued(path)
                if self.bench.run.running:
                    self.bench.succeed(min(self.bench.run.running))
                else:
                    self.bench.pass_time(3600)
            assert not self.bench.open, "it does not come to an end"
            self.an_end_is_whole()

    return Machine


def test_whatever_happens(bench):
    run_state_machine_as_test(
        machine_of(bench),
        settings=settings(SHORT, max_examples=100, stateful_step_count=40),
    )


@pytest.mark.long
def test_whatever_happens_at_length(bench, at_length):
    run_state_machine_as_test(
        machine_of(bench),
        settings=settings(SHORT, max_examples=at_length(3000), stateful_step_count=60),
    )


@PLAIN
@given(graph=graphs("a", 1), on_failure=graphs("f", 0, 3), finally_=graphs("z", 0, 3), data=st.data())
def test_the_order_of_arrival_changes_nothing(bench, graph, on_failure, finally_, data):
    """States, and the execution's error, follow from the outcomes alone: not from order, slots or crashes."""
    made = bench(graph, on_failure, finally_, outputs=True)
    paths = [f"{p.prefix}{n}" for p in (made.plan.main, made.plan.outputs, made.plan.on_failure,
             made.plan.finally_) for n in p.tasks]  # fmt: skip
    kinds = st.sampled_from(["succeed", "succeed", "fail", "skip"])
    outcomes = {path: data.draw(kinds, label=path) for path in paths}
    made.play(outcomes)
    other = bench(graph, on_failure, finally_, outputs=True)
    other.play(
        outcomes,
        order=lambda running: data.draw(st.sampled_from(running), label="next"),
        slots=data.draw(st.integers(1, 3), label="slots"),
    )
    assert other.states == made.states
    assert other.state == made.state
    assert other.error() == made.error()


@PLAIN
@given(graph=graphs("a", 1), finally_=graphs("z", 0, 2), data=st.data())
def test_every_prefix_can_be_resumed(bench, graph, finally_, data):
    """Crash after every single step, with whatever runs lost at most twice: the end is the same."""
    made = bench(graph, "", finally_)
    outcomes = {name: data.draw(st.sampled_from(["succeed", "fail", "skip"]), label=name)
                for name in made.workflow.tasks.tasks}  # fmt: skip
    made.play(outcomes)
    other = bench(graph, "", finally_)
    other.start()
    while other.open:
        other.crash(alive=other.run.running)
        other.begin_ready()
        other.crash(alive=other.run.running)
        path = data.draw(st.sampled_from(sorted(other.run.running)), label="next")
        getattr(other, outcomes.get(path, "succeed"))(path)
        if other.open:
            lost = {p for p in other.run.running if other.rows[p].losses < MAX_LOSSES - 1}
            other.crash(alive=other.run.running - lost)
    assert other.states == made.states
    assert other.state == made.state
    assert json.loads(other.record.error or "{}").get("task") == json.loads(made.record.error or "{}").get(
        "task"
    )
