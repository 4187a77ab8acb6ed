"""What a commit promises when the process dies in the middle of it, and what it costs to promise it."""

import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wfcore.api import ExecutionQuery
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context

CHILD = Path(__file__).with_name("storage_child.py")
GROUP = 100


def start(path, group, rounds, *prefix):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [*prefix, sys.executable, str(CHILD), str(path), str(group), str(rounds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def check(path, acknowledged):
    """All executions are after the same commit, the last acknowledged or the one that was under way."""
    storage = SqliteStorage({"path": str(path), "synchronous": "full"}, context("sqlite", path.parent))
    storage.start()
    executions = storage.executions(ExecutionQuery(limit=GROUP + 1))
    rows = [(storage.facts(e.id), storage.tasks(e.id)) for e in executions]
    integrity = storage._reader.execute_sql("pragma integrity_check").fetchone()
    storage.stop(5)
    numbers = {execution.seq for execution in executions}
    assert integrity == ("ok",)
    assert len(executions) in ((0, GROUP) if not acknowledged else (GROUP,))
    assert len(numbers) <= 1
    number = numbers.pop() if numbers else 0
    assert number in (acknowledged, acknowledged + 1)
    for facts, tasks in rows:
        assert [fact.seq for fact in facts] == list(range(1, number + 1))
        assert [task.output for task in tasks] == [str(number)]
    return number


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_commit_is_whole_or_not_there(tmp_path, seed):
    chance, number, cut = random.Random(seed), 0, 0
    for _ in range(6):
        process = start(tmp_path / "db.sqlite", GROUP, 1_000_000)
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        said = re.findall(r"^(begin|end) (\d+)$", process.communicate()[0], re.MULTILINE)
        acknowledged = max([number, *(int(n) for word, n in said if word == "end")])
        cut += said[-1:] != [("end", str(acknowledged))]
        number = check(tmp_path / "db.sqlite", acknowledged)
    assert number > 0
    assert cut > 0, "no commit was ever under way: the test proves nothing"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: fsync cannot be counted")
@pytest.mark.parametrize("group", [1, 50])
def test_every_commit_is_on_disk_before_it_returns_at_the_price_of_one_sync(tmp_path, group):
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync,write", "-o", str(trace)]
    process = start(tmp_path / "db.sqlite", group, 20, *strace)
    said, _ = process.communicate()
    assert process.returncode == 0
    assert len(re.findall(r"^end \d+$", said, re.MULTILINE)) == 20
    syncs = [
        len(re.findall(r"f(?:data)?sync\(\d+\)", during))
        for during in re.findall(r'"begin \d+\\n"(.*?)"end \d+\\n"', trace.read_text(), re.DOTALL)
    ]
    assert len(syncs) == 20
    assert min(syncs) >= 1
    assert sorted(syncs)[10] == 1
    assert max(syncs) <= 4  # the commit that meets a checkpoint
