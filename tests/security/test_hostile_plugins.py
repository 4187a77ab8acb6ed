"""Plugins that mean harm, installed on a server and run: each costs its task, and nothing and nobody else."""

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wfcore.config import load
from wfcore.packages.archive import write_archive
from wfcore.service.app import open_app
from wfcore_plugins.runtimes.wasm.sections import script

MANIFEST = """\
plugin: 1
name: evil/plugin
version: 1.0.{version}
runtime: {{memory: 32MiB, timeout: 2s}}
actions: {{act: {{}}}}
permissions: {permissions}
"""
WORKFLOW = (
    "id: evil\ntasks:\n  harm: {type: evil/plugin.act}\n  other: {type: core/log, inputs: {message: well}}\n"
)


class Web(BaseHTTPRequestHandler):
    """Redirects away, and remembers who has come."""

    def do_GET(self):
        self.server.seen.append(dict(self.headers))
        self.send_response(302 if self.path.startswith("/away") else 200)
        if self.path.startswith("/away"):
            self.send_header("Location", self.path.partition("?")[2])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def web():
    """A server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.seen, server.url = [], f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def app(tmp_path_factory, web):
    """An application that may connect to that server."""
    path = tmp_path_factory.mktemp("app") / "db.sqlite"
    overrides = {"storage.path": str(path), "egress.allow": web.url}
    os.environ["WORKFLOW_SECRET__KEY"] = "s3cret-value"
    with open_app(load(overrides=overrides, environ={})) as app:
        yield app
    del os.environ["WORKFLOW_SECRET__KEY"]


@pytest.fixture
def harm(app, web, request):
    """``harm(source, permissions)``: the failed task's error; the rest went on. ``harm.logs`` has its log."""
    versions = iter(range(1000))

    def run(source, permissions=None):
        for one in app.packages.list():
            app.packages.remove(one["name"], one["version"], force=True)
        said = json.dumps(permissions or {}).replace("WEB", web.url)
        manifest = MANIFEST.format(version=next(versions), permissions=said)
        files = {"plugin.yaml": manifest.encode(), "plugin.wasm": script(source.replace("WEB", web.url))}
        app.packages.install(write_archive(files), json.loads(said))
        app.workflows.apply(WORKFLOW.encode(), "evil.yaml")
        record, _ = app.executions.submit("default", "evil", {})
        began = time.monotonic()
        assert app.executions.wait_end(record.id, 30), "it has ended"
        assert time.monotonic() - began < 15
        described = app.executions.describe(record.id)
        tasks = {task["path"]: task for task in described["tasks"]}
        assert tasks["other"]["state"] == "SUCCESS"
        run.logs = [line["message"] for line in app.executions.logs(record.id, 0, 20_000)]
        run.output = tasks["harm"]["output"]
        return tasks["harm"]["error"]

    return run


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("export const act = () => { for (;;); }", "timeout"),
        ("export const act = async () => { for (;;) await null; }", "timeout"),
        ("export const act = () => /^(a+)+$/.test('a'.repeat(64) + 'b')", "timeout"),
        ("export const act = () => { const a = []; for (;;) a.push(new Uint8Array(1 << 20)); }", "memory"),
        ("const f = () => f() + 1; export const act = f", "stack"),
        (
            "export const act = () => { let a = 1; for (let i = 0; i < 1e4; i++) a = [a]; return a; }",
            "output",
        ),
        ("export const act = async (i, ctx) => { for (;;) await ctx.log('x'); }", ("timeout", "host_calls")),
        ("export const act = () => 'x'.repeat(100 * 1024 * 1024)", "memory"),
    ],
)
def test_what_takes_too_much_is_ended(harm, source, kind):
    error = harm(source)
    assert error["type"] in kind if isinstance(kind, tuple) else error["type"] == kind, error


@pytest.mark.parametrize(
    ("call", "permissions", "said"),
    [
        ("ctx.http.request('https://example.com/')", {}, "it may not connect to https://example.com"),
        (
            "ctx.http.request('WEB/')",
            {"network": ["https://example.com"]},
            "it may not connect to http://127.0.0.1",
        ),
        (
            "ctx.http.request('WEB/away?https://example.com/')",
            {"network": ["WEB/*"]},
            "not connect to https://exam",
        ),
        ("ctx.http.request('http://127.0.0.1:1/')", {"network": ["http://127.0.0.1:*"]}, "egress: "),
        ("ctx.http.request('http://169.254.169.254/')", {"network": ["http://*"]}, "is never connected to"),
        ("ctx.http.request('http://10.0.0.1/')", {"network": ["http://*"]}, "is not a public address"),
        (
            "ctx.http.request('http://[::ffff:10.0.0.1]/')",
            {"network": ["http://*"]},
            "is never connected to",
        ),
        ("ctx.http.request('http://0x7f.1/')", {"network": ["http://*"]}, "egress: the URL is refused"),
        ("ctx.http.request('file:///etc/passwd')", {"network": ["http://*"]}, "egress: the URL is refused"),
        ("ctx.files.read('/etc/passwd')", {}, "it may not read the file /etc/passwd"),
        (
            "ctx.files.write('/out/x', '')",
            {"filesystem": {"read": ["/out/*"]}},
            "it may not write the file /out/x",
        ),
        ("ctx.env.get('PATH')", {}, "it may not read the environment variable PATH"),
        ("ctx.secrets.get('KEY')", {}, "the secret KEY is not among its permissions"),
        (
            "ctx.secrets.get('OTHER')",
            {"secrets": {"KEY": []}},
            "the secret OTHER is not among its permissions",
        ),
        ("ctx.kv.set('k', 1)", {}, "it may not keep records"),
        (
            "ctx.call('core/db.query', {})",
            {"calls": ["core/log"]},
            "it may not call the action core/db.query",
        ),
    ],
)
def test_what_is_not_granted_is_refused_and_logged(harm, caplog, call, permissions, said):
    error = harm(f"export const act = async (inputs, ctx) => await {call};", permissions)
    assert error["type"] == "permission"
    assert said in error["message"]
    assert any(line.startswith("evil/plugin: ") and said in line for line in harm.logs)
    (record,) = (one for one in caplog.records if one.name == "workflow.permissions")
    for part in ("evil/plugin", "action act", said, "task harm"):
        assert part in record.getMessage()


@pytest.mark.parametrize(
    "path", ["/a/../../etc/passwd", "/../etc/passwd", "//etc/passwd", "etc/passwd", "/a/\x00"]
)
def test_paths_that_lead_elsewhere_are_none(harm, path):
    call = f"ctx.files.read({json.dumps(path)})"
    error = harm(f"export const act = async (i, ctx) => await {call};", {"filesystem": {"read": ["/*"]}})
    assert error["type"] == "invalid_input"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "a\r\nX-B: b"},
        {"X-A\r\nX-B": "b"},
        {"Host": "other"},
        {"Content-Length": "5"},
        {"X-A": "\ud800"},
    ],
    ids=["value", "name", "host", "length", "surrogate"],
)
def test_headers_cannot_be_smuggled(harm, web, headers):
    call = f"ctx.http.request({{ url: 'WEB/', headers: {json.dumps(headers)} }})"
    before = len(web.seen)
    error = harm(f"export const act = async (i, ctx) => await {call};", {"network": ["WEB/*"]})
    assert error["type"] == "invalid_input"
    assert len(web.seen) == before


def test_a_secret_is_nowhere_to_be_seen(harm, web):
    source = """
      export const act = async (inputs, ctx) => {
        const handle = ctx.secrets.get("KEY");
        await ctx.http.request({ url: "WEB/", headers: { "X-Key": handle } });
        ctx.log(handle, btoa(handle));
        return { handle };
      };
    """
    assert harm(source, {"network": ["WEB/*"], "secrets": {"KEY": ["WEB/*"]}}) is None
    assert web.seen[-1]["x-key"] == "s3cret-value"
    assert "s3cret" not in json.dumps([harm.logs, harm.output])


def test_a_secret_that_may_be_seen_is_not_told_by_an_error_or_a_line(harm):
    source = """
      export const act = (inputs, ctx) => {
        const secret = ctx.secrets.get("KEY");
        ctx.log(`it is ${secret}`);
        throw new Error(`no: ${secret}`);
      };
    """
    error = harm(source, {"secrets": {"KEY": {"reveal": True}}})
    assert error["message"].startswith("no: ***")
    assert "it is ***" in harm.logs
    assert "s3cret" not in json.dumps([error, harm.logs])


@pytest.mark.parametrize("before", [16384 - 12, 16384 - 6, 16384 - 1])
def test_a_secret_is_masked_before_a_line_is_cut(harm, before):
    """Where a line or a message ends, no part of a secret is left over."""
    source = f"""
      export const act = (inputs, ctx) => {{
        const long = "x".repeat({before}) + ctx.secrets.get("KEY");
        ctx.log(long);
        throw new Error(long);
      }};
    """
    error = harm(source, {"secrets": {"KEY": {"reveal": True}}})
    told = json.dumps([error, harm.logs])
    assert "xx*" in told or "xx …" in told
    assert "xs" not in told


def test_a_flood_of_lines_steers_no_terminal_and_forges_no_line(harm, caplog):
    line = "\x1b[31m\x1b]0;owned\x07\n2026-01-01 INFO forged\r\x00\u202e"
    source = (
        f"export const act = (i, ctx) => {{ for (let n = 0; n < 200; n++) ctx.log({json.dumps(line)}); }};"
    )
    assert harm(source) is None
    assert sum(line in said for said in harm.logs) == 200, "what was said is kept as it is"
    from wfcore.cli.output import clean
    from wfcore.service.logging import TextFormatter

    formatter = TextFormatter()
    for record in caplog.records:
        text = formatter.format(record)
        assert "\x1b" not in text
        assert "\n2026-01-01 INFO forged" not in text
    assert "\x1b" not in clean(line)


def test_a_process_that_is_killed_at_any_moment_costs_no_task(app, harm):
    stop = threading.Event()

    def reap():
        pool = app.installed.runtime()._pool
        while not stop.wait(0.03):
            for worker in pool.workers():
                worker.process._process.kill()

    killer = threading.Thread(target=reap)
    killer.start()
    try:
        source = """
          export const act = async (inputs, ctx) => {
            let n = 0;
            for (let i = 0; i < 40; i++) { ctx.log(`step ${i}`); for (let k = 0; k < 2e4; k++) n += k; }
            return n;
          };
        """
        error = harm(source)
    finally:
        stop.set()
        killer.join()
    steps = [line for line in harm.logs if line.startswith("step ")]
    assert len(set(steps)) == len(steps), "nothing was done twice"
    assert error is None or error["type"] == "sandbox"
