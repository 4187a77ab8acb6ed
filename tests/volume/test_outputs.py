"""An output of fifty megabytes: stored, read by an expression, fetched, and never poured over anybody."""

import json
import os
import pty
import subprocess
import sys
import tracemalloc

import pytest

SIZE = 50 * 1024 * 1024
#: Two texts of three quarters of a million characters each.
NUMBERS = """
id: echo
tasks:
  a: {type: core/set, inputs: {text: "{{ (1..30000) | join('--------------------') }}"}}
outputs: {all: "{{ tasks.a.output.text }}", again: "{{ tasks.a.output.text }}"}
"""
#: ``core/set`` gives what it gets, so an input becomes an output.
ECHO = """
id: echo
inputs: {text: {}}
tasks:
  a: {type: core/set, inputs: {text: "{{ inputs.text }}"}}
  b:
    type: core/set
    inputs: {n: "{{ tasks.a.output.text | length }}", end: "{{ tasks.a.output.text[-3:] }}"}
outputs: {all: "{{ tasks.a.output.text }}"}
"""


@pytest.fixture
def echoed(tmp_path):
    """``echoed(size)``: the application, and an execution with an output of that size."""
    from contextlib import ExitStack

    from wfcore.config import load
    from wfcore.service.app import open_app

    with ExitStack() as stack:

        def run(size):
            config = load(environ={}, overrides={"storage.path": str(tmp_path / "data" / "db.sqlite")})
            app = stack.enter_context(open_app(config))
            app.workflows.apply(ECHO.encode(), "echo.yaml")
            id = app.executions.submit("default", "echo", {"text": "x" * (size - 3) + "end"})[0].id
            record = app.executions.wait_end(id, 100)
            assert record.state == "SUCCESS", record.error
            return app, id

        yield run


@pytest.mark.parametrize("size", [2 * 1024 * 1024, pytest.param(SIZE, marks=pytest.mark.long)])
def test_a_large_output_is_stored_read_and_fetched(echoed, size):
    app, id = echoed(size)
    tracemalloc.start()
    try:
        found = app.executions.describe(id)
        (_, peak) = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1024 * 1024, "what is only mentioned is not read"
    tasks = {task["path"]: task for task in found["tasks"]}
    assert tasks["b"]["output"] == {"n": size, "end": "end"}
    for large in (found["inputs"], found["outputs"], tasks["a"]["output"]):
        assert size < large["$large"]["bytes"] < size + 100
    body = app.executions.content(id, "outputs")
    assert len(body) == found["outputs"]["$large"]["bytes"]
    assert json.loads(body) == {"all": "x" * (size - 3) + "end"}
    assert json.loads(app.executions.content(id, "output", "b")) == tasks["b"]["output"]


def on_terminal(command, cwd, environ):
    """What a command writes to a terminal, and its exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=cwd, env=environ)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return written, process.wait(60)


def test_the_command_line_spares_the_terminal(tmp_path):
    """A real server, a real terminal."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")}
    (tmp_path / "workflow.config.yaml").write_text("server: {port: 0}\n")
    (tmp_path / "echo.yaml").write_text(NUMBERS)
    workflow = [sys.executable, "-m", "wfcore"]

    def run(*argv):
        return subprocess.run([*workflow, *argv], cwd=tmp_path, env=environ, capture_output=True, text=True)

    assert run("server", "start", "--detach").returncode == 0
    try:
        assert run("workflow", "apply", "echo.yaml").returncode == 0
        done = run("workflow", "run", "echo", "--json")
        id = json.loads(done.stdout.splitlines()[0])["id"]
        run("execution", "watch", id)
        for argv in (("execution", "inspect", id), ("execution", "watch", id)):
            written, code = on_terminal([*workflow, *argv], tmp_path, environ)
            assert code == 0
            assert len(written) < 20_000
            assert b"bytes, to be had by" in written
        written, code = on_terminal([*workflow, "execution", "content", id], tmp_path, environ)
        assert (code, len(written) < 1000) == (2, True)
        assert b"--to" in written
        piped = run("execution", "content", id)
        assert json.loads(piped.stdout)["all"].endswith("--30000")
        told = run("execution", "content", id, "--to", "all.json")
        assert (told.returncode, told.stdout) == (0, "")
        assert (tmp_path / "all.json").read_text() + "\n" == piped.stdout
        again = run("execution", "content", id, "--to", "all.json", "--json")
        assert (again.returncode, json.loads(again.stdout)["error"]["code"]) == (2, "usage")
        assert run("execution", "content", id, "--part", "nothing").returncode == 2
        assert run("execution", "content", id, "--task", "none").returncode == 4
        nowhere = run("execution", "content", id, "--to", "no/such/place")
        assert (nowhere.returncode, "no/such/place cannot be written" in nowhere.stderr) == (2, True)
    finally:
        run("server", "stop")
