"""What can only be shown from inside: bugs, unwell drivers, contributed routes, events, metrics."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from tests import forks
from tests.storages import KIND
from wfcore.api import AuditQuery, Unavailable, hookimpl
from wfcore.errors import PluginError


class Hello:
    """A contributed resource."""

    def on_get(self, request, response, name="you"):
        response.media = {"hello": name, "query": dict(request.params)}


class Routes:
    """A hook plugin with routes."""

    def __init__(self, routes):
        self._routes = routes

    @hookimpl
    def wf_routes(self, service):
        assert service.app.node
        return self._routes


def test_a_bug_is_logged_and_not_told(inside, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("a detail of the inside")

    with inside() as client:
        monkeypatch.setattr(type(client.app.executions), "list", fail)
        answer = client.get("/api/v1/executions")
    assert (answer.status, answer.code) == (500, "bug")
    assert "inside" not in answer.body.decode()
    reference = re.search(r"reference (\w+)", answer.json["error"]["remedy"])[1]
    record = next(record for record in caplog.records if reference in record.getMessage())
    assert "GET /api/v1/executions" in record.getMessage()
    assert "a detail of the inside" in caplog.text


def test_an_unwell_driver(inside, monkeypatch):
    with inside() as client:
        monkeypatch.setattr(client.app.storage, "health", lambda: "the disk is full")
        answer = client.get("/readyz", token="")
        assert (answer.status, answer.json["status"]) == (503, "unwell")
        assert "full" not in answer.body.decode()
        assert client.get("/api/v1/server").json["health"][f"storage.{KIND}"] == "the disk is full"
        assert "workflow_ready 0" in client.get("/metrics").body.decode()
        assert client.get("/healthz", token="").status == 200


def test_routes_of_plugins(inside):
    with inside(Routes({"/acme/hello": Hello(), "acme/{name}/hello": Hello()})) as client:
        assert client.get("/api/v1/plugins/acme/hello?any=thing").json == {
            "hello": "you",
            "query": {"any": "thing"},
        }
        answer = client.get("/api/v1/plugins/acme/Ada/hello")
        assert answer.json["hello"] == "Ada"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.get("/api/v1/plugins/acme/hello", token="").code == "unauthorized"
        assert client.post("/api/v1/plugins/acme/hello").code == "method_not_allowed"
        assert client.get("/api/v1/plugins").json["plugins"], "the kernel's own route is still there"


def test_a_stop_is_in_the_audit_log(inside):
    with inside() as client:
        assert client.post("/api/v1/server/stop").status == 202
        (one,) = client.app.storage.audit(AuditQuery(limit=1))
        assert (one.actor, one.remote, one.action) == ("admin", "127.0.0.1", "server.stop")


def test_what_cannot_be_recorded_does_not_happen(inside, monkeypatch):
    def full(_record):
        raise Unavailable("the disk is full")

    with inside() as client:
        monkeypatch.setattr(client.app.storage, "append_audit", full)
        for answer in (
            client.post("/api/v1/server/stop"),
            client.post("/api/v1/tokens", {"name": "x", "role": "admin"}),
            client.call("PUT", "/api/v1/secrets/X", {"value": "long enough"}),
        ):
            assert (answer.status, answer.code) == (503, "unavailable")
        assert client.app.storage.tokens() == []
        assert client.app.storage.secrets() == []


def test_a_path_that_only_looks_public_opens_nothing(inside, monkeypatch):
    """Two checks, of the path as it came and of the route that was found, have to agree."""
    from wfcore.service import gate

    monkeypatch.setattr(gate, "HOOKS_PREFIX", "/api/")
    with inside() as client:
        for path in ("/api/v1/workflows", "/api/v1/server", "/api/v1/self"):
            assert client.get(path, token="").code == "unauthorized"


def test_a_route_of_a_plugin_is_for_administrators_unless_it_says_otherwise(inside):
    class Open(Hello):
        role = "viewer"

    with inside(Routes({"/acme/hello": Hello(), "/acme/open": Open()})) as client:
        viewer = client.post("/api/v1/tokens", {"name": "viewer", "role": "viewer"}).json["token"]
        assert client.get("/api/v1/plugins/acme/hello", token=viewer).code == "forbidden"
        assert client.get("/api/v1/plugins/acme/hello").status == 200
        assert client.get("/api/v1/plugins/acme/open", token=viewer).status == 200
        scoped = {"name": "scoped", "role": "admin", "namespaces": ["a"]}
        mine = client.post("/api/v1/tokens", scoped).json["token"]
        for path in ("hello", "open"):
            assert client.get(f"/api/v1/plugins/acme/{path}", token=mine).code == "forbidden"


@pytest.mark.parametrize("routes", [{"bad route": Hello()}, {"/{a}{b}/{a}": Hello()}])
def test_a_route_that_cannot_be_served(inside, routes):
    with pytest.raises(PluginError, match="cannot be served") as caught, inside(Routes(routes)):
        pass
    assert "plugins.disabled" in caught.value.remedy


def test_metrics_of_what_has_run(server, eventually):
    for id in ("quick", "broken"):
        server.submit(id, wait=10)
    wanted = [
        'workflow_executions_created_total{workflow="default/quick",trigger="manual"} 1',
        'workflow_executions_finished_total{workflow="default/broken",state="FAILED"} 1',
        'workflow_task_attempts_finished_total{type="core/log",state="SUCCESS"} 1',
        'workflow_executions{state="SUCCESS"} 1',
        'workflow_executions{state="FAILED"} 1',
    ]

    def scraped():
        answer = server.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = answer.body.decode().splitlines()
        return lines if set(wanted) <= set(lines) else None

    lines = eventually(scraped)
    names = [line.split(" ")[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    for line in lines:
        assert re.fullmatch(r"# (HELP|TYPE) workflow_\w+ .+|workflow_\w+(\{.+\})? [0-9.e+-]+", line), line


LISTENER = """
import json, sys
from wfcore.config import load
from wfcore.hooks.calls import Hooks
from wfcore.service.serve import serve

emit = Hooks.emit
def tell(self, event, facts):
    print(json.dumps([event, dict(facts)]), flush=True)
    emit(self, event, facts)
Hooks.emit = tell
sys.exit(serve(load(overrides={"server.port": "0", **json.loads(sys.argv[1])})))
"""


def test_plugins_are_told_of_start_and_stop(tmp_path, stored):
    process = forks.start(
        [sys.executable, "-c", LISTENER, json.dumps(stored.settings(tmp_path / "data"))],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        event, facts = json.loads(process.stdout.readline())
        assert event == "wf_server_started"
        assert facts["address"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert json.loads(process.stdout.readline()) == ["wf_server_stopping", {"node": facts["node"]}]
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


def test_the_loop_does_not_overtake_who_closes_it(inside, monkeypatch):
    with inside() as client:
        trigger = client.door._server.trigger
        pull = trigger._physical_pull

        def slowly():
            pull()
            time.sleep(0.2)  # the loop is awake by now
            pull()

        monkeypatch.setattr(trigger, "_physical_pull", slowly)
        loop = client.door._loop
    assert not loop.is_alive()
