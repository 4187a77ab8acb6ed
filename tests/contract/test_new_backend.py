"""``python -m wfsdk new KIND NAME``: what it makes passes its suite, or says what is left to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SDK = Path(__file__).parents[2] / "sdk" / "python"


@pytest.fixture
def wfsdk(tmp_path):
    """``wfsdk(module, *words)`` runs a module of Python in a project's directory."""

    def run(*words, cwd=tmp_path):
        environ = os.environ | {"PYTHONPATH": os.pathsep.join((str(SDK), str(cwd)))}
        return subprocess.run(
            [sys.executable, "-m", *words], cwd=cwd, env=environ, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.parametrize("kind", ["secrets", "trigger", "actions", "registry", "dispatcher"])
def test_a_new_driver_keeps_its_contract(wfsdk, tmp_path, kind):
    made = wfsdk("wfsdk", "new", kind, "mine")
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[-1] == "next: cd workflow-mine && pip install -e . && pytest"
    tested = wfsdk(
        "pytest", "-q", "-p", "wfsdk.pytest_plugin", "-p", "no:cacheprovider", cwd=tmp_path / "workflow-mine"
    )
    assert tested.returncode == 0, tested.stdout


def test_a_new_storage_says_what_is_left_to_do(wfsdk, tmp_path):
    assert wfsdk("wfsdk", "new", "storage", "mine").returncode == 0
    text = (tmp_path / "workflow-mine" / "workflow_mine" / "__init__.py").read_text()
    assert "def commit(self, steps, notify=()):" in text
    assert "Write all steps in one durable transaction" in text
    tested = wfsdk("pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path / "workflow-mine")
    assert tested.returncode == 1
    assert "1 passed" in tested.stdout, "it has every verb"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "usage: python -m wfsdk new KIND NAME"),
        (("make", "secrets", "x"), "usage:"),
        (("new", "runtime", "x"), "there is no template for 'runtime'"),
        (("new", "secrets", "My-Name"), "'My-Name' is no name for a driver"),
    ],
)
def test_words_that_cannot_be_followed(wfsdk, words, message):
    refused = wfsdk("wfsdk", *words)
    assert (refused.returncode, message in refused.stderr) == (2, True)


def test_nothing_is_made_over_another(wfsdk):
    wfsdk("wfsdk", "new", "secrets", "mine")
    again = wfsdk("wfsdk", "new", "secrets", "mine")
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
