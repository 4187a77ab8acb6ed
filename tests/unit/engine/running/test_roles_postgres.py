"""Servers that only answer, and servers that only work, on one PostgreSQL."""

import pytest

from tests.storages import KIND
from tests.unit.engine.running.servers import apply, is_adopted, submit
from wfcore.config.load import load
from wfcore.errors import InvalidConfig
from wfcore.model.records import ExecutionQuery
from wfcore.service import app as composition

GATE = "{type: witness/gate, inputs: {gate: g}}"
shared = pytest.mark.skipif(KIND != "postgres", reason="SQLite belongs to one server")


@pytest.fixture
def roles(installation, cluster):
    """Opens a server with a role."""

    def server(name, role, **settings):
        return cluster(name, {"server.role": role}, **settings)

    return server


@shared
def test_a_server_that_answers_runs_nothing(installation, roles):
    with roles("a", "api") as a:
        apply(a, installation.chain(1, "{type: witness/effect}"))
        id = submit(a)
        assert a.executions.wait_end(id, 0.5) is None
        assert (a.storage.execution(id).state, a.storage.execution(id).owner) == ("PENDING", None)
        with roles("b", "worker") as b:
            assert a.executions.wait_end(id, 20).state == "SUCCESS"
            assert a.storage.execution(id).owner == b.node
            assert {node.role: node.tasks for node in a.engine.nodes()} == {"api": 0, "worker": 50}
            assert a.executions.wait_end(submit(a), 20).state == "SUCCESS"


@shared
def test_a_server_that_answers_cancels_what_waits(installation, roles):
    with roles("a", "api") as a:
        apply(a, installation.chain(1, "{type: witness/effect}"))
        id = submit(a)
        a.executions.cancel(id, "never mind")
        assert a.storage.execution(id).state == "CANCELLED"
    assert installation.stage.ran == []


@shared
def test_a_server_that_answers_adopts_nothing(installation, roles):
    with roles("b", "worker", lease="1s") as b, roles("a", "api", lease="1s") as a:
        apply(a, installation.chain(1, GATE))
        id = submit(a)
        installation.until_running(id)
        b.storage.leave(b.node)
        a.engine._pulse._wake.set()
        installation.stage.gates["g"].set()
        assert a.executions.wait_end(id, 20).state == "SUCCESS"
        assert is_adopted(installation, b, id)


@shared
def test_a_server_that_works_fires_no_ticks_and_one_that_answers_does(installation, roles):
    def ticks(app):
        return len(app.storage.executions(ExecutionQuery(workflow="ticking", limit=100)))

    with roles("b", "worker") as b:
        apply(b, "id: ticking\ntrigger: {interval: 1s}\ntasks:\n  t: {type: core/set}\n")
        assert not b.engine.ticker.alive
        assert b.health()["engine"] == ""
        assert ticks(b) == 0
        with roles("a", "api") as a:
            installation.until(lambda: a.storage.counts().get("SUCCESS", 0) >= 2, 20)


@pytest.mark.parametrize("role", ["api", "worker"])
def test_a_storage_of_one_server_has_no_room_for_roles(tmp_path, role):
    overrides = {"storage.path": str(tmp_path / "db.sqlite"), "server.role": role}
    with (
        pytest.raises(InvalidConfig, match=f"server.role: '{role}' is one of several servers") as raised,
        composition.open_app(load(environ={}, overrides=overrides)),
    ):
        pass
    assert "storage.type: postgres" in raised.value.remedy
