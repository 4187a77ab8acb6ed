"""The whole engine in process, on real storage, opened as a server opens it, with a pack that watches."""

import importlib
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from wfcore.config.load import load
from wfcore.errors import Unavailable
from wfcore.model.execution import OPEN, TERMINAL
from wfcore.service import app as composition
from wfsdk.contexts import ManualClock

#: A pack of actions as anybody installs one. What they do is seen in ``stage``.
PACK = '''
import threading
from collections import defaultdict
from wfcore.api import Action, Cancel, Result, RetryableError, TerminalError

class Stage:
    """``ran`` has (execution, task, attempt, key) of every start; ``peak`` the most that ran at once."""
    def __init__(self):
        self.lock, self.gates = threading.Lock(), defaultdict(threading.Event)
        self.ran, self.now, self.peak, self.kinds = [], [], 0, []
        self.most = 0
    def enter(self, task):
        with self.lock:
            self.ran.append((task.execution, task.task, task.attempt, task.key))
            self.now.append((task.execution, task.task))
            self.peak = max(self.peak, len(self.now))
            self.most = max(self.most, len({execution for execution, _ in self.now}))
    def leave(self, task):
        with self.lock:
            self.now.remove((task.execution, task.task))
    def count(self, task):
        with self.lock:
            return sum(name == task for _, name, _, _ in self.ran)

stage = Stage()

def watched(act):
    def run(inputs, task):
        stage.enter(task)
        try:
            return act(inputs, task)
        finally:
            stage.leave(task)
    return run

def effect(inputs, task):
    task.sleep(inputs.get("seconds", 0))
    return {"attempt": task.attempt, "key": task.key}

def gate(inputs, task):
    while not stage.gates[inputs["gate"]].is_set():
        task.sleep(0.002)
    return "open"

def deaf(inputs, task):
    stage.gates[inputs["gate"]].wait(30)
    return "open"

def flaky(inputs, task):
    if task.attempt <= inputs["times"]:
        raise RetryableError("not yet", kind="passing", retry_after=inputs.get("after"))
    return task.attempt

def big(inputs, task):
    return "x" * inputs["size"]

def odd(inputs, task):
    what = inputs["what"]
    if what == "cancel":
        raise Cancel("on my own")
    if what == "log bytes":
        task.log(b"bytes")
    if what == "log an object":
        task.log(object(), level=object())
    if what == "a wait beyond all time":
        return Result("x", wait_until=10**30)
    if what == "a wait for a bool":
        return Result("x", wait_until=True)
    if what == "a wait for no number":
        return Result("x", wait_until=float("nan"))
    if what == "a pause beyond all time":
        raise RetryableError("later", retry_after=1e300)
    if what == "a pause that is no number":
        raise RetryableError("later", retry_after=float("nan"))
    if what == "a pause in the past":
        raise RetryableError("later", retry_after=-5)
    if what == "an error that is no text":
        raise TerminalError(object(), kind=object())
    if what == "half a surrogate pair":
        raise TerminalError("\\ud800", kind="\\udfff")
    if what == "no file can be opened":
        raise OSError(24, "Too many open files")
    if what == "exit":
        raise SystemExit(3)
    if what == "a large wait":
        return Result("y" * 100_000, {"side": "z" * 100_000}, wait_until=task.clock.now() + 50_000)
    return None

def chatter(inputs, task):
    while True:
        task.log("and another thing")
        task.check()

class Witness:
    contract = 1
    schema = {}
    def __init__(self, config, context): pass
    def start(self): pass
    def stop(self, deadline): pass
    def health(self): return ""
    def actions(self):
        acts = {"effect": effect, "gate": gate, "deaf": deaf, "flaky": flaky, "big": big, "odd": odd,
                "chatter": chatter}
        return [Action(name, watched(act)) for name, act in acts.items()]
'''


class Installation:
    """A data directory, a configuration and the pack; ``open`` opens the application on it."""

    def __init__(self, directory, monkeypatch, stored):
        self.directory = directory
        self.stored = stored
        self.monkeypatch = monkeypatch
        self.settings = {"server.stopGrace": "1s"}
        self.statements = []
        self.tracing = False
        self.app = None

    @property
    def stage(self):
        return sys.modules["wf_witness"].stage

    @contextmanager
    def open(self, directory="data", clock=None, **settings):
        overrides = {**self.stored.settings(self.directory / directory), **self.settings}
        overrides |= {f"execution.{key}": str(value) for key, value in settings.items()}
        if clock is not None:
            self.monkeypatch.setattr(composition, "SystemClock", lambda: clock)
        with composition.open_app(load(environ={}, overrides=overrides)) as self.app:
            yield self.app

    def chain(self, count, body="{type: witness/effect}", id="chain"):
        """A workflow of ``count`` tasks, one after the other."""
        return f"id: {id}\norder: sequence\ntasks:\n" + "".join(f"  t{n:02}: {body}\n" for n in range(count))

    def wide(self, count, body="{type: witness/effect}", id="wide"):
        """A workflow of ``count`` tasks at once."""
        return f"id: {id}\ntasks:\n" + "".join(f"  t{n:02}: {body}\n" for n in range(count))

    def copy(self, directory="copy", of="data"):
        """What a server leaves that dies now."""
        self.stored.copy(self.directory / of, self.directory / directory)
        return directory

    def sql(self, statement):
        """The rows of a statement, beside the running server."""
        with self.app.storage.reading() as tables:
            return list(tables.execution._database.execute_sql(statement))

    def apply(self, *sources):
        for source in sources:
            self.app.workflows.apply(source.encode(), "flow.yaml")

    def submit(self, workflow="chain", inputs=None, **options):
        return self.app.executions.submit("default", workflow, inputs or {}, **options)[0].id

    def end(self, execution, timeout=10.0):
        record = self.app.executions.wait_end(execution, timeout)
        assert record is not None, f"it has not ended: {self.app.executions.describe(execution)}"
        return record.state

    def run(self, source, inputs=None, timeout=10.0):
        """Apply, run, wait; the state, and the states of the tasks."""
        self.apply(source)
        id = self.submit(source.split()[1], inputs)
        return id, self.end(id, timeout), self.states(id)

    def states(self, execution):
        return {task["path"]: task["state"] for task in self.app.executions.describe(execution)["tasks"]}

    def tasks(self, execution):
        return {task["path"]: task for task in self.app.executions.describe(execution)["tasks"]}

    def kinds(self, execution):
        return [fact.kind for fact in self.app.storage.facts(execution)]

    def until(self, condition, timeout=10.0):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "it does not come"
            time.sleep(0.002)

    def until_running(self, execution, task="t00"):
        self.until(lambda: (execution, task) in self.stage.now)

    def owner(self):
        return self.app.engine._owner

    def trace(self):
        """From the next opening on, ``statements`` has every SQL statement."""
        self.stored.trace(self.monkeypatch, self.statements.append)

    def hold_commit(self):
        """The next commits do not return until ``go_on``; (``inside``, ``go_on``), two events."""
        commit, inside, go_on = self.app.storage.commit, threading.Event(), threading.Event()

        def slow(steps, *notify):
            inside.set()
            go_on.wait(10)
            return commit(steps, *notify)

        self.app.storage.commit = slow
        return inside, go_on

    def fail_commits(self, *numbers, error=None):
        """Let the commits with these numbers (from 1, counted from now) fail; the list of their errors."""
        commit, seen, raised = self.app.storage.commit, [], []

        def failing(steps, *notify):
            seen.append(len(steps))
            if len(seen) in numbers:
                raised.append(error or Unavailable("the disk is full"))
                raise raised[-1]
            return commit(steps, *notify)

        self.app.storage.commit = failing
        return raised

    def check_history(self):
        """What holds for every execution, whatever has happened to it."""
        from wfcore.model.records import ExecutionQuery

        records = self.app.storage.executions(ExecutionQuery(limit=10_000))
        for record in records:
            facts = self.app.storage.facts(record.id, limit=100_000)
            assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))
            assert len(facts) == record.seq or (record.state in OPEN and len(facts) > record.seq)
            assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)
            ends = [f.path for f in facts if f.kind in ("task.finished", "task.skipped", "task.cancelled")]
            assert len(ends) == len(set(ends)), "a task ends twice"
            if record.state in TERMINAL:
                assert facts[-1].kind == "execution.finished"
                assert all(task.state in TERMINAL for task in self.app.storage.tasks(record.id))
        return len(records)


@pytest.fixture
def installation(tmp_path, monkeypatch, stored):
    site = tmp_path / "site"
    info = site / "wf_witness-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wf-witness\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[workflow.actions]\nwitness = wf_witness:Witness\n")
    (site / "wf_witness.py").write_text(PACK)
    monkeypatch.syspath_prepend(site)
    sys.modules.pop("wf_witness", None)
    importlib.import_module("wf_witness")
    made = Installation(tmp_path, monkeypatch, stored)
    yield made
    for gate in made.stage.gates.values():
        gate.set()
    sys.modules.pop("wf_witness", None)


@pytest.fixture
def opened(installation):
    """The installation, opened with the default limits."""
    with installation.open():
        yield installation
        installation.check_history()


@pytest.fixture
def manual_clock():
    return ManualClock()


@pytest.fixture
def cluster(installation):
    """Opens servers, each with a directory of its own, on the database of the first."""

    @contextmanager
    def server(name, more=None, **settings):
        overrides = installation.stored.settings(installation.directory / "data")
        overrides |= {"dataDir": str(installation.directory / name), **installation.settings, **(more or {})}
        overrides |= {f"execution.{key}": str(value) for key, value in settings.items()}
        address = f"http://{name}"
        with composition.open_app(load(environ={}, overrides=overrides), address=address) as app:
            yield app

    return server
