"""Revisions are loaded once, and what is current is never an old one."""

import pytest

from wfcore.engine import library as module
from wfcore.engine.library import Library
from wfcore.errors import InvalidWorkflow, NotFound, Problem
from wfcore.model.records import WorkflowRecord
from wfcore.model.workflow import Workflow
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context


@pytest.fixture
def storage(tmp_path):
    made = SqliteStorage(
        {"path": str(tmp_path / "db.sqlite"), "synchronous": "full"}, context("sqlite", tmp_path)
    )
    made.start()
    yield made
    made.stop(1)


@pytest.fixture
def loads():
    return []


@pytest.fixture
def library(storage, loads):
    def load(record):
        loads.append((record.id, record.revision))
        return Workflow(record.namespace, record.id, record.source, "", enabled=record.source != "off")

    return Library(storage, load)


def put(storage, revision, id="flow", source="", enabled=True):
    storage.put_workflow(WorkflowRecord("default", id, revision, source, "", enabled), [])


def test_it_is_loaded_once(storage, library, loads):
    put(storage, 1)
    assert library.current("default", "flow") is library.current("default", "flow")
    workflow, plan = library.revision("default", "flow", 1)
    assert workflow is library.current("default", "flow").workflow
    assert plan is library.current("default", "flow").plan
    assert loads == [("flow", 1)]


def test_a_change_must_be_told(storage, library, loads):
    put(storage, 1)
    library.current("default", "flow")
    put(storage, 2)
    assert library.current("default", "flow").record.revision == 1
    library.forget("default", "flow")
    assert library.current("default", "flow").record.revision == 2
    assert library.revision("default", "flow", 1)[0].id == "flow", (
        "the old one is there for who began with it"
    )


def test_a_change_while_it_is_being_read_is_not_missed(storage, loads):
    def load(record):
        if not loads:
            loads.append(1)
            put(storage, 2)
            library.forget("default", "flow")
        return Workflow(record.namespace, record.id, "", "")

    library = Library(storage, load)
    put(storage, 1)
    assert library.current("default", "flow").record.revision == 1
    assert library.current("default", "flow").record.revision == 2


def test_enabled_is_the_operator_s_switch_and_the_file_s(storage, library):
    for id, source, switch in (("both", "", True), ("file", "off", True), ("switch", "", False)):
        put(storage, 1, id, source, switch)
    enabled = {id: library.current("default", id).enabled for id in ("both", "file", "switch")}
    assert enabled == {"both": True, "file": False, "switch": False}


def test_what_is_not_there(storage, library):
    with pytest.raises(NotFound, match="no workflow default/nobody"):
        library.current("default", "nobody")
    with pytest.raises(NotFound, match="no revision 7"):
        library.revision("default", "nobody", 7)
    put(storage, 1)
    storage.delete_workflow("default", "flow")
    with pytest.raises(NotFound):
        library.current("default", "flow")
    assert library.revision("default", "flow", 1)


def test_a_revision_that_cannot_be_loaded_is_not_remembered(storage):
    faults = [InvalidWorkflow([Problem(1, 1, "", "no")])]

    def load(record):
        if faults:
            raise faults.pop()
        return Workflow(record.namespace, record.id, "", "")

    library = Library(storage, load)
    put(storage, 1)
    with pytest.raises(InvalidWorkflow):
        library.current("default", "flow")
    assert library.current("default", "flow").workflow.id == "flow"


def test_only_so_many_revisions_are_kept(storage, library, loads, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 2)
    for number in (1, 2, 3):
        put(storage, number)
    for number in (1, 2, 1, 3, 1, 2):
        library.revision("default", "flow", number)
    assert [revision for _, revision in loads] == [1, 2, 3, 2], "the one used longest ago goes"
