"""Plugin projects and packages on the command line: made, tested, built, installed, used, removed."""

import hashlib
import http.server
import os
import pty
import threading

import pytest

USE = """\
id: use
tasks:
  a: {type: community/hi.greet, inputs: {name: Ada}}
outputs: {said: "{{ tasks.a.output }}"}
"""
KEPT = "{kv: true}"


def test_a_new_project_tests_builds_installs_and_runs(project):
    made = project.run("plugin", "init", "community/hi")
    assert (made.code, made.lines[-1]) == (0, "next: workflow plugin test hi")
    tested = project.run("plugin", "test", "hi")
    assert tested.code == 0, tested.out + tested.err
    assert tested.lines[-1].endswith(" passed, 0 failed")
    built = project.run("plugin", "build", "hi", "--json").json
    file = project.path / built["file"]
    assert file.name == "community-hi-0.1.0.wfp"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == built["digest"]
    installed = project.run("plugin", "install", "hi", "--grant", "--json").json
    assert installed["digest"] == built["digest"], "the same sources make the same bytes"
    (project.path / "use.yaml").write_text(USE)
    ended = project.run("run", "use.yaml", "--json").json
    assert ended["outputs"]["said"]["text"] == "Hello Ada!"


def test_one_version_is_removed_and_the_other_stays(project, plugin):
    for version in ("1.0.0", "1.1.0"):
        (project.path / "hi.wfp").write_bytes(plugin(version, f"export const greet = () => '{version}'"))
        project.run("plugin", "install", "hi.wfp")
    removed = project.run("plugin", "remove", "community/hi", "--only", "1.0.0")
    assert removed.out == "removed  community/hi 1.0.0\n"
    (left,) = project.run("plugin", "list", "--json").json["packages"]
    assert (left["version"], left["state"]) == ("1.1.0", "current")


def test_what_cannot_be_written_and_a_project_without_tests_are_said(project):
    project.run("plugin", "init", "hi")
    built = project.run("plugin", "build", "hi", "--output", "quick.yaml/x.wfp")
    assert (built.code, "quick.yaml/x.wfp cannot be written" in built.err) == (2, True)
    assert len(built.err.splitlines()) == 2
    (project.path / "hi" / "plugin.test.yaml").unlink()
    tested = project.run("plugin", "test", "hi")
    assert (tested.code, "hi has no tests" in tested.err, "write plugin.test.yaml" in tested.err) == (
        4,
        True,
        True,
    )


def test_a_project_is_not_made_over_another(project):
    assert project.run("plugin", "init", "hi").code == 0
    again = project.run("plugin", "init", "hi")
    assert (again.code, "hi is there already" in again.err) == (5, True)


def test_a_test_that_fails_says_what_should_have_been(project):
    project.run("plugin", "init", "hi")
    file = project.path / "hi" / "plugin.test.yaml"
    file.write_text(file.read_text().replace("Hello Ada!", "Good day").replace("greeting Ada", "nothing"))
    failed = project.run("plugin", "test", "hi")
    assert failed.code == 1
    assert "FAIL  greets" in failed.out
    assert 'the output should be {"text": "Good day", "times": 1}' in failed.out
    assert "the log should have 'nothing'" in failed.out
    assert failed.lines[-1] == "2 passed, 1 failed"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "plugin.test.yaml",
            "tests:\n  - {name: a, action: gret}\n",
            "plugin.test.yaml:2:23: tests[0].action: ",
        ),
        ("plugin.test.yaml", "tests: []\n", "plugin.test.yaml:1:8: tests: "),
        ("plugin.test.yaml", "test: []\n", "plugin.test.yaml:1:1: test: "),
        ("plugin.yaml", "plugin: 2\n", "plugin.yaml:1:9: plugin: "),
        ("src/index.ts", "export const greet = (n: {) => 1;\n", "src/index.ts:1:"),
    ],
)
def test_faults_have_their_places(project, file, text, message):
    project.run("plugin", "init", "hi")
    (project.path / "hi" / file).write_text(text)
    outcome = project.run("plugin", "test", "hi")
    assert outcome.code == 7
    assert message in outcome.err


def test_permissions_are_granted_by_an_option_or_refused(project, plugin):
    (project.path / "hi.wfp").write_bytes(plugin(permissions=KEPT))
    refused = project.run("plugin", "install", "hi.wfp")
    assert (refused.code, "it may keep records" in refused.err, "--grant" in refused.err) == (8, True, True)
    assert project.run("plugin", "list", "--json").json["packages"] == []
    granted = project.run("plugin", "install", "hi.wfp", "--grant")
    assert granted.out.splitlines()[1] == "  it may keep records for later executions"
    again = project.run("plugin", "install", "hi.wfp", "--json").json
    assert again["result"] == "unchanged"


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 8), ("\n", 8)])
def test_on_a_terminal_it_asks(project, plugin, answer, code):
    (project.path / "hi.wfp").write_bytes(plugin(permissions=KEPT))
    ours, theirs = pty.openpty()
    process = project.begin("plugin", "install", "hi.wfp", stdin=theirs, stdout=theirs)
    os.close(theirs)
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(ours, 1024)
    assert b"community/hi 1.0.0 asks for permissions:\r\n  it may keep records" in seen
    os.write(ours, answer.encode())
    assert process.wait(30) == code
    os.close(ours)
    assert len(project.run("plugin", "list", "--json").json["packages"]) == (code == 0)


def test_what_is_installed_is_listed_described_and_removed(project, plugin):
    (project.path / "hi.wfp").write_bytes(plugin(permissions="{secrets: {KEY: ['https://a.b/*']}}"))
    project.run("plugin", "install", "hi.wfp", "--grant", "--secret", "KEY=other")
    listed = project.run("plugin", "list")
    assert "community/hi  1.0.0    current" in listed.out
    assert "send the secret KEY to https://a.b/*" in listed.out
    told = project.run("plugin", "info", "community/hi")
    for part in ("Says hello.", "community/hi.greet", "it may send the secret KEY", "secret KEY: other"):
        assert part in told.out
    removed = project.run("plugin", "remove", "community/hi")
    assert removed.out == "removed  community/hi 1.0.0\n"
    assert project.run("plugin", "info", "community/hi").code == 4


def test_a_server_that_runs_is_told(project, plugin):
    (project.path / "hi.wfp").write_bytes(plugin())
    (project.path / "use.yaml").write_text(USE)
    project.run("server", "start", "--detach", "--port", "0")
    try:
        assert project.run("plugin", "install", "hi.wfp").code == 0
        assert project.run("workflow", "apply", "use.yaml").code == 0
        assert project.run("workflow", "run", "use", "--wait", "--json").json["outputs"] == {
            "said": "hello Ada"
        }
        assert project.run("plugin", "list", "--json").json["packages"][0]["state"] == "current"
        refused = project.run("plugin", "remove", "community/hi")
        assert (refused.code, "used by workflow default/use" in refused.err) == (5, True)
        assert project.run("run", "use.yaml").code == 0, "a run beside the server has its packages too"
        assert project.run("plugin", "remove", "community/hi", "--force").code == 0
    finally:
        project.run("server", "stop")


@pytest.fixture
def site():
    """A web server with ``content``; gives its URL."""
    content = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = content.get(self.path)
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.url = content, f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_package_comes_from_a_url_if_it_is_the_one_it_should_be(project, plugin, site):
    site.content["/hi.wfp"] = plugin()
    digest = hashlib.sha256(plugin()).hexdigest()
    refused = project.run("plugin", "install", f"{site.url}/hi.wfp#sha256={digest}")
    assert (refused.code, "egress.allow" in refused.err) == (8, True)
    (project.path / "workflow.config.yaml").write_text(f"egress: {{allow: ['{site.url}']}}\n")
    other = project.run("plugin", "install", f"{site.url}/hi.wfp#sha256={'0' * 64}")
    assert (other.code, "is not what it should be" in other.err) == (7, True)
    assert project.run("plugin", "install", f"{site.url}/gone.wfp#sha256={digest}").code == 4
    assert project.run("plugin", "install", f"{site.url}/hi.wfp#sha256={digest}").code == 0


def test_a_module_is_tried_for_the_abi(project):
    project.run("plugin", "init", "hi", "--language", "c")
    project.run("plugin", "build", "hi")
    (project.path / "bad.wasm").write_bytes(b"\0asm\1\0\0\0")
    bad = project.run("plugin", "test", "--abi", "bad.wasm")
    assert (bad.code, "it has no memory" in bad.out) == (1, True)
