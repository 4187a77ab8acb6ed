"""workflow audit, with the real server."""

import json
import sqlite3
from contextlib import closing

import pytest


@pytest.fixture
def done(served):
    """The server, after something was done on it."""
    assert served.run("workflow", "apply", "quick.yaml").code == 0
    assert served.run("workflow", "disable", "quick").code == 0
    return served


def test_list_shows_who_did_what(done):
    shown = done.run("audit", "list", "--limit", "1")
    assert shown.code == 0
    assert shown.lines[0].split() == ["AT", "WHO", "FROM", "ACTION", "TARGET", "RESULT"]
    assert shown.lines[1].split()[2:] == ["admin", "127.0.0.1", "workflow.disable", "default/quick", "ok"]
    assert "older ones: --before " in shown.lines[2]
    before = shown.lines[2].partition("--before ")[2]
    older = done.run("audit", "list", "--before", before, "--action", "workflow", "--json").json
    assert "workflow.apply" in {one["action"] for one in older["entries"]}
    assert done.run("audit", "list", "--actor", "nobody").lines == ["there are no entries"]


def test_export_and_verify(done, tmp_path):
    file = tmp_path / "audit.jsonl"
    exported = done.run("audit", "export", str(file), "--json").json
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == exported["entries"] > 0
    assert [one["seq"] for one in lines] == list(range(1, len(lines) + 1))
    assert file.stat().st_mode & 0o777 == 0o600
    again = done.run("audit", "export", str(file))
    assert (again.code, "there is already" in again.err or "already" in again.err) == (5, True)
    done.run("workflow", "enable", "quick")
    found = done.run("audit", "verify", "--export", str(file))
    assert found.code == 0, found
    assert found.out.startswith("whole  ")


def test_a_changed_export_is_found_out(done, tmp_path):
    file = tmp_path / "audit.jsonl"
    assert done.run("audit", "export", str(file)).code == 0
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:-1], lines[-1].replace('"admin"', '"nobody"')]) + "\n")
    found = done.run("audit", "verify", "--export", str(file), "--json")
    assert found.code == 5
    assert found.json["valid"] is False
    assert "was changed" in found.json["faults"][0]


@pytest.mark.parametrize("text", ["x\n", "{}\n", "[1]\n", '{"server": "a"}\n'])
def test_what_is_no_export(done, tmp_path, text):
    file = tmp_path / "audit.jsonl"
    file.write_text(text)
    found = done.run("audit", "verify", "--export", str(file))
    assert found.code == 2
    assert "audit.jsonl:1: this is no entry of an audit log" in found.err


def test_a_log_whose_end_was_cut_off(project, tmp_path):
    """The log itself is whole then; what was exported tells."""
    assert project.run("server", "start", "--detach").code == 0
    try:
        file = tmp_path / "audit.jsonl"
        project.run("workflow", "apply", "quick.yaml")
        project.run("workflow", "disable", "quick")
        assert project.run("audit", "export", str(file)).code == 0
        with closing(sqlite3.connect(tmp_path / "data" / "db.sqlite")) as db, db:
            db.execute("delete from audit where seq = (select max(seq) from audit)")
        assert project.run("audit", "verify").code == 0
        found = project.run("audit", "verify", "--export", str(file))
        assert found.code == 5
        assert f"is not that of {file}" in found.out
        with closing(sqlite3.connect(tmp_path / "data" / "db.sqlite")) as db, db:
            db.execute("update audit set actor = 'nobody'")
        broken = project.run("audit", "verify")
        assert broken.code == 5
        assert broken.out.startswith("broken  ")
        assert "entry 1 was changed" in broken.out
    finally:
        assert project.run("server", "stop").code == 0
