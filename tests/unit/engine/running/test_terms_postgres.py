"""Servers on one PostgreSQL whose configurations differ say so."""

import logging

import pytest

from tests.storages import KIND
from wfcore.model.terms import differing

pytestmark = pytest.mark.skipif(KIND != "postgres", reason="SQLite belongs to one server")


def differences(mine, theirs):
    found = {node.address: node for node in mine.engine.nodes()}
    return differing(mine.engine.node.terms, found[theirs.engine.node.address].terms)


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "workflow.node"]


def test_servers_of_one_configuration_say_nothing(cluster, caplog):
    with cluster("a") as a, cluster("b") as b:
        assert differences(a, b) == differences(b, a) == []
    assert warnings(caplog) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("egress.allow", "https://api.example.com/*"),
        ("egress.default", "none"),
        ("expressions.env", "REGION"),
        ("execution.maxConcurrentWorkflows", "7"),
        ("execution.retention", "9d"),
        ("execution.limits.pay", "3"),
        ("secrets.providers", "env"),
        ("plugins.signatures", "require"),
    ],
)
def test_what_another_server_has_different_is_told(cluster, caplog, setting, value):
    caplog.set_level(logging.WARNING)
    with cluster("a") as a, cluster("b", {setting: value}) as b:
        (named,) = differences(a, b)
        assert setting.startswith(named)
        assert differences(b, a) == [named]
    (said,) = warnings(caplog)
    assert said.startswith("the server http://a has another ")
    assert named in said


def test_another_master_key_is_told(cluster, caplog, monkeypatch):
    with cluster("a") as a:
        monkeypatch.setenv("WORKFLOW_SECRET_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=")
        with cluster("b") as b:
            assert differences(a, b) == ["secrets.masterKey"]
    (said,) = warnings(caplog)
    assert "another secrets.masterKey" in said
    assert "AAAA" not in said


def test_a_server_that_runs_no_tasks_has_no_part_in_where_they_may_go(cluster, caplog):
    more = {"server.role": "api", "egress.allow": "https://api.example.com/*"}
    with cluster("a") as a, cluster("b", more) as b:
        assert differences(a, b) == differences(b, a) == []
    assert warnings(caplog) == []


@pytest.mark.parametrize(
    ("role", "told"), [("all", ["admin.token"]), ("api", ["admin.token"]), ("worker", [])]
)
def test_another_administrators_token_is_told_of_servers_that_answer(
    installation, cluster, caplog, role, told
):
    """The tokens of webhooks follow from it."""
    for name in ("a", "b"):
        place = installation.directory / name
        place.mkdir()
        (place / "admin.token").touch(0o600)
        (place / "admin.token").write_text(f"wf_{name * 43}\n")
    with cluster("a") as a, cluster("b", {"server.role": role}) as b:
        assert differences(a, b) == differences(b, a) == told
        (place / "admin.token").write_text(f"wf_{'a' * 43}\n")
    assert len(warnings(caplog)) == len(told)
    assert all("aaaa" not in said and "bbbb" not in said for said in warnings(caplog))
    with cluster("a") as a, cluster("b", {"server.role": role}) as b:
        assert differences(a, b) == []
