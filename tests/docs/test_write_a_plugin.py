"""The pages for authors of plugins: the tutorial is followed to the letter, the grammar is complete."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wfcore.packages.manifest import parse_manifest
from wfcore.packages.trial import cases

from .test_tutorial import free_port, plain, script

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "tutorial" / "write-a-plugin.md").read_text()
REFERENCE = (DOCS / "reference" / "plugin-tests.md").read_text()
MANIFEST = "plugin: 1\nname: a/b\nversion: 1.0.0\nactions: {send: {}}\n"


@pytest.fixture
def ran(tmp_path, environ):
    """The output of each block of commands, and what the page shows of it."""
    page = PAGE.replace("127.0.0.1:8000", "127.0.0.1:{0}").replace("http.server 8000", "http.server {0}")
    page = page.replace("```ts file=", "```yaml file=").replace("{0}", str(free_port()))
    program, shown = script(page)
    process = subprocess.run(
        ["bash", "-c", program], cwd=tmp_path, env=environ, text=True, timeout=100,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout[-3000:]
    outputs = re.split(r"^@@\d+\n", process.stdout, flags=re.MULTILINE)[1:]
    return list(zip(outputs, shown, strict=True))


@pytest.fixture
def environ():
    """An environment in which `workflow` is the one under test."""
    if not shutil.which("bash"):
        pytest.skip("bash is needed to follow the tutorial")
    made = {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")}
    return {**made, "PATH": f"{Path(sys.executable).parent}:{made['PATH']}"}


def test_all_of_it_goes_as_the_page_shows(ran):
    for output, shown in ran:
        lines = [plain(line) for line in output.splitlines()]
        known = re.sub(r"127\.0\.0\.1:\d+\S*", "", shown)  # ports differ, and end their lines
        for line in filter(None, map(plain, known.splitlines())):
            assert any(line in one for one in lines), (line, output)


def test_the_example_of_the_reference_is_well_formed():
    (text,) = re.findall(r"```yaml file=plugin.test.yaml data\n(.*?)```", REFERENCE, re.DOTALL)
    assert len(cases.cases(text.encode(), cases.FILE, parse_manifest(MANIFEST))) == 2


@pytest.mark.parametrize("rules", ["_CASE", "_REQUEST", "_RESPONSE", "_ERROR"])
def test_the_reference_has_every_key(rules):
    rows = "\n".join(re.findall(r"^\| (`[^|]*) \|", REFERENCE, re.MULTILINE))
    for key in getattr(cases, rules):
        assert f"`{key}`" in rows, key
