"""Eighteen canary secrets go through everything there is, and then everything is searched for them."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.plugins.servers.web import Answer, Server
from tests.server import canaries
from tests.server.canaries import Search
from tests.storages import KIND

WORKFLOWS = Path(__file__).with_name("canaries.yaml").read_text()
PLUGIN = """
export const greet = async (_, ctx) => {
  const handle = ctx.secrets.get("SLOT");
  const basic = ctx.secrets.basic("user", handle);
  ctx.log(`${handle} ${basic}`);
  const url = `URL/echo?k=${encodeURIComponent(handle)}`;
  const said = await ctx.http.request({ url, headers: { authorization: `Basic ${basic}` } });
  ctx.log(said.text());
  return { said: said.text(), handle };
};
"""
ENDED = ("SUCCESS", "FAILED", "CANCELLED")


class World(Server):
    """Repeats what it is sent, in the ways in which servers do that."""

    def __init__(self, token):
        super().__init__()
        self.token = token
        self.flaky = 0
        self.held = threading.Event()
        self.release = threading.Event()

    def handle(self, request):
        if request.path == "/slow":
            self.requests.append(request)
            self.held.set()
            self.release.wait(20)
            return self._echo(request)
        return super().handle(request)

    def answer(self, request):
        kind = request.path.split("/")[1]
        if kind == "away":
            return Answer(
                302, None, {"Location": f"http://localhost:{self.port}/echo?from={request.headers['x-k']}"}
            )
        if kind == "login":
            return Answer(200, {"token": self.token, "user": {"id": 7, "note": "x" + self.token}})
        if kind == "flaky":
            self.flaky += 1
            return self._echo(request, 200 if self.flaky > 2 else 503)
        return self._echo(request, {"fail": 404, "refuse": 422}.get(kind, 200))

    def _echo(self, request, status=200):
        body, headers = request.body, request.headers
        said = {
            "path": request.path, "query": request.query, "headers": headers, "pad": "p" * 150,
            "body": body.decode("utf-8", "replace"), "base64": base64.b64encode(body).decode(),
            headers.get("x-key", "no key"): "as a key",
        }  # fmt: skip
        return Answer(
            status, said, {"X-Echo": base64.b64encode(json.dumps(request.headers).encode()).decode()}
        )


@pytest.fixture
def values():
    return canaries.made()


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """A fork shows the arguments and the environment of another; what is searched must be its own."""
    monkeypatch.setenv("WORKFLOW_TEST_FRESH", "1")


@pytest.fixture
def world(values):
    with World(values["SENSITIVE"]) as world:
        yield world


@pytest.fixture
def no_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def _command(server, *argv, input=None, remote=True):
    """A command with the server, or beside it: (its process, what it said)."""
    config = server.data_dir.parent / "beside.yaml"
    storage = "" if remote else f'storage: {{path: "{server.data_dir / "db.sqlite"}"}}\n'
    config.write_text(storage + f'egress: {{allow: ["http://127.0.0.1:*"]}}\ndataDir: "{server.data_dir}"\n')
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKFLOW_")}
    if remote:
        environment |= {"WORKFLOW_TOKEN": server.token, "WORKFLOW_SERVER": server.address}
    process = subprocess.Popen(
        [sys.executable, "-m", "wfcore", *argv, "--config", str(config)], text=True, env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return process, process.communicate(input, timeout=60)[0]


def follow(server, id, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        found = server.get(f"/api/v1/executions/{id}").json
        if found["state"] in ENDED:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def read_all(server, search):
    """Look into everything that the server answers."""
    paths = [
        "/api/v1/workflows", "/api/v1/executions?limit=200", "/api/v1/plugins", "/api/v1/packages",
        "/api/v1/secrets", "/api/v1/server", "/api/v1/audit?limit=1000", "/metrics", "/readyz",
        "/api/v1/openapi.json", "/nothing",
    ]  # fmt: skip
    paths += [f"/api/v1/workflows/default/{one['id']}" for one in server.get(paths[0]).json["workflows"]]
    for one in server.get(paths[1]).json["executions"]:
        at = f"/api/v1/executions/{one['id']}"
        paths += [at, f"{at}/facts?limit=1000", f"{at}/logs?limit=1000"]
        paths += [f"{at}/content?part={part}" for part in ("outputs", "inputs", "trigger")]
        for task in server.get(at).json["tasks"]:
            paths += [f"{at}/content?part={part}&task={task['path']}" for part in ("output", "meta")]
        with server.stream(one["id"], after=0) as response:
            search.content(f"{at}/events", response.read())
    for path in paths:
        answer = server.get(path)
        search.content(path, answer.body)
        search.content(path, str(answer.headers))
    return paths


@pytest.mark.timeout(300)
def test_no_canary_leaves_the_encrypted_store(start, stored, tmp_path, world, values, plugin, no_umask):
    search = Search(values)
    log = tmp_path / "server.log"
    settings = {
        "egress__allow": f"{world.url}/*,http://localhost:{world.port}/*",
        "logging__level": "DEBUG",
        "logging__file": str(log),
    }
    server = start(**settings)
    watched, over = set(), threading.Event()

    def watch():
        while not over.is_set():
            for status in Path("/proc").glob("[0-9]*/stat"):
                pid = int(status.parent.name)
                if pid in watched or _is_ours(status, {os.getpid(), server.process.pid}):
                    watched.add(pid)
                    search.process(pid)
            over.wait(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        _through_everything(server, world, values, plugin, tmp_path, search, lambda: start(**settings))
    finally:
        over.set()
        watcher.join()
    assert len(watched) > 1, "the server and its sandbox"
    search.content("its output", server.output)
    search.files(tmp_path)
    for row in _rows(stored, tmp_path / "data"):
        search.content("a row of the database", row)
    assert log.stat().st_size > 1000
    assert search.seen > 2_000_000
    assert search.hits == set(), search.told()
    for file in filter(Path.exists, (tmp_path / "data", tmp_path / "backup", log)):
        for one in (file, *file.rglob("*")):
            mode = one.lstat().st_mode & 0o777
            assert mode in ((0o700,) if one.is_dir() else (0o600, 0o400)), (one, oct(mode))
    sent = b"".join(request.body + str(request.headers).encode() for request in world.requests)
    for name in ("HEADER", "BODY", "CODE", "CRASHED", "SENSITIVE"):
        assert values[name].encode()[:20] in sent, f"{name} has not come where it should"


def _through_everything(server, world, values, plugin, tmp_path, search, restart):
    for name, value in values.items():
        scope = {"SCOPED": "?scope=default/scoped", "CODE": "?scope=default"}.get(name, "")
        if name == "KEPT":
            process, said = _command(server, "secret", "set", name, input=value)
            assert process.returncode == 0, said
            search.content("secret set", said)
        elif name != "SENSITIVE":
            answer = server.call("PUT", f"/api/v1/secrets/{name}{scope}", {"value": value})
            assert answer.status == 200, answer.body
            search.content("PUT", answer.body)
    wanted = f'{{network: ["{world.url}/*"], secrets: {{SLOT: ["{world.url}/*"]}}}}'
    content = plugin(source=PLUGIN.replace("URL", world.url), permissions=wanted)
    grant = {"network": [f"{world.url}/*"], "secrets": {"SLOT": {"to": [f"{world.url}/*"]}}}
    body = {"package": base64.b64encode(content).decode(), "grant": grant, "secrets": {"SLOT": "PLUGIN"}}
    installed = server.post("/api/v1/packages", body)
    assert installed.status == 200, installed.body
    ids = {}
    for source in WORKFLOWS.replace("URL", world.url).split("---\n"):
        id = server.apply(source)["id"]
        if id not in ("crashed", "scoped", "hooked"):
            ids[id] = server.submit(id)["id"]
    ended = {id: follow(server, execution) for id, execution in ids.items()}
    states = {id: end["state"] for id, end in ended.items()}
    failing = {"query", "form", "failed"}
    assert states == {id: "FAILED" if id in failing else "SUCCESS" for id in ids}, {
        id: end["error"] for id, end in ended.items() if (end["state"] == "FAILED") != (id in failing)
    }
    tried = {task["path"]: task["state"] for task in ended["invalid"]["tasks"]}
    assert set(tried.values()) == {"FAILED"} or tried.pop("kv2") == "SUCCESS", tried
    hooked = server.post("/hooks/canary", {"n": 1}, token=None)
    assert hooked.status == 200, hooked.body
    search.content("the answer of a webhook", hooked.body)
    for bad in ({"value": [values["HEADER"]]}, {"value": values["HEADER"], "x": values["HEADER"]}):
        search.content("a refusal", server.call("PUT", "/api/v1/secrets/BAD", bad).body)
    scoped = server.submit("scoped")["id"]
    assert follow(server, scoped)["state"] == "FAILED"
    _crash(server, world, search, restart)


def _crash(server, world, search, restart):
    world.held.clear()
    id = server.submit("crashed")["id"]
    assert world.held.wait(20)
    search.process(server.process.pid)
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if "core file" in line] == [["0", "0"]]
    server.signal(signal.SIGKILL)
    server.wait()
    search.content("its output", server.output)
    world.release.set()
    again = restart()
    assert follow(again, id)["state"] == "SUCCESS"
    done = again.post("/api/v1/secret-keys/rotate", {"new_key": True})
    assert done.status == 200, done.body
    _beside(again, search)
    paths = read_all(again, search)
    assert len(paths) > 100
    again.signal()
    again.wait()
    search.content("its output", again.output)


def _beside(server, search):
    """What commands show, a run beside the server, and a backup."""
    listed = json.loads(_command(server, "execution", "list", "--json")[1])
    for one in listed["executions"]:
        for verb in ("inspect", "logs", "watch"):
            for more in ((), ("--json",)):
                process, said = _command(server, "execution", verb, one["id"], *more)
                assert process.returncode in (0, 1), said
                search.content(f"execution {verb}", said)
    for argv in ("secret list", "server status", "workflow list", "config list", "audit list"):
        process, said = _command(server, *argv.split())
        assert process.returncode == 0, said
        search.content(argv, said)
    if KIND == "sqlite":  # the others' files are not ours
        file = server.data_dir.parent / "kept.yaml"
        file.write_text(next(one for one in WORKFLOWS.split("---\n") if "id: kept\n" in one))
        for more in ((), ("--json",)):
            process, said = _command(server, "run", str(file), *more, remote=False)
            assert process.returncode == 0, said
            search.content("run", said)
        backup = str(server.data_dir.parent / "backup")
        process, said = _command(server, "server", "backup", backup, remote=False)
        assert process.returncode == 0, said
        assert not list(Path(backup).rglob("secret.key")), "a backup has no key"


def _is_ours(status, servers):
    try:
        return int(status.read_text().rpartition(")")[2].split()[1]) in servers
    except (OSError, ValueError, IndexError):
        return False


def _rows(stored, directory):
    with stored.frozen(directory) as rows:
        for table in (
            "execution",
            "task",
            "fact",
            "record",
            "revision",
            "trigger",
            "inbox",
            "package",
            "audit",
        ):
            yield from (repr(row) for row in rows(f'select * from "{table}"'))
