"""examples/: every workflow is valid, and does what it says it does."""

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from wfcore.config import load
from wfcore.service.checker import local_checker

EXAMPLES = Path(__file__).parents[2] / "examples"
RECIPES = EXAMPLES / "recipes"
FILES = [file for file in sorted(EXAMPLES.rglob("*.yaml")) if ".config." not in file.name]
PRD = EXAMPLES.parents[1] / "shared" / "PRD.md"


def post(url, token, body):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, json.load(answer)


@pytest.fixture(scope="module")
def checker():
    with local_checker(load(environ={})) as loader:
        yield loader


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_every_workflow_is_valid_and_named_as_its_file(file, checker):
    assert checker.load(file.read_bytes(), str(file)).id == file.stem


def test_every_configuration_is_valid():
    for file in EXAMPLES.rglob("*.config.yaml"):
        assert load(file, environ={}).file == file


def test_every_workflow_is_in_the_list():
    text = (EXAMPLES / "README.md").read_text()
    for file in FILES:
        assert f"({file.relative_to(EXAMPLES)})" in text


def test_the_first_example_of_the_requirements_is_there_to_the_letter_and_applies(workflow):
    assert workflow("workflow", "validate", EXAMPLES / "prd")
    with workflow.server():
        for result in ("created", "unchanged"):
            applied = workflow("workflow", "apply", EXAMPLES / "prd" / "daily_sync.yaml")["workflows"][0]
            assert (applied["id"], applied["result"]) == ("daily_sync", result)
        assert workflow("workflow", "describe", "daily_sync")["triggers"][0]["next_at"].endswith(
            "T02:00:00.000000Z"
        )
    if not PRD.is_file():
        pytest.skip("the requirements are not here")
    block = PRD.read_text().partition("### 7.2 ")[2].partition("```yaml\n")[2].partition("```")[0]
    assert (EXAMPLES / "prd" / "daily_sync.yaml").read_text() == block


@pytest.mark.parametrize("taken", [False, True], ids=["free port", "taken port"])
def test_the_quick_start(tmp_path, taken):
    home = tmp_path / "quickstart"
    shutil.copytree(EXAMPLES / "quickstart", home, ignore=shutil.ignore_patterns("data", "__pycache__"))
    (home / "workflow").symlink_to(Path(sys.executable).with_name("workflow"))
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if taken:
            try:
                other.bind(("127.0.0.1", 7280))
                other.listen()
            except OSError:
                pass  # somebody else has it, which is as good
        environ = {**os.environ, "WORKFLOW_STORAGE_PATH": "elsewhere", "WORKFLOW_NO_SUCH_KEY": "x"}
        ended = subprocess.run(
            [sys.executable, home / "run.py"], cwd=tmp_path, env=environ, timeout=60,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    out = ended.stdout
    assert ended.returncode == 0, out
    assert ("WORKFLOW_EGRESS_ALLOW" in out) == taken
    assert "503 Service Unavailable" in out
    assert "  items  tea, bread, cocoa" in out
    assert "lost with its server" in out
    assert out.count("✓ SUCCESS") + out.count("+ SUCCESS") == 3
    assert not (tmp_path / "elsewhere").exists()


def test_payments(workflow):
    body = {"payments": [{"id": n, "status": "paid" if n % 2 else "open", "amount": n} for n in range(1, 6)]}
    with workflow.server() as (address, token):
        workflow("workflow", "apply", RECIPES)
        url = f"{address}/hooks/payments"
        assert post(url, token, body) == (200, {"stored": 3, "left_out": [2, 4]})
        assert post(url, token, body) == (200, {"stored": 0, "left_out": [2, 4]})
        started = len(workflow("execution", "list")["executions"])
        post(url, token, {"payments": []})
        post(url, token, {"other": 1})
        assert len(workflow("execution", "list")["executions"]) == started == 2


def test_nightly_report(workflow, web):
    web.pages = {
        "/figures": (200, "application/json", [{"amount": 2}, {"amount": 2.5}]),
        "/chat": (200, "application/json", None),
    }
    words = ("run", RECIPES / "nightly_report.yaml", f"--input=source={web.url}/figures")
    assert workflow(*words, f"--input=chat={web.url}/chat")["outputs"] == {"orders": 2}
    assert web.seen[0][2].startswith("day=20")
    assert web.seen[-1][3] == {"text": "2 orders, 4.5 in all"}
    web.pages["/figures"] = (404, "application/json", None)
    ended = workflow(*words, f"--input=chat={web.url}/chat", code=1)
    assert (ended["state"], ended["error"]["task"]) == ("FAILED", "figures")
    assert web.seen[-1][3]["text"].startswith("No report: figures failed after 1 attempts: GET ")


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [(200, "text/html", None), (500, "text/html", "assertion"), (200, "text/plain", "page")],
)
def test_health_check(workflow, web, status, kind, error):
    web.pages = {"/": (status, kind, "hello")}
    ended = workflow("run", RECIPES / "health_check.yaml", f"--input=site={web.url}/", code=bool(error))
    assert (ended["error"] or {}).get("type") == error


@pytest.mark.parametrize("status", [200, 400])
def test_maintenance_gives_its_lock_back(workflow, web, status):
    web.pages = {"/maintain": (status, "application/json", None)}
    with workflow.server():
        workflow("workflow", "apply", RECIPES / "maintenance.yaml")
        words = ("workflow", "run", "maintenance", "--wait", "--input=host=a", f"--input=service={web.url}")
        for _ in range(2):
            ended = workflow(*words, code=0 if status == 200 else 1)
            states = {task["path"]: task["state"] for task in ended["tasks"]}
            assert states["lock"] == states["@finally/unlock"] == "SUCCESS"
    assert [body for *_, body in web.seen] == [{"host": "a"}, {"host": "a"}]


def test_incremental_sync(workflow, web):
    web.pages = {"/events": (200, "application/json", [{"id": 1}, {"id": 5}, {"id": 3}])}
    with workflow.server():
        workflow("workflow", "apply", RECIPES / "incremental_sync.yaml")
        words = ("workflow", "run", "incremental_sync", "--wait", f"--input=source={web.url}/events")
        assert workflow(*words)["outputs"] == {"new": 3, "last_id": 5}
        web.pages["/events"] = (200, "application/json", [])
        assert workflow(*words)["outputs"] == {"new": 0, "last_id": 5}
    assert [query for _, _, query, _ in web.seen] == ["after=0", "after=5"]
