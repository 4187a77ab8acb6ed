"""New projects in languages that need a compiler: they test, build, install and run at once."""

import json
import os
import subprocess
import sys

import pytest

USE = """\
tasks: {a: {type: community/hi.greet, inputs: {name: Ada}}}
outputs: {said: "{{ tasks.a.output.text }}"}
"""


@pytest.fixture
def workflow(tmp_path):
    """``workflow(*words)``: the command in a directory of its own, which must succeed; what it prints."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")}

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", "wfcore", *words],
            cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("language", ["c", "zig"])
def test_a_new_project_tests_builds_installs_and_runs(workflow, tmp_path, language):
    workflow("plugin", "init", "community/hi", "--language", language)
    assert workflow("plugin", "test", "hi").splitlines()[-1] == "2 passed, 0 failed"
    built = json.loads(workflow("plugin", "build", "hi", "--json"))
    assert json.loads(workflow("plugin", "install", "hi", "--json"))["digest"] == built["digest"]
    (tmp_path / "use.yaml").write_text(USE)
    assert json.loads(workflow("run", "use.yaml", "--json"))["outputs"] == {"said": "Hello Ada!"}
