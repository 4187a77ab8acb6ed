"""A real server to be killed, a sink outside that remembers every effect, and a historian of the database."""

import functools
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests import forks
from tests.crash.mortal import mortal_postgres
from wfcore.model.execution import TERMINAL
from wfcore.service.auth import read_token
from wfcore.service.lock import read_lock


@dataclass(frozen=True)
class Effect:
    """A request that the sink has made durable; ``at`` on this process's monotonic clock."""

    execution: str
    task: str
    key: str
    at: float


class Sink:
    """``POST /EXECUTION/TASK``: each is written down and fsynced before it is answered."""

    def __init__(self, path):
        self.effects = []
        self.delay = lambda: 0.0
        self.gone = threading.Event()
        self._file = path.open("ab")
        self._lock = threading.Lock()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                _, execution, task = self.path.split("/")
                number = sink.write(
                    Effect(execution, task, self.headers["Idempotency-Key"], time.monotonic())
                )
                sink.gone.wait(sink.delay())
                answer = json.dumps({"n": number}).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    self.close_connection = True  # who asked has been killed

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # clients that are killed reset their connections
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def write(self, effect):
        with self._lock:
            self._file.write(f"{effect.execution} {effect.task} {effect.key}\n".encode())
            self._file.flush()
            os.fsync(self._file.fileno())
            self.effects.append(effect)
            return len(self.effects)

    def counts(self):
        return Counter((effect.execution, effect.task) for effect in list(self.effects))

    def close(self):
        self.gone.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._file.close()

    def task(self, name, needs=""):
        """A task that has its effect here, with what the task before it got."""
        url = f"{self.address}/{{{{ execution.id }}}}/{name}"
        body = f"{{after: '{{{{ tasks.{needs}.output.n }}}}'}}" if needs else "{}"
        return f"  {name}: {{type: core/http.post, inputs: {{url: '{url}', json: {body}}}}}\n"

    def chain(self, length, id="chain", head=""):
        names = [f"t{number:02}" for number in range(length)]
        tasks = [self.task(name, before) for name, before in zip(names, ["", *names], strict=False)]
        return f"id: {id}\n{head}tasks:\n" + "".join(tasks)


def _nested(settings):
    """Dotted keys as a configuration file has them."""
    tree = {}
    for name, value in settings.items():
        *sections, key = name.split(".")
        functools.reduce(lambda node, word: node.setdefault(word, {}), sections, tree)[key] = value
    return tree


class Server:
    """The product in a process of its own, on one data directory, started again and again."""

    def __init__(self, directory, sink, stored):
        self.directory, self.data = directory, directory / "data"
        self.settings = {
            "server": {"port": 0, "stopGrace": "3s"},
            **_nested(stored.settings(self.data)),
            "execution": {"maxConcurrentWorkflows": 50},
            "egress": {"allow": [sink.address]},
            "logging": {"level": "WARNING"},
        }
        self.process = None

    def start(self, *prefix):
        """Start it and wait until it is ready; the moment of that."""
        config = self.directory / "workflow.config.yaml"
        config.write_text(json.dumps(self.settings))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKFLOW_")}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        with (self.directory / "server.log").open("ab") as log:
            self.process = forks.start(
                [*prefix, sys.executable, "-m", "wfcore", "server", "start", "--config", str(config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            running = read_lock(self.data) if self.data.exists() else None
            if running and running.address and (prefix or running.pid == self.process.pid):
                self.address, self.pid = running.address, running.pid
                return time.monotonic()
            time.sleep(0.005)
        raise AssertionError(f"the server did not start:\n{self.log()}")

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def terminate(self):
        """SIGTERM; its exit code and how long that took."""
        began = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(30), time.monotonic() - began

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def log(self):
        return (self.directory / "server.log").read_text()[-5000:]

    def call(self, method, path, body=None, kind="application/json", **headers):
        """(status, decoded answer); ConnectionError and its like when the server is not there."""
        host, port = self.address.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        given = {"Authorization": f"Bearer {read_token(self.data)}", "Content-Type": kind}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def apply(self, source):
        status, answer = self.call("POST", "/api/v1/workflows", source.encode(), "application/yaml")
        assert status == 200, answer

    def submit(self, workflow="chain", key=None):
        headers = {"Idempotency_Key": key} if key else {}
        path = f"/api/v1/workflows/default/{workflow}/executions"
        status, answer = self.call("POST", path, b"{}", **headers)
        assert status in (200, 201), answer
        return answer["id"]

    def state(self, execution):
        return self.call("GET", f"/api/v1/executions/{execution}")[1]["state"]

    def task(self, execution, path):
        tasks = self.call("GET", f"/api/v1/executions/{execution}")[1]["tasks"]
        return next(task for task in tasks if task["path"] == path)


@dataclass(frozen=True)
class Snapshot:
    """The database as it was: rows of executions, of tasks by (execution, path), facts by execution."""

    executions: dict
    tasks: dict
    facts: dict

    def running(self):
        return {at for at, row in self.tasks.items() if row["state"] == "RUNNING"}

    def succeeded(self):
        return {at for at, row in self.tasks.items() if row["state"] == "SUCCESS"}


class Historian:
    """Reads the storage of a server that is not running, and holds each reading against the one before."""

    def __init__(self, data, sink, stored):
        self.data, self.sink, self.stored = data, sink, stored
        self.accepted = set()
        self.last = Snapshot({}, {}, {})
        self.done = {}
        self.allowed = defaultdict(lambda: 1)

    def read(self):
        """As the next server will find it."""
        with self.stored.frozen(self.data) as rows:
            executions = {row["id"]: row for row in rows("select * from execution")}
            tasks = {(row["execution"], row["path"]): row for row in rows("select * from task")}
            facts = defaultdict(list)
            for row in rows("select * from fact order by execution, seq"):
                facts[row["execution"]].append(tuple(row.values()))
        return Snapshot(executions, tasks, dict(facts))

    def look(self, *, killed):
        """Check everything that must hold now; the new snapshot."""
        new, old = self.read(), self.last
        assert self.accepted <= new.executions.keys(), "an accepted execution is lost"
        for id, row in old.executions.items():
            state = new.executions[id]["state"]
            assert row["state"] not in TERMINAL or state == row["state"], f"{id}: {row['state']} -> {state}"
            assert state != "PENDING" or row["state"] == "PENDING", f"{id}: {row['state']} -> {state}"
            assert new.facts[id][: len(old.facts[id])] == old.facts[id], "history was rewritten"
        for at, row in old.tasks.items():
            ended = row["state"] in TERMINAL
            assert not ended or new.tasks[at] == row, f"{at} has changed after its end: {new.tasks[at]}"
            assert new.tasks[at]["attempt"] >= row["attempt"]
        for id, facts in new.facts.items():
            check_facts(id, facts, new.executions[id])
        counts = self.sink.counts()
        for at, count in self.done.items():
            assert counts[at] == count, f"{at} was recorded as done and ran again"
        for at in new.succeeded() - self.done.keys():
            self.done[at] = counts[at]
        if killed:
            for at in new.running():
                self.allowed[at] += 1
        for at, count in counts.items():
            assert count <= self.allowed[at], f"{at} had {count} effects, {self.allowed[at]} can be explained"
        keys = defaultdict(set)
        for effect in list(self.sink.effects):
            keys[effect.execution, effect.task].add(effect.key)
        assert all(len(each) == 1 for each in keys.values()), "an attempt had another idempotency key"
        assert len({key for each in keys.values() for key in each}) == len(keys), "two tasks share a key"
        self.last = new
        return new

    def finish(self, without=""):
        """Everything has come to its end, and every effect is there but of one workflow that has none."""
        new = self.look(killed=False)
        assert {row["state"] for row in new.executions.values()} == {"SUCCESS"}
        assert {row["state"] for row in new.tasks.values()} == {"SUCCESS"}
        bare = {id for id, row in new.executions.items() if row["workflow"] == without}
        assert self.sink.counts().keys() == {at for at in new.tasks if at[0] not in bare}
        return new


def check_facts(execution, facts, row):
    """One execution's history tells a legal story, without gaps, as far as it goes."""
    kinds = [kind for _, _, _, kind, *_ in facts]
    assert [seq for _, seq, *_ in facts] == list(range(1, row["seq"] + 1)), "facts have gaps"
    times = [at for _, _, at, *_ in facts]
    assert times == sorted(times)
    assert kinds[0] == "execution.created"
    assert kinds.count("execution.started") <= 1
    assert ("execution.finished" in kinds) == (row["state"] in TERMINAL)
    assert "execution.finished" not in kinds[:-1], "something happened after the end"
    before = {}
    for _, _, _, kind, path, attempt, _ in facts:
        if not path or kind in ("log", "task.limited"):
            continue
        was, number = before.get(path, ("", 0))
        if kind == "task.started":
            assert was in ("", "task.lost", "task.retrying", "task.released"), f"{path}: {kind} after {was}"
            assert attempt == number + (was != "task.released")
        else:
            assert was == "task.started", f"{execution} {path}: {kind} after {was}"
            assert attempt == number
        before[path] = (kind, attempt)


@pytest.fixture
def sink(tmp_path):
    made = Sink(tmp_path / "effects")
    yield made
    made.close()


@pytest.fixture
def server(tmp_path, sink, stored):
    made = Server(tmp_path, sink, stored)
    yield made
    made.close()


@pytest.fixture
def historian(server, sink, stored):
    return Historian(server.data, sink, stored)


@pytest.fixture
def mortal():
    """A server of PostgreSQL for this test alone, which may be crashed."""
    with mortal_postgres() as server:
        yield server


@pytest.fixture
def chance():
    """Randomness with a seed that is printed, and can be given as WORKFLOW_TEST_SEED."""
    seed = int(os.environ.get("WORKFLOW_TEST_SEED") or random.randrange(10**6))
    print(f"WORKFLOW_TEST_SEED={seed}")
    return random.Random(seed)
