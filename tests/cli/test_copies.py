"""``workflow server backup``, ``restore`` and ``migrate``: copied, put back and moved, a server goes on."""

import json
import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

HOLD = "id: hold\ntasks:\n  a: {type: core/set, inputs: {v: 1}}\n  w: {type: core/wait, inputs: {for: 1h}}\n"


@pytest.fixture
def stopped(project):
    """A project with a workflow whose execution waits; its server, if one is left, is stopped."""
    project.write("hold.yaml", HOLD)
    yield project
    project.run("server", "stop")


def start(project):
    started = project.run("server", "start", "--detach")
    assert started.code == 0, started


def stop(project):
    assert project.run("server", "stop").code == 0


def begin(project):
    """An execution of each workflow: one that ends and one that waits."""
    assert project.run("workflow", "apply", "quick.yaml", "hold.yaml").code == 0
    quick = project.run("workflow", "run", "quick", "--json")
    hold = project.run("workflow", "run", "hold", "--json")
    ids = [json.loads(one.out.splitlines()[0])["id"] for one in (quick, hold)]
    assert project.run("execution", "watch", ids[0]).code == 0
    until(project, ids[1], "WAITING")
    return ids


def until(project, id, state):
    deadline = time.monotonic() + 20
    while (found := project.run("execution", "inspect", id, "--json").json)["state"] != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def shown(project, ids):
    found = [project.run("execution", "inspect", id, "--json").json for id in ids]
    return [
        (one["state"], one["outputs"], [(t["path"], t["state"], t["output"]) for t in one["tasks"]])
        for one in found
    ]


def cancel(project, id):
    assert project.run("execution", "cancel", id).code == 0
    until(project, id, "CANCELLED")


def test_backed_up_beside_the_server_and_put_back(stopped):
    start(stopped)
    ids = begin(stopped)
    before = shown(stopped, ids)
    made = stopped.run("server", "backup", "copies/one", "--json")
    assert (made.code, made.json) == (0, {"backup": str(stopped.path / "copies" / "one")})
    again = stopped.run("server", "backup", "copies/one")
    assert again.code == 5
    assert "already something" in again.err
    cancel(stopped, ids[1])
    refused = stopped.run("server", "restore", "copies/one", "--force")
    assert refused.code == 5
    assert "in use by process" in refused.err
    stop(stopped)
    refused = stopped.run("server", "restore", "copies/one", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (5, "conflict")
    assert "--force" in refused.json["error"]["remedy"]
    done = stopped.run("server", "restore", "copies/one", "--force", "--json")
    assert done.code == 0
    assert done.json["restored"] == str(stopped.path / "data" / "db.sqlite")
    assert "before-restore-" in done.json["kept"]
    start(stopped)
    assert shown(stopped, ids) == before
    cancel(stopped, ids[1])


def test_restored_on_a_new_machine(stopped, tmp_path_factory):
    start(stopped)
    ids = begin(stopped)
    before = shown(stopped, ids)
    assert stopped.run("server", "backup", "b").code == 0
    token = (stopped.path / "data" / "admin.token").read_text()
    other = type(stopped)(tmp_path_factory.mktemp("other"))
    done = other.run("server", "restore", str(stopped.path / "b"))
    assert (done.code, done.out) == (0, f"restored  {other.path / 'data' / 'db.sqlite'}\n")
    start(other)
    try:
        assert shown(other, ids) == before
        assert (other.path / "data" / "admin.token").read_text() == token
        cancel(other, ids[1])
    finally:
        stop(other)


def test_the_schema_is_checked_and_brought_up_to_date(stopped):
    pending = stopped.run("server", "migrate", "--check", "--json")
    assert pending.code == 10
    assert pending.json["pending"][0] == "0001_first"
    assert not (stopped.path / "data" / "db.sqlite").exists()
    applied = stopped.run("server", "migrate", "--json")
    assert (applied.code, applied.json) == (0, {"applied": pending.json["pending"]})
    assert stopped.run("server", "migrate", "--check").out == "the schema is up to date\n"
    start(stopped)
    assert stopped.run("server", "migrate", "--check").code == 0
    refused = stopped.run("server", "migrate")
    assert refused.code == 5
    assert "in use by process" in refused.err


def test_moved_to_postgresql_and_back_with_what_is_open(stopped, database):
    start(stopped)
    ids = begin(stopped)
    before = shown(stopped, ids)
    refused = stopped.run("server", "migrate", "--to", database)
    assert refused.code == 5
    assert "in use by process" in refused.err
    looked = stopped.run("server", "migrate", "--to", database, "--check", "--json")
    assert (looked.code, looked.json["counts"]["execution"]) == (10, 2)
    stop(stopped)
    for target, code, message in (("elsewhere", 7, "elsewhere"), ("u:topsecret@h/x", 2, "--to is no place")):
        (stopped.path / "elsewhere").mkdir(exist_ok=True)
        for words in (("--check",), ()):
            refused = stopped.run("server", "migrate", "--to", target, *words)
            assert refused.code == code
            assert message in refused.err
            assert "topsecret" not in refused.err
    moved = stopped.run("server", "migrate", "--to", database, "--json")
    assert moved.code == 0, moved
    counts = looked.json["counts"]
    assert moved.json["counts"] == {**counts, "audit": counts["audit"] + 1}, "that it was to stop"
    for words in (("--check",), ()):
        again = stopped.run("server", "migrate", "--to", database, *words)
        assert again.code == 5
        assert "is not empty" in again.err

    sqlite = (stopped.path / "workflow.config.yaml").read_text()
    postgres = f"{sqlite}dataDir: ./data\nstorage: {{type: postgres, url: '{database}'}}\n"
    stopped.write("workflow.config.yaml", postgres)
    start(stopped)
    assert shown(stopped, ids) == before
    assert stopped.run("server", "status", "--json").json["storage"] == "postgres"
    seen = re.search(r"last heard of (\S+ \S+)", stopped.run("server", "status", TZ="Asia/Tokyo").out)
    ago = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None) - datetime.fromisoformat(seen[1])
    assert abs(ago.total_seconds()) < 300, "by the clock on the wall"
    cancel(stopped, ids[1])
    refused = stopped.run("server", "migrate", "--to", "back.sqlite")
    assert refused.code == 5
    assert "servers use the storage" in refused.err
    stop(stopped)
    backup = stopped.run("server", "backup", "b")
    assert backup.code == 2
    assert "pg_dump" in backup.err
    assert stopped.run("server", "restore", "b").code == 2
    after = stopped.run("server", "migrate", "--to", "again/db.sqlite")
    assert after.code == 0, after
    stopped.write("workflow.config.yaml", f"{sqlite}storage: {{path: again/db.sqlite}}\n")
    start(stopped)
    assert [state for state, _, _ in shown(stopped, ids)] == ["SUCCESS", "CANCELLED"]
    stop(stopped)
    stopped.write("workflow.config.yaml", sqlite)
    start(stopped)
    assert shown(stopped, ids) == before, "what was moved from is as it was"


def test_a_move_says_which_files_it_leaves_behind(stopped):
    start(stopped)
    stop(stopped)
    data, elsewhere = stopped.path / "data", stopped.path / "elsewhere"
    without = stopped.run("server", "migrate", "--to", "without/db.sqlite")
    assert without.lines[-2].startswith(f"copy {data}/admin.token to {stopped.path}/without: ")
    start(stopped)
    assert stopped.run("secret", "set", "TOKEN", input="hunter2").code == 0
    stop(stopped)
    assert "copy" not in stopped.run("server", "migrate", "--to", "data/beside.sqlite").out
    moved = stopped.run("server", "migrate", "--to", "elsewhere/db.sqlite")
    assert moved.lines[-2].startswith(f"copy {data}/admin.token and {data}/secret.key to {elsewhere}: ")
    assert moved.lines[-1] == "name the new place in `storage`, then start the server"
