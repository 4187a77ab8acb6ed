"""Who asks for a comparison that cannot be made is told so, instead of getting less than was asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

COMPARE = Path(__file__).parents[1] / "benchmarks" / "compare.py"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["n9n"], "there is no engine n9n, but dbos, restate, n8n, prefect"),
        (["n8n", "dbos"], "not installed: dbos n8n; run install_peers.py {home} dbos n8n first"),
        (["--rounds", "0"], "--rounds is 1 or more"),
        (["--rounds", "many"], "argument --rounds: invalid int value: 'many'"),
    ],
)
def test_what_is_asked_wrongly(tmp_path, words, said):
    command = [sys.executable, COMPARE, *words, "--home", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"compare.py: error: {said.format(home=tmp_path)}"
