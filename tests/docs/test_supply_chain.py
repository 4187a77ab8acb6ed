"""The page on the supply chain names each attack with its test; the tutorial is followed to the letter."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .test_tutorial import free_port, plain, script

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "supply-chain.md").read_text()
TUTORIAL = (ROOT / "docs" / "tutorial" / "publish-a-plugin.md").read_text()
SHIM = '#!/bin/sh\nexec "{python}" -m wfregistry "$@"\n'


@pytest.mark.parametrize("name", ["test_index", "test_signatures", "test_carriers"])
def test_each_attack_has_its_test_and_each_test_its_attack(name):
    file = f"tests/security/supply_chain/{name}.py"
    section = PAGE.partition(f"`{file}`")[2].partition("\n###")[0]
    named = set(re.findall(r"`(test_\w+)`", section))
    there = set(re.findall(r"^def (test_\w+)", (ROOT / file).read_text(), re.MULTILINE))
    good = {"test_the_honest_way", "test_a_signature_by_minisign_itself", "test_a_lock_gives_the_same_again"}
    good |= {"test_a_lock_that_is_not_there_and_options_that_do_not_fit"}
    assert named - there == set()
    assert there - named - good == set()


def test_the_other_tests_are_there():
    for path in re.findall(r"`(tests/[\w/.]+)`", PAGE):
        assert (ROOT / path).exists(), path


@pytest.fixture
def ran(tmp_path):
    """The output of each block of commands of the tutorial, and what the page shows of it."""
    program, shown = script(TUTORIAL.replace("7234", str(free_port())))
    shims = tmp_path / "bin"
    shims.mkdir()
    (shims / "wfregistry").write_text(SHIM.format(python=sys.executable))
    (shims / "wfregistry").chmod(0o755)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")}
    environ["PATH"] = f"{shims}:{Path(sys.executable).parent}:{environ['PATH']}"
    environ["PYTHONPATH"] = str(ROOT / "registry")
    work = tmp_path / "work"
    work.mkdir()
    process = subprocess.run(
        ["bash", "-c", program], cwd=work, env=environ, text=True, timeout=110,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout[-3000:]
    outputs = re.split(r"^@@\d+\n", process.stdout, flags=re.MULTILINE)[1:]
    return list(zip(outputs, shown, strict=True))


def test_all_of_the_tutorial_goes_as_the_page_shows(ran):
    for output, shown in ran:
        lines = [plain(line) for line in output.splitlines()]
        for line in filter(None, map(plain, shown.splitlines())):
            line = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:", line)
            assert any(line in re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:", one) for one in lines), (
                line,
                output,
            )
