"""The built-in drivers against the contract suites that third parties run against theirs."""

import pytest

from wfcore.api import WebRequest
from wfcore_plugins.actions.core import CoreActions
from wfcore_plugins.dispatchers.local import LocalDispatcher
from wfcore_plugins.hooks.metrics import Metrics
from wfcore_plugins.runtimes.wasm.runtime import WasmRuntime
from wfcore_plugins.secrets.env import EnvironmentSecrets
from wfcore_plugins.triggers.cron import CronTrigger
from wfcore_plugins.triggers.interval import IntervalTrigger
from wfcore_plugins.triggers.manual import ManualTrigger
from wfcore_plugins.triggers.webhook import WebhookTrigger
from wfsdk.contexts import context
from wfsdk.contracts.actions import ActionsContract
from wfsdk.contracts.dispatchers import DispatcherContract
from wfsdk.contracts.driver import DriverContract
from wfsdk.contracts.runtimes import RuntimeContract
from wfsdk.contracts.secrets import SecretsContract
from wfsdk.contracts.triggers import TriggerContract


class TestEnvironmentSecrets(SecretsContract):
    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch):
        for name, value in self.stored.items():
            monkeypatch.setenv(f"WORKFLOW_SECRET__{name}", value)

    def make(self, tmp_path):
        return EnvironmentSecrets({}, context("env", tmp_path))


class TestCronTrigger(TriggerContract):
    good = ["0 2 * * *", "*/5 * * * *", {"expr": "30 9 * * MON-FRI", "tz": "Europe/Berlin", "catchup": "all"}]
    bad = ["", "61 * * * *", "* * * *", 5, None, [], {}, {"expr": "* * * * *", "tz": "Mars/Base"}]

    def make(self, tmp_path):
        return CronTrigger({}, context("cron", tmp_path))


class TestIntervalTrigger(TriggerContract):
    good = ["5m", {"every": "1h", "jitter": "10s"}, 90]
    bad = ["", "0s", "often", None, [], {}, {"evry": "5m"}]

    def make(self, tmp_path):
        return IntervalTrigger({}, context("interval", tmp_path))


class TestManualTrigger(TriggerContract):
    good = [None, {}]
    bad = ["yes", 1, ["x"]]

    def make(self, tmp_path):
        return ManualTrigger({}, context("manual", tmp_path))


class TestWebhookTrigger(TriggerContract):
    good = [{"path": "/in"}, {"path": "/a/b", "method": "PUT", "respond": "result"}]
    bad = [None, "", {}, {"path": "in"}, {"path": "/in", "method": "BREW"}, {"path": "/in", "pth": 1}, []]
    request = WebRequest("POST", "/in", {"content-type": "application/json"}, {}, b"{}", "127.0.0.1", True)

    def make(self, tmp_path):
        return WebhookTrigger({}, context("webhook", tmp_path))


class TestCoreActions(ActionsContract):
    calls = {
        "set": {"a": 1},
        "log": {"message": "hi"},
        "kv.set": {"key": "k", "value": 1},
        "wait": {"for": "1s"},
    }

    def make(self, tmp_path):
        return CoreActions({}, context("core", tmp_path))


class TestLocalDispatcher(DispatcherContract):
    def make(self, tmp_path):
        return LocalDispatcher({}, context("local", tmp_path))


class TestMetrics(DriverContract):
    def make(self, tmp_path):
        return Metrics({}, context("metrics", tmp_path))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A data directory for all tests of the runtime: the engine is compiled once."""
    return tmp_path_factory.mktemp("runtime")


class TestWasmRuntime(RuntimeContract):
    @pytest.fixture
    def driver(self, shared):
        driver = self.make(shared)
        driver.start()
        yield driver
        driver.stop(5.0)

    def make(self, tmp_path):
        config = {"processes": 2, "calls": 16, "memory": "2GiB", "idle": "60s", "compileTimeout": "60s"}
        return WasmRuntime(config, context("wasm", tmp_path))
