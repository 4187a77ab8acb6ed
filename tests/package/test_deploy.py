"""Dockerfile and units: what can be seen without a container engine. deploy/prove_*.py execute them."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from wfcore.config import load

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def reader():
    spec = importlib.util.spec_from_file_location("dockerfile", ROOT / "deploy" / "dockerfile.py")
    module = sys.modules["dockerfile"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stages():
    return reader().read(ROOT / "Dockerfile")


def test_both_stages_have_the_same_pinned_base(stages):
    build, final = stages
    assert build.base == final.base
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", final.base), "an exact version on a named Debian"


def test_it_runs_as_nobody_important_and_says_how_it_is(stages):
    final = stages[-1]
    words = [step.word for step in final.steps]
    (user,) = (step.rest for step in final.steps if step.word == "USER")
    assert user == "workflow"
    assert "RUN" not in words[words.index("USER") :], "nothing of the image is its user's"
    assert final.last("HEALTHCHECK").rest == 'CMD ["workflow", "server", "status"]'
    assert [*final.last("ENTRYPOINT").arguments, *final.last("CMD").arguments] == [
        "workflow",
        "server",
        "start",
    ]
    assert final.last("VOLUME").rest == final.last("WORKDIR").rest == "/var/lib/workflow"


def test_the_last_stage_installs_no_tools(stages):
    commands = " ".join(step.rest for step in stages[-1].steps if step.word == "RUN")
    assert re.findall(r"--no-install-recommends (.*?) &&", commands) == ["libseccomp2"]
    assert "pip" not in commands


def test_every_file_that_is_copied_exists_and_is_sent_to_the_engine(stages):
    build, final = stages
    ignored = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("#", "")
    ]
    sent = [line[1:] for line in ignored if line.startswith("!")]
    copied = [name for step in build.steps if step.word == "COPY" for name in step.arguments[:-1]]
    assert ignored[0] == "*"
    assert sorted(copied) == sorted(sent)
    assert all((ROOT / name).exists() for name in copied)
    assert [step.options for step in final.steps if step.word == "COPY"] == [{"from": build.name}]


def test_what_the_reader_does_not_know_is_an_error(tmp_path):
    file = tmp_path / "Dockerfile"
    file.write_text("FROM a AS b\nADD https://x /y\n")
    with pytest.raises(ValueError, match="ADD is not known here"):
        reader().read(file)


def test_the_reader_joins_lines_and_knows_options(tmp_path):
    file = tmp_path / "Dockerfile"
    file.write_text(
        'FROM a AS b\nENV A=1 \\\n# why\n    B=$A:2\nCOPY --from=x --chown=u:g p q\nCMD ["r", "s t"]\n'
    )
    (stage,) = reader().read(file)
    assert (stage.base, stage.name) == ("a", "b")
    assert stage.environment({}) == {"A": "1", "B": "1:2"}
    assert stage.last("COPY").options == {"from": "x", "chown": "u:g"}
    assert stage.last("CMD").arguments == ["r", "s t"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_hardened_and_stops_gracefully(unit):
    said = dict(re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.M))
    assert said["User"] == "workflow"
    assert said["CapabilityBoundingSet"] == ""
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictNamespaces"):
        assert said[name] == "yes", name
    assert said["ProtectSystem"] == "strict"
    assert said["StateDirectory"]
    assert said["KillMode"] == "mixed"
    assert int(said["TimeoutStopSec"]) > 10, "longer than server.stopGrace"
    assert "MemoryDenyWriteExecute" not in said, "WebAssembly could not run"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_a_unit(unit, tmp_path):
    text = unit.read_text()
    assert "ExecStart=/opt/workflow/bin/workflow " in text
    copy = tmp_path / unit.name
    copy.write_text(text.replace("/opt/workflow/bin/workflow", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_composition_is_hardened_and_reaches_its_database(monkeypatch, tmp_path):
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    server, database = services["server"], services["database"]
    assert server["build"] == "."
    assert re.fullmatch(r"postgres:\d+\.\d+-[a-z]+", database["image"])
    assert server["ports"] == ["127.0.0.1:7233:7233"]
    assert "ports" not in database
    assert (server["read_only"], server["cap_drop"]) == (True, ["ALL"])
    assert server["security_opt"] == ["no-new-privileges:true"]
    assert server["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert database["environment"]["POSTGRES_PASSWORD"].startswith("${DATABASE_PASSWORD:?")
    assert server["environment"]["PGPASSWORD"] == "${DATABASE_PASSWORD}"
    monkeypatch.chdir(tmp_path)
    config = load(environ={**server["environment"], "WORKFLOW_SERVER_HOST": "0.0.0.0"})
    assert config["storage"]["type"] == "postgres"
    assert config["storage"]["url"] == "postgres://workflow@database/workflow"


def test_there_is_a_unit():
    assert [unit.name for unit in UNITS] == ["workflow-worker.service", "workflow.service"]
