"""The runtime with real processes, and modules for it: JavaScript, WAT, and bytes made by hand."""

import hashlib
import logging
import threading
import time
from types import SimpleNamespace

import pytest
import wasmtime

from wfcore.api import Call, Context, Limits, Module
from wfcore.packages.trial.world import World
from wfcore_plugins.runtimes.wasm.runtime import WasmRuntime

SETTINGS = {"processes": 2, "calls": 16, "memory": "2GiB", "idle": "60s", "compileTimeout": "60s"}


class Task(World):
    """A task that can be cancelled."""

    def __init__(self, depth=0):
        super().__init__({})
        self.depth = depth
        self.cancelled = None
        self.closers = []
        self.lock = threading.Lock()

    def cancel(self, error):
        with self.lock:
            self.cancelled = error
            closers = list(self.closers)
        for close in closers:
            close()

    def check(self):
        if self.cancelled:
            raise self.cancelled

    def on_cancel(self, close):
        task = self

        class Closing:
            def __enter__(self):
                with task.lock:
                    task.closers.append(close)
                task.check()

            def __exit__(self, *_):
                task.closers.remove(close)

        return Closing()


class Bench:
    """A runtime with short ways to call it."""

    def __init__(self, data_dir, **settings):
        self.data_dir = data_dir
        context = Context("wasm", logging.getLogger("test"), SimpleNamespace(), data_dir)
        self.driver = WasmRuntime({**SETTINGS, **settings}, context)

    def module(self, content):
        return Module(hashlib.sha256(content).hexdigest(), lambda: content)

    def js(self, source, language="js", file="code.js"):
        return self.module(self.driver.module(language, source, file))

    def wat(self, text):
        return self.module(bytes(wasmtime.wat2wasm(text)))

    def invoke(self, module, inputs=None, host=None, *, action="default", task=None, now=0, seed=1, **limits):
        call = Call(module, action, inputs, {"key": "k"}, now, seed, Limits(**limits))
        return self.driver.invoke(call, host or (lambda request: None), task or Task())

    def run(self, source, inputs=None, host=None, **options):
        return self.invoke(self.js(source), inputs, host, **options)

    def workers(self):
        return self.driver._pool.workers()


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """A data directory that all runtimes of the session share, so that the engines are compiled once."""
    return tmp_path_factory.mktemp("runtime")


@pytest.fixture(scope="module")
def bench(compiled):
    """A runtime of two processes for the tests of a module."""
    made = Bench(compiled)
    made.driver.start()
    yield made
    made.driver.stop(1)


@pytest.fixture
def fresh(compiled):
    """``fresh(**settings)``: a runtime of one's own, also with another ``data_dir``."""
    made = []

    def make(data_dir=compiled, **settings):
        made.append(Bench(data_dir, **settings))
        return made[-1]

    yield make
    for one in made:
        one.driver.stop(1)


@pytest.fixture
def task():
    """The class of tasks that can be cancelled."""
    return Task


def eventually(holds, seconds=10.0):
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.01)


@pytest.fixture(name="eventually")
def _eventually():
    return eventually
