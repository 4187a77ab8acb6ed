""".ci/total.py: the closing line of a run is the sum of its reports, and a failure elsewhere is not lost."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / ".ci" / "total.py"
REPORT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}" time="1.5"/></testsuites>'


def total(directory, *status):
    ended = subprocess.run(
        [sys.executable, PROGRAM, directory, *status], stdout=subprocess.PIPE, text=True, check=False
    )
    return ended.stdout.splitlines()[-1], ended.returncode


@pytest.mark.parametrize(
    ("reports", "status", "line", "code"),
    [
        ([(10, 0, 0, 2), (5, 0, 0, 0)], "0", "13 passed, 0 failed", 0),
        ([(10, 1, 2, 3)], "1", "4 passed, 3 failed", 1),
        ([(10, 1, 2, 3)], "0", "4 passed, 3 failed", 1),
        ([(10, 0, 0, 0)], "1", "10 passed, 1 failed", 1),
    ],
)
def test_the_sum(tmp_path, reports, status, line, code):
    for number, counts in enumerate(reports):
        (tmp_path / f"py{number}.xml").write_text(REPORT.format(*counts))
    assert total(tmp_path, status) == (line, code)
    assert not any(tmp_path.iterdir()), "what was counted is not counted again"


def test_no_report_is_a_failure(tmp_path):
    assert total(tmp_path)[1] == 1
