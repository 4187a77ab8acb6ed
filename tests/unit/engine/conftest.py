"""A bench for the machine: it plays owner and storage, so that only the pure code is under test."""

import json
import re
from copy import deepcopy
from dataclasses import dataclass, field, replace

import pytest

from tests.moves import EXECUTION_REACH, TASK_REACH
from wfcore.engine import machine
from wfcore.engine.plan import plan
from wfcore.model.execution import OPEN, OUTPUTS, RUNNING, TERMINAL, WAITING, Error, ExecutionRecord
from wfcore.model.outcome import Cancelled, Failed, Skipped, Succeeded, Suspended
from wfcore.model.workflow import Group, Task, Workflow

NOW = 1_767_225_600_000_000
SECOND = 1_000_000
NAME = re.compile(r"(?P<name>[a-z]\w*)(?P<marks>[?!]*)(?:<(?P<needs>[\w,]+))?")


@dataclass(frozen=True)
class Constant:
    """An expression nobody evaluates here."""

    value: object = None
    references: tuple = ()
    constant: bool = True

    def evaluate(self, scope):
        return self.value


def group(text, **settings):
    """``a b?<a c!<a,b``: ``?`` is continue_on_error, ``!`` is disabled; ``settings`` of tasks by name."""
    tasks = {}
    for word in text.split():
        found = NAME.fullmatch(word)
        name, marks, needs = found["name"], found["marks"], found["needs"]
        tasks[name] = Task(
            name,
            "core/set",
            Constant(),
            tuple(needs.split(",")) if needs else (),
            continue_on_error="?" in marks,
            enabled="!" not in marks,
            **settings.get(name, {}),
        )
    return Group(tasks)


def workflow(tasks, on_failure="", finally_="", *, outputs=False, timeout=None, **settings):
    return Workflow(
        "default",
        "flow",
        "",
        "",
        tasks=group(tasks, **settings),
        on_failure=group(on_failure, **settings),
        finally_=group(finally_, **settings),
        outputs=Constant({"done": True}) if outputs else None,
        timeout=timeout,
    )


@dataclass
class Bench:
    """``run`` is in memory; ``record``, ``rows`` and ``facts`` are what has been committed."""

    workflow: Workflow
    now: int = NOW
    record: ExecutionRecord | None = None
    rows: dict = field(default_factory=dict)
    facts: list = field(default_factory=list)
    ends: dict = field(default_factory=dict)

    def __post_init__(self):
        self.plan = plan(self.workflow)
        record = ExecutionRecord("e", "default", "flow", 1, owner="me", epoch=1)
        self.run = machine.create(record, self.workflow, self.plan, self.now)
        self.commit()

    def commit(self):
        """Write the step as storage would, and hold it to the tables of moves."""
        step = self.run.take_step()
        if self.record is not None and step.execution.state != self.record.state:
            assert step.execution.state in EXECUTION_REACH[self.record.state]
        self.record = deepcopy(step.execution)
        for task in step.tasks:
            before = self.rows[task.path].state if task.path in self.rows else None
            assert before not in TERMINAL, f"{task.path} was {before} and is written again"
            assert task.state == before or task.state in TASK_REACH[before]
            self.rows[task.path] = deepcopy(task)
        for fact in step.facts:
            assert fact.seq == len(self.facts) + 1, "facts have gaps"
            assert not self.facts or fact.at >= self.facts[-1].at
            if fact.kind in ("task.finished", "task.skipped", "task.cancelled"):
                assert fact.path not in self.ends, f"{fact.path} ends twice"
                self.ends[fact.path] = fact.body["state"]
            if fact.kind == "execution.finished":
                assert "execution.finished" not in self.kinds(), "the execution ends twice"
            else:
                assert "execution.finished" not in self.kinds(), f"{fact.kind} after the end"
            self.facts.append(fact)
        assert self.record.seq == len(self.facts)

    def start(self):
        machine.start(self.run, self.now)
        self.commit()
        return self

    def begin_ready(self, slots=10_000):
        """Do what the owner does with ready tasks; those without a slot are queued."""
        if self.run.record.state == WAITING and self.run.ready:
            machine.wake(self.run, self.now)
        if self.run.record.state == RUNNING:
            while self.run.ready:
                path = self.run.ready.popleft()
                if len(self.run.running) < slots:
                    machine.begin(self.run, path, self.now)
                else:
                    machine.queue(self.run, path)
        self.commit()

    def begin_queued(self, path):
        machine.begin(self.run, path, self.now)
        self.commit()

    def finish(self, path, outcome):
        accepted = machine.finish(self.run, path, self.run.tasks[path].attempt, outcome, self.now)
        self.commit()
        return accepted

    def succeed(self, path):
        return self.finish(path, Succeeded(json.dumps(path)))

    def fail(self, path, kind="boom", *, retry=False, after=None):
        attempt = self.run.tasks[path].attempt
        return self.finish(path, Failed(Error(kind, "it broke", path, attempt), retry, after))

    def skip(self, path):
        return self.finish(path, Skipped())

    def suspend(self, path, seconds):
        return self.finish(path, Suspended(self.now + round(seconds * SECOND), json.dumps(path)))

    def give_way(self, path):
        return self.finish(path, Cancelled())

    def pass_time(self, seconds):
        """Time passes and the timers of waiting tasks ring."""
        self.now += round(seconds * SECOND)
        for path in sorted(self.run.waiting):
            machine.due(self.run, path, self.now)
        self.commit()

    def cancel(self, reason="stop it"):
        machine.cancel(self.run, reason, self.now)
        self.commit()

    def stop(self, kind="timeout"):
        """The execution's (or part's) time is over, as the owner's deadline timer says it."""
        machine.stop(self.run, Error(kind, "the time is over"), self.now)
        self.commit()

    def give_up(self, path):
        machine.give_up(self.run, path, self.run.tasks[path].attempt, self.now)
        self.commit()

    def resumed(self, alive=()):
        """A Run made from the committed rows alone."""
        rows = [deepcopy(task) for _, task in sorted(self.rows.items())]
        record = deepcopy(self.record)
        return machine.resume(record, self.workflow, self.plan, rows, frozenset(alive), self.now)

    def crash(self, alive=()):
        """The server dies; attempts not in ``alive`` die with it."""
        self.run = self.resumed(alive)
        self.commit()

    def kinds(self):
        return [fact.kind for fact in self.facts]

    @property
    def state(self):
        return self.record.state

    @property
    def states(self):
        """Of every task, by path; ``@outputs`` only when it ran."""
        return {path: task.state for path, task in self.rows.items()}

    @property
    def open(self):
        return self.run.record.state in OPEN

    def error(self, path=None):
        text = self.record.error if path is None else self.rows[path].error
        return json.loads(text) if text else None

    def play(self, outcomes=(), order=None, slots=10_000):
        """Start and run to the end; ``outcomes`` maps paths to fail, skip, … (default: success).

        ``order`` picks the next of the running paths to end; by default the first by name.
        """
        outcomes = dict(outcomes)
        self.start()
        while self.open:
            self.begin_ready(slots)
            if not self.run.running:
                assert self.run.waiting, "nothing runs, nothing waits, and it has not ended"
                self.pass_time(3600)
                continue
            running = sorted(self.run.running)
            path = order(running) if order else running[0]
            getattr(self, outcomes.get(path, "succeed"))(path)
            for queued in sorted(self.run.queued):
                if len(self.run.running) < slots:
                    self.begin_queued(queued)
        return self

    def same(self, other):
        """``other`` (a Run) is what memory says, as far as it matters; and it has nothing to write."""
        mine = self.run
        if not self.run.tasks.keys().isdisjoint(mine.scope.part.prefix + n for n in mine.scope.part.tasks):
            assert other.record.deadline == mine.record.deadline  # else the part begins anew, with its limit
        assert replace(other.record, deadline=None) == replace(mine.record, deadline=None)
        assert {p: t.state for p, t in other.tasks.items()} == {p: t.state for p, t in mine.tasks.items()}
        assert other.running == mine.running
        assert other.waiting == mine.waiting
        assert other.queued == mine.queued
        assert set(other.ready) - other.waiting - other.queued == set(mine.ready) - mine.waiting - mine.queued
        assert not other.dirty
        assert (other.scope is None) == (mine.scope is None)
        if mine.scope is not None:
            assert other.stopping == mine.stopping
            assert other.scope.part.prefix == mine.scope.part.prefix
            assert set(other.scope.part.tasks) == set(mine.scope.part.tasks)
            assert other.scope.left == mine.scope.left
            unended = [n for n in mine.scope.part.tasks if not self._ended(mine.scope.part.prefix + n)]
            assert {n: other.scope.unmet[n] for n in unended} == {n: mine.scope.unmet[n] for n in unended}
        return True

    def _ended(self, path):
        return path in self.run.tasks and self.run.tasks[path].state in TERMINAL


@pytest.fixture
def bench():
    """``bench("a b<a", on_failure="x", …)``: see ``group``; settings of single tasks by their name."""

    def make(tasks, on_failure="", finally_="", **settings):
        return Bench(workflow(tasks, on_failure, finally_, **settings))

    make.outputs = OUTPUTS
    make.of = Bench
    return make
