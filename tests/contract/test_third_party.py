"""Packages of third parties, really built and installed beside the project, need nothing from its core.

``acme-workflow`` brings a storage driver, a trigger, a provider of secrets, a pack of actions and a
hook; everything in ``broken-workflow`` is broken. Both are installed in the same environment.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = (
    "wfcore",
    "wfcore_plugins",
    "sdk",
    "setup.cfg",
    "pyproject.toml",
    "MANIFEST.in",
    "LICENSE",
    "README.md",
)
CONTRACT = """
from acme_workflow.storage import AcmeStorage
from wfsdk.contexts import context
from wfsdk.contracts.storage import StorageContract

class TestAcmeStorage(StorageContract):
    def make(self, tmp_path):
        return AcmeStorage({"path": str(tmp_path / "journal")}, context("acme", tmp_path))
"""
GREET = """
id: greet
trigger: {daily: "09:30"}
inputs: {name: {type: string, default: world}}
tasks:
  hello:
    type: acme/greet
    inputs: {name: "{{ inputs.name | shout }}"}
  flaky:
    type: acme/flaky
    needs: [hello]
    retry: {max: 1, delay: 10ms}
outputs:
  said: "{{ tasks.hello.output }}"
  meta: "{{ tasks.hello.meta }}"
  attempt: "{{ tasks.flaky.output }}"
"""
#: Runs in the environment: a whole application on ACME's plugins, twice, so that the second finds the first.
JOURNEY = """
import json, sys
from pathlib import Path
from wfcore.config import load
from wfcore.errors import WorkflowError
from wfcore.service.app import open_app

found = {"runs": []}
config = load(Path("config.yaml"), environ={})
for _ in range(2):
    with open_app(config) as app:
        applied = app.workflows.apply(Path("greet.yaml").read_bytes(), "greet.yaml")
        record, _ = app.executions.submit("default", "greet", {})
        record = app.executions.wait_end(record.id, 20)
        try:
            app.executions.submit("default", "greet", {"name": "Voldemort"})
        except WorkflowError as error:
            denied = error.to_dict()
        found["runs"].append({
            "applied": applied.result,
            "state": record and record.state,
            "outputs": record and app.executions.outputs(record.id),
            "triggers": app.workflows.describe("default", "greet")["triggers"],
            "health": dict(app.host.health()),
            "counts": dict(app.storage.counts()),
            "denied": denied,
            "from": type(app.storage).__module__,
        })
print(json.dumps(found))
"""


class Environment:
    """A virtual environment with the packages, and a directory to work in."""

    def __init__(self, place, work):
        self.bin, self.work = place / "bin", work

    def run(self, *command, check=True):
        """Run a program of the environment, with nothing of ours on its path."""
        program = [str(self.bin / command[0]), *command[1:]]
        done = subprocess.run(
            program, cwd=self.work, env=clean(), capture_output=True, text=True, timeout=100
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def configure(self, **sections):
        """Write the configuration: JSON is YAML."""
        known = {
            "dataDir": str(self.work / "data"),
            "storage": {"type": "acme", "path": str(self.work / "acme.journal")},
            "secrets": {"providers": ["acme", "env"], "acme": {"file": str(self.work / "secrets.json")}},
            "hooks": {"acme": {"file": str(self.work / "audit.txt")}},
            "actions": {"acme": {"greeting": "Ahoy"}},
            "server": {"port": 0},
        }
        (self.work / "config.yaml").write_text(json.dumps({**known, **sections}))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The project and both packages, built as wheels and installed; other libraries are those of this run."""
    place = tmp_path_factory.mktemp("third-party")
    wheels = [build(source, place) for source in sources(place)]
    venv.create(place / "venv", with_pip=False, symlinks=True)
    python = str(place / "venv" / "bin" / "python")
    pip(f"--python={python}", "install", "--no-deps", "--no-index", "--no-compile", *map(str, wheels))
    ours = sysconfig.get_path("purelib", vars={"base": str(place / "venv")})
    (Path(ours) / "parent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "venv"


def sources(place):
    """Copies, for a build leaves things in its source."""
    project = place / "project"
    project.mkdir()
    for name in PROJECT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, project)
    yield project
    for folder in (ROOT / "sdk" / "python", *sorted((ROOT / "tests" / "packages").glob("*-workflow"))):
        yield Path(shutil.copytree(folder, place / folder.name, ignore=shutil.ignore_patterns("__pycache__")))


def build(source, place):
    isolation = [] if importlib.util.find_spec("setuptools") is None else ["--no-build-isolation"]
    wheels = place / f"{source.name}-wheel"
    pip("wheel", "--no-deps", *isolation, "-w", str(wheels), str(source))
    (wheel,) = wheels.glob("*.whl")
    return wheel


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    with tempfile.TemporaryDirectory() as nowhere:
        done = subprocess.run(command, cwd=nowhere, env=clean(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def clean():
    """The environment of this process without what would lead to its own packages or settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "WORKFLOW"))}


@pytest.fixture
def environment(installed, tmp_path):
    environment = Environment(installed, tmp_path)
    (tmp_path / "secrets.json").write_text('{"SIGNATURE": "X"}')
    (tmp_path / "greet.yaml").write_text(GREET)
    environment.configure()
    return environment


def test_the_storage_driver_keeps_the_contract(environment):
    (environment.work / "test_acme.py").write_text(CONTRACT)
    done = environment.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme.py")
    assert " passed" in done.stdout


def test_everything_of_acme_works_in_an_application(environment):
    done = environment.run("python", "-c", JOURNEY)
    first, second = json.loads(done.stdout)["runs"]
    assert first["from"] == "acme_workflow.storage"
    assert (first["applied"], second["applied"]) == ("created", "unchanged")
    for count, run in enumerate((first, second), 1):
        assert run["state"] == "SUCCESS"
        assert run["outputs"] == {
            "said": "Ahoy, WORLD!!",
            "meta": {"count": count, "signed": True},
            "attempt": 2,
        }
        (trigger,) = run["triggers"]
        assert trigger["kind"] == "daily"
        assert "T09:30:00" in trigger["next_at"]
        assert {"storage.acme", "secrets.acme", "actions.acme", "hook.acme", "trigger.daily"} <= set(
            run["health"]
        )
        assert set(run["health"].values()) == {""}
        assert run["counts"] == {"SUCCESS": count}
        assert run["denied"]["code"] == "forbidden"
        assert "nobody greets Voldemort" in run["denied"]["message"]
    assert (environment.work / "audit.txt").read_text() == "default/greet SUCCESS\n" * 2


def test_a_raising_hook_is_named_in_the_log(environment):
    done = environment.run("python", "-c", JOURNEY)
    assert "plugin hook.noisy failed in wf_execution_finished" in done.stderr
    assert "noisy as ever" in done.stderr
    assert "plugin hook.noisy failed in wf_task_finished" in done.stderr
    assert "plugin hook.noisy failed in wf_retry_delay" in done.stderr


def test_the_list_says_what_is_broken(environment):
    done = environment.run("workflow", "--config", "config.yaml", "plugin", "list", "--json")
    found = {(row["kind"], row["name"]): row for row in rows(json.loads(done.stdout))}
    for kind, name in [
        ("storage", "acme"),
        ("trigger", "daily"),
        ("secrets", "acme"),
        ("actions", "acme"),
        ("hook", "acme"),
    ]:
        row = found[kind, name]
        assert (row["distribution"], row["version"], row["error"]) == ("acme-workflow", "1.2.0", None)
    assert "a_module_that_nobody_has" in found["actions", "shattered"]["error"]
    assert "contract 99" in found["secrets", "outdated"]["error"]
    assert "lacks check()" in found["trigger", "half"]["error"]
    assert found["hook", "noisy"]["error"] is None
    assert {row["version"] for row in found.values() if row["error"]} == {"0.0.1"}


def test_a_broken_one_that_is_named_is_the_error(environment):
    environment.configure(secrets={"providers": ["outdated"]})
    done = environment.run("workflow", "--config", "config.yaml", "run", "greet.yaml", check=False)
    assert done.returncode == 7
    assert (
        "secrets 'outdated' (broken-workflow 0.0.1, workflow.secrets: broken_workflow.outdated:Outdated)"
        in done.stderr
    )
    assert "uninstall broken-workflow" in done.stderr


@pytest.mark.parametrize(
    ("part", "broken", "message"),
    [
        ("acme/greet", "shattered/x", "a_module_that_nobody_has"),
        ('daily: "09:30"', "half: {}", "lacks check()"),
    ],
)
def test_a_workflow_that_names_a_broken_one_is_told(environment, part, broken, message):
    (environment.work / "broken.yaml").write_text(GREET.replace(part, broken))
    done = environment.run(
        "workflow", "--config", "config.yaml", "workflow", "validate", "broken.yaml", check=False
    )
    assert done.returncode in (3, 7)
    assert "broken-workflow 0.0.1" in done.stdout + done.stderr
    assert message in done.stdout + done.stderr
    environment.run("workflow", "--config", "config.yaml", "workflow", "validate", "greet.yaml")


def rows(document):
    return document if isinstance(document, list) else document["plugins"]
