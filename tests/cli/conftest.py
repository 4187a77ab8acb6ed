"""The real program in a process of its own, in a project directory of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import forks

QUICK = """\
id: quick
description: Greets somebody
inputs: {name: {type: string, default: world, description: Whom to greet}}
tasks:
  hello: {type: core/log, inputs: {message: "hello {{ inputs.name }}"}}
  shout: {type: core/set, needs: [hello], inputs: {said: "HELLO {{ inputs.name }}"}}
outputs: {said: "{{ tasks.shout.output.said }}"}
"""
BROKEN = "id: broken\ntasks:\n  no: {type: core/fail, inputs: {message: on purpose}}\n"
SLOW = """\
id: slow
tasks:
  long: {type: core/wait, inputs: {for: 1h}}
finally:
  tidy: {type: core/log, inputs: {message: tidied}}
"""
WRONG = "id: wrong\ntasks:\n  a: {type: core/lgo, nedes: [b]}\n"
HOOK = """\
id: hook
trigger: {webhook: {path: /cli}}
tasks:
  take: {type: core/log, inputs: {message: "took {{ trigger.body.n }}"}}
"""


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return self.out.splitlines()


class Project:
    """A directory with workflow files, in which the program is run."""

    def __init__(self, path: Path):
        self.path = path
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")}
        for name, text in (
            ("quick", QUICK),
            ("broken", BROKEN),
            ("slow", SLOW),
            ("wrong", WRONG),
            ("hook", HOOK),
        ):
            self.write(f"{name}.yaml", text)
        self.write("workflow.config.yaml", "server: {port: 0, stopGrace: 2s}\n")

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def begin(self, *argv: str, **options) -> subprocess.Popen:
        environ = self.environ | options.pop("environ", {})
        return forks.start(
            [sys.executable, "-m", "wfcore", *argv],
            cwd=self.path, env=environ, text=True, encoding="utf-8",
            **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )  # fmt: skip

    def run(self, *argv: str, input: str = "", **environ: str) -> Outcome:
        process = self.begin(*argv, environ=environ)
        try:
            out, err = process.communicate(input, timeout=60)
        finally:
            process.kill()
        return Outcome(process.returncode, out, err)


@pytest.fixture
def project(tmp_path):
    """A project without a server."""
    return Project(tmp_path)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A project with its server, for the tests of one module."""
    project = Project(tmp_path_factory.mktemp("served"))
    started = project.run("server", "start", "--detach", "--json")
    assert started.code == 0, started
    project.address = started.json["address"]
    yield project
    assert project.run("server", "stop").code == 0
