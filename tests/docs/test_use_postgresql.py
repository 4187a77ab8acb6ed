"""docs/how-to/use-postgresql.md: the moves that it describes, followed to the letter."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "use-postgresql.md").read_text()


def section(title):
    """The blocks of a section: its commands, and its configurations."""
    text = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.S | re.M)
    return [[block for kind, block in found if kind == wanted] for wanted in ("sh", "yaml")]


@pytest.fixture
def follow(workflow, database):
    """Runs the commands of a section, beginning with a server that runs, which the first one stops."""

    def run(title):
        ((commands,), _) = section(title)
        assert commands.startswith("workflow server stop\n")
        workflow("server", "start", "--detach")
        for line in commands.splitlines():
            words = re.sub(r"postgres://\S+", database, line).split()
            if words[0] == "workflow":
                workflow(*words[1:])
            else:
                subprocess.run(words, cwd=workflow.home, check=True)

    return run


def configure(workflow, text):
    (workflow.home / "workflow.config.yaml").write_text(f"server: {{port: 0}}\n{text}")


def keep_secret(workflow):
    with workflow.server():
        workflow("secret", "set", "TOKEN", said="hunter2")


def test_there_and_back(workflow, database, follow):
    keep_secret(workflow)
    follow("Move to PostgreSQL")
    configure(workflow, f"dataDir: data\nstorage: {{type: postgres, url: '{database}'}}\n")
    follow("Move back")
    (_, (written,)) = section("Move back")
    configure(workflow, written.replace("/var/lib/workflow", "data"))
    with workflow.server():
        workflow("secret", "rotate")
        assert workflow("server", "status")["storage"] == "sqlite"


def test_to_another_directory(workflow, follow):
    keep_secret(workflow)
    before = (workflow.home / "data" / "admin.token").read_text()
    follow("Move to another data directory")
    configure(workflow, "storage: {path: elsewhere/db.sqlite}\n")
    shutil.move(workflow.home / "data", workflow.home / "gone")
    workflow("server", "start", "--detach")
    try:
        workflow("secret", "rotate")
        assert (workflow.home / "elsewhere" / "admin.token").read_text() == before
        (workflow.home / "elsewhere" / "secret.key").unlink()
        workflow("secret", "rotate", code=8)
    finally:
        workflow("server", "stop")
