"""A running server hears what is revoked, and what is pinned to it does not run any more."""

import json

import pytest

from tests.registries import Index
from wfcore.config import load
from wfcore.engine.clock import SystemClock
from wfcore.errors import InvalidPackage
from wfcore.model.records import AuditQuery
from wfcore.service.app import open_app

USE = "id: use\ntasks:\n  a: {type: community/hi.greet, inputs: {name: Ada}}\n"


@pytest.fixture
def index():
    with Index(now=SystemClock().now()) as made:
        yield made


@pytest.fixture
def app(tmp_path, index):
    config = {
        "egress": {"allow": [index.url]},
        "registries": {"http": {"indexes": [index.config]}},
        "storage": {"path": str(tmp_path / "data" / "db.sqlite")},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    with open_app(load(tmp_path / "config.yaml", environ={})) as made:
        yield made


def ended(app):
    execution = app.executions.submit("default", "use", {})[0].id
    app.executions.wait_end(execution, 30)
    return app.executions.describe(execution)


def test_what_is_pinned_stops_when_it_is_revoked(app, index, plugin):
    index.add(plugin())
    app.packages.install_from("community/hi")
    app.workflows.apply(USE.encode(), "use.yaml")
    assert ended(app)["state"] == "SUCCESS"
    assert app.packages.supply.refresh() == 0
    index.revoke(plugin(), "it steals")
    assert app.packages.supply.refresh() == 1
    assert app.packages.supply.refresh() == 0, "it is known"
    (entry,) = app.storage.audit(AuditQuery(action="package.revoke"))
    assert (entry.actor, entry.target, entry.result) == ("registry", "community/hi 1.0.0", "ok")
    assert entry.detail["packages"][0].endswith(": it steals")
    refused = ended(app)
    assert refused["state"] == "FAILED"
    assert "community/hi 1.0.0" in refused["error"]["message"]
    assert "is revoked: it steals" in refused["error"]["message"]
    assert [one["state"] for one in app.packages.list()] == ["revoked"]
    index.add(plugin("1.0.1"))
    app.packages.install_from("community/hi")
    assert ended(app)["state"] == "FAILED", "the workflow is pinned"
    app.workflows.apply(USE.encode(), "use.yaml")
    assert ended(app)["state"] == "SUCCESS"


def test_what_was_looked_at_and_then_revoked_is_not_installed(app, index, plugin):
    index.add(plugin())
    look = app.packages.look("community/hi")
    index.revoke(plugin(), "it steals")
    app.packages.supply.refresh()
    with pytest.raises(InvalidPackage, match=r"community/hi 1\.0\.0 .* is revoked: it steals"):
        app.packages.install_from(look["source"], look["digest"])


def test_a_registry_cannot_take_a_revocation_back(app, index, plugin):
    index.add(plugin())
    app.packages.install_from("community/hi")
    index.revoke(plugin())
    app.packages.supply.refresh()
    index.said.revoked.clear()
    index.write()
    app.packages.supply.refresh()
    assert [one["state"] for one in app.packages.list()] == ["revoked"]


def test_a_registry_revokes_only_what_it_may_give(tmp_path, index, plugin):
    config = {
        "egress": {"allow": [index.url]},
        "registries": {"http": {"indexes": [{**index.config, "namespaces": ["acme"]}]}},
        "storage": {"path": str(tmp_path / "data" / "db.sqlite")},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    index.add(plugin())
    index.revoke(plugin())
    with open_app(load(tmp_path / "config.yaml", environ={})) as app:
        assert app.packages.supply.refresh() == 0


def test_a_registry_that_is_silent_is_logged_and_stops_nothing(app, index, plugin, caplog):
    index.add(plugin())
    app.packages.install_from("community/hi")
    index.files["/index.json"] = b"nonsense"
    assert app.packages.supply.refresh() == 0
    assert "cannot say what is revoked" in caplog.text


def test_the_server_asks_by_itself(app):
    """It is a chore of the server's."""
    assert [(seconds, act.__name__) for seconds, act in app.engine.chores._others] == [(3600.0, "refresh")]
