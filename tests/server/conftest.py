"""A real server process on a free port, and a server inside the test for what needs shorter times."""

import contextlib
import functools
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from tests import forks
from tests.storages import storages
from wfcore.config import load
from wfcore.service.app import open_app
from wfcore.service.auth import read_token
from wfcore.service.lock import read_lock
from wfcore.service.serve import Door, listen, make_site

YAML = "application/yaml"
START = """
import json, sys
from wfcore.config import load
from wfcore.service.serve import serve
sys.exit(serve(load(overrides=json.loads(sys.argv[1]))))
"""
QUICK = """
id: quick
inputs: {name: {type: string, default: world}}
tasks:
  hello: {type: core/log, inputs: {message: "hello {{ inputs.name }}"}}
outputs: {said: "{{ inputs.name }}"}
"""
SLOW = "id: slow\ntasks:\n  wait: {type: core/wait, inputs: {for: 1h}}\n"
BROKEN = "id: broken\ntasks:\n  no: {type: core/fail, inputs: {message: on purpose}}\n"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``headers`` by lower-case name."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The code of an error in the one shape."""
        error = self.json["error"]
        assert {"code", "message", "remedy"} <= set(error), error
        assert error["message"]
        assert "\n" not in error["message"] or "problems" in error, "one clear line"
        return error["code"]


class Client:
    """Talks to a server by HTTP alone."""

    quick, slow, broken = QUICK, SLOW, BROKEN

    def __init__(self, address, token):
        self.address, self.token = address, token
        self.host, port = address.removeprefix("http://").rsplit(":", 1)
        self.port = int(port)

    def connect(self, timeout=20):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def call(self, method, path, body=None, *, kind="application/json", token=..., **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is ...:
            token = self.token
        if token:
            given["Authorization"] = f"Bearer {token}"
        if body is not None and kind:
            given["Content-Type"] = kind
        if isinstance(body, dict):
            body = json.dumps(body)
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.call("POST", path, body, **options)

    def apply(self, source):
        answer = self.post("/api/v1/workflows", source, kind=YAML)
        assert answer.status == 200, answer.body
        return answer.json

    def submit(self, id, wait=0, **body):
        answer = self.post(f"/api/v1/workflows/default/{id}/executions?wait={wait}", body)
        assert answer.status == 201, answer.body
        return answer.json

    @contextlib.contextmanager
    def stream(self, id, last=None, after=None):
        """An open stream of events: (response, its lines as they come)."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        connection = self.connect()
        query = "" if after is None else f"?after={after}"
        connection.request("GET", f"/api/v1/executions/{id}/events{query}", headers=headers)
        response = connection.getresponse()
        try:
            yield response
        finally:
            response.close()
            connection.close()

    @staticmethod
    def events(response):
        """The events of a stream: (id, event, data) each; comments and `retry` are left out."""
        fields = {}
        for line in response:
            line = line.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                fields = {}


class Process(Client):
    """A server in a process of its own."""

    def __init__(self, data_dir, stored, **settings):
        self.data_dir = data_dir
        overrides = {"server.port": "0", **stored.settings(data_dir), **settings}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKFLOW_")}
        self.log = data_dir.parent / f"{data_dir.name}.log"
        with self.log.open("a") as log:
            self.process = forks.start(
                [sys.executable, "-c", START, json.dumps(overrides)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=data_dir.parent,
            )  # fmt: skip

    @property
    def output(self):
        # Opened anew: a file passed on to the server shares its position, which each line moves to the end.
        return self.log.read_text()

    def ready(self, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            running = read_lock(self.data_dir)
            if running and running.pid == self.process.pid and running.address:
                super().__init__(running.address, read_token(self.data_dir))
                return self
            time.sleep(0.01)
        raise AssertionError(f"the server did not start: {self.output}")

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, seconds=20):
        """Its exit code and how long it took to end."""
        begun = time.monotonic()
        return self.process.wait(seconds), time.monotonic() - begun

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start(tmp_path, stored):
    """Starts servers; ``start(name, **settings)`` gives a ready one."""
    made = []

    def one(name="data", *, ready=True, **settings):
        process = Process(
            tmp_path / name, stored, **{key.replace("__", "."): value for key, value in settings.items()}
        )
        made.append(process)
        return process.ready() if ready else process

    yield one
    for process in made:
        process.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory, request):
    """One server for all tests of a module, with the three workflows applied."""
    directory, most = tmp_path_factory.mktemp("server") / "data", {"execution.maxConcurrentWorkflows": "100"}
    with storages(lambda: request.getfixturevalue("postgres")) as stored:
        process = Process(directory, stored, **most)
        try:
            process.ready()
            for source in (QUICK, SLOW, BROKEN):
                process.apply(source)
            yield process
        finally:
            process.end()


@contextlib.contextmanager
def _inside(tmp_path, stored, *plugins, **settings):
    """A server in this process, with hook plugins: a Client that also has ``app`` and ``site``."""
    overrides = {"server.port": "0", **stored.settings(tmp_path / "in")}
    overrides |= {key.replace("__", "."): value for key, value in settings.items()}
    (tmp_path / "in").mkdir()
    config = load(overrides=overrides, environ={})
    section = config["server"]
    with listen(section) as (listening, address), open_app(config) as app:
        for number, plugin in enumerate(plugins):
            app.hooks.register(f"plugin-{number}", plugin)
        site = make_site(app, address, lambda: None)
        door = Door(listening, site, section)
        door.open()
        client = Client(address, read_token(config.data_dir))
        client.app, client.site, client.door = app, site, door
        try:
            yield client
        finally:
            door.close(2.0)


@pytest.fixture
def inside(tmp_path, stored):
    """``with inside(**settings) as client`` runs a server in this process."""
    return functools.partial(_inside, tmp_path, stored)


@pytest.fixture
def eventually():
    """Waits until a condition holds."""

    def wait(condition, seconds=10.0):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.01)
        return found

    return wait


@pytest.fixture
def in_background():
    """Runs a call on a thread; ``result()`` waits for it."""
    threads = []

    def run(call, *args, **options):
        box = SimpleNamespace(value=None, error=None)

        def target():
            try:
                box.value = call(*args, **options)
            except Exception as error:
                box.error = error

        thread = threading.Thread(target=target)
        threads.append(thread)
        thread.start()

        def result(seconds=20):
            thread.join(seconds)
            assert not thread.is_alive(), "it still runs"
            if box.error:
                raise box.error
            return box.value

        box.result = result
        return box

    yield run
    for thread in threads:
        thread.join(20)
