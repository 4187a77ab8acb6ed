"""One execution of thousands of tasks: in bounded memory, and at the same cost for each task."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("child.py")
ROOT = CHILD.parents[2]


def run(directory, shape, count):
    """What the execution took, measured in a process of its own."""
    directory.mkdir()
    search = os.pathsep.join([str(ROOT), str(ROOT / "sdk" / "python")])
    command = [sys.executable, CHILD, directory, shape, str(count)]
    environ = {**os.environ, "PYTHONPATH": search}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=110, env=environ, cwd=directory.parent
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(told, count):
    assert told["state"] == "SUCCESS"
    assert told["succeeded"] == told["outputs"] == count
    assert told["gapless"]
    assert told["wrong"] == 0, "a task began before one that it needs"
    assert told["megabytes"] < 200


@pytest.mark.parametrize("shape", ["wide", "deep", "layered"])
def test_the_cost_of_a_task_does_not_grow_with_their_number(tmp_path, shape):
    few, many = run(tmp_path / "few", shape, 300), run(tmp_path / "many", shape, 1200)
    check(few, 300)
    check(many, 1200)
    assert many["statements"] < few["statements"] + 0.5
    assert many["statements"] < 9, "rows of two states, their facts, and the execution's row with each group"
    assert many["transactions"] < 1.1, "the end of a task and the begin of those after it are one"


@pytest.mark.long
@pytest.mark.parametrize("shape", ["wide", "deep", "layered"])
def test_ten_thousand_tasks(tmp_path, shape):
    told = run(tmp_path / "data", shape, 10_000)
    check(told, 10_000)
    assert told["statements"] < 9
