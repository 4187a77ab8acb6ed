"""The official plugins in the sandbox, each request of theirs led to a server on this machine."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from wfcore.api import Limits, Module
from wfcore.config import load
from wfcore.egress.guard import Guard, Response
from wfcore.engine.clock import SystemClock
from wfcore.language.inputs import check_action_inputs
from wfcore.packages.broker import Access
from wfcore.packages.project import build
from wfcore.packages.running import run
from wfcore.packages.trial.world import World
from wfcore.service.installed import Installed

PLUGINS = Path(__file__).parents[2] / "registry" / "plugins"


class Task(World):
    """A task whose requests go to the server that stands for the URL's host, through a real guard."""

    def __init__(self, servers, key):
        super().__init__({})
        self.key = key
        self._servers = servers
        self._guard = Guard([server.url for server in servers.values()], default="none")

    def request(self, method, url, **given):
        parts = urlsplit(url)
        assert parts.scheme == "https"
        place = url.replace(f"https://{parts.netloc}", self._servers[parts.netloc].url, 1)
        answer = self._guard.request(method, place, **given)
        return Response(answer.status, answer.headers, answer.body, url)


class Plugin:
    """An official plugin as its package has it."""

    def __init__(self, folder, runtime):
        made = build(folder, lambda _name: runtime)
        self.manifest, self.runtime = made.manifest, runtime
        self.module = Module(hashlib.sha256(made.module).hexdigest(), lambda: made.module)

    def call(self, action, inputs, servers, secrets, key="e/task/0"):
        """The output of an action, called once; ``servers`` are by host."""
        spec = self.manifest.actions[action]
        task = Task(servers, key)
        access = Access(self.manifest.name, action, self.manifest.permissions, "", secrets.get, task.call)
        limits = Limits(timeout=self.manifest.timeout, memory=self.manifest.memory)
        return run(self.runtime, self.module, access, check_action_inputs(spec.inputs, inputs), limits, task)


@pytest.fixture(scope="session")
def runtime(tmp_path_factory):
    """The runtime of an installation."""
    place = tmp_path_factory.mktemp("plugins") / "db.sqlite"
    installed = Installed(load(environ={"WORKFLOW_STORAGE_PATH": str(place)}), SystemClock())
    yield installed.runtime("wasm")
    installed.host.stop(1.0)


@pytest.fixture(scope="session")
def plugin(runtime):
    """``plugin(name)``: an official plugin, built once."""
    made = {}

    def find(name):
        if name not in made:
            made[name] = Plugin(PLUGINS / name, runtime)
        return made[name]

    return find
