"""workflow token, with the real server, and a keyring in a file."""

import os
import stat
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def keyring(tmp_path):
    """The environment of somebody who is logged in at a desktop."""
    return {
        "PYTHON_KEYRING_BACKEND": "file_keyring.FileKeyring",
        "PYTHONPATH": os.pathsep.join(
            [str(HERE / "backends"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        ),
        "TEST_KEYRING_FILE": str(tmp_path / "keyring.json"),
    }


@pytest.fixture
def elsewhere(served, project):
    """Another machine, as it were: a project that has no server, and the address of one that has."""
    return project, served.address


def test_a_token_is_made_listed_used_and_revoked(served, elsewhere):
    made = served.run(
        "token", "create", "ci", "--role", "operator", "--namespace", "default", "--expires", "30d"
    )
    assert made.code == 0, made
    (token,) = made.lines
    assert token.startswith("wf_")
    row = next(line for line in served.run("token", "list").lines if line.startswith("ci "))
    assert row.split()[1:3] == ["operator", "default"]
    assert token not in served.run("token", "list", "--json").out

    project, address = elsewhere
    applied = project.run("workflow", "apply", "quick.yaml", "--server", address, WORKFLOW_TOKEN=token)
    assert applied.code == 0, applied
    denied = project.run("token", "list", "--server", address, WORKFLOW_TOKEN=token)
    assert denied.code == 8
    assert "this needs the role admin; the token has operator" in denied.err

    assert served.run("token", "revoke", "ci").lines == ["revoked  ci"]
    gone = project.run("workflow", "list", "--server", address, WORKFLOW_TOKEN=token)
    assert (gone.code, "this needs a valid token" in gone.err) == (8, True)
    again = served.run("token", "revoke", "ci")
    assert (again.code, "there is no token ci" in again.err) == (4, True)


def test_the_keyring_keeps_a_token(served, elsewhere, keyring):
    project, address = elsewhere
    token = served.run("token", "create", "desk", "--role", "viewer").lines[0]
    kept = project.run("token", "use", "--server", f"{address}/", input=f"{token}\n", **keyring)
    assert kept.code == 0, kept
    assert kept.lines == [f"kept  token/desk, viewer in all namespaces, for {address}"]
    assert project.run("workflow", "list", "--server", address, **keyring).code == 0
    assert project.run("workflow", "list", "--server", address).code == 8
    own = project.run("workflow", "list", "--server", address, WORKFLOW_TOKEN="wf_" + "x" * 43, **keyring)
    assert own.code == 8, "WORKFLOW_TOKEN goes before it"
    gone = project.run("token", "use", "--forget", "--server", address, **keyring)
    assert gone.lines == [f"forgotten  {address}"]
    assert project.run("token", "use", "--forget", "--server", address, **keyring).lines == [
        f"nothing kept  {address}"
    ]
    assert project.run("workflow", "list", "--server", address, **keyring).code == 8


def test_a_token_that_opens_nothing_is_not_kept(elsewhere, keyring):
    project, address = elsewhere
    refused = project.run("token", "use", "--server", address, input="wf_" + "x" * 43, **keyring)
    assert (refused.code, "does not take this token" in refused.err) == (8, True)
    assert not Path(keyring["TEST_KEYRING_FILE"]).exists()
    for text in ("", "two words", "x\x1b[0m"):
        refused = project.run("token", "use", "--server", address, input=text, **keyring)
        assert (refused.code, "standard input has no token" in refused.err) == (2, True)


def test_where_there_is_no_keyring(served, elsewhere):
    project, address = elsewhere
    token = served.run("token", "create", "headless", "--role", "viewer").lines[0]
    refused = project.run("token", "use", "--server", address, input=token)
    assert refused.code == 8
    assert "there is no keyring here" in refused.err
    assert "WORKFLOW_TOKEN" in refused.err


def test_the_administrators_token_is_nobody_elses(served):
    file = served.path / "data" / "admin.token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() not in served.run("token", "list", "--json").out
