"""The part of the storage contract that is about workflows, revisions and triggers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wfcore.api import Conflict, Storage, TriggerRecord, WorkflowRecord


def revision(
    number: int, id: str = "flow", namespace: str = "default", enabled: bool = True
) -> WorkflowRecord:
    """A revision of a workflow; everything in it tells its number."""
    source, digest = f"id: {id} # ü {number}", f"digest-{number}"
    return WorkflowRecord(namespace, id, number, source, digest, enabled, 100, 100 + number, f"{id}.yaml")


def webhook(address: str, id: str = "flow", name: str = "hook") -> TriggerRecord:
    """A trigger with an address."""
    return TriggerRecord("default", id, name, "webhook", address)


def cron(id: str = "flow", next_at: int | None = 50) -> TriggerRecord:
    """A timed trigger."""
    return TriggerRecord("default", id, "cron", "cron", None, next_at)


class WorkflowContract:
    """Revisions count up and stay; triggers belong to what is applied and enabled now."""

    def test_a_workflow_and_its_revisions(self, storage: Storage) -> None:
        assert storage.workflow("default", "flow") is None
        storage.put_workflow(revision(1), [])
        storage.put_workflow(revision(2), [])
        assert storage.workflow("default", "flow") == revision(2)
        assert storage.workflow("default", "flow", 1) == revision(1)
        assert storage.workflow("default", "flow", 3) is None
        assert storage.revisions("default", "flow") == [revision(2), revision(1)]
        assert storage.revisions("default", "other") == []

    @pytest.mark.parametrize("number", [1, 3, 0])
    def test_a_revision_must_be_the_next(self, storage: Storage, number: int) -> None:
        storage.put_workflow(revision(1), [cron()])
        with pytest.raises(Conflict):
            storage.put_workflow(revision(number), [])
        assert storage.workflow("default", "flow") == revision(1)
        assert storage.triggers() == [cron()]

    def test_workflows_by_address(self, storage: Storage) -> None:
        for record in (revision(1, "b"), revision(1, "a"), revision(1, "a", "alpha"), revision(2, "a")):
            storage.put_workflow(record, [])
        assert storage.workflows() == [revision(1, "a", "alpha"), revision(2, "a"), revision(1, "b")]
        assert storage.workflows("default") == [revision(2, "a"), revision(1, "b")]
        assert storage.workflows("none") == []

    def test_a_new_revision_replaces_the_triggers(self, storage: Storage) -> None:
        storage.put_workflow(revision(1), [webhook("POST /a"), cron()])
        assert storage.triggers() == [cron(), webhook("POST /a")]
        storage.put_workflow(revision(2), [webhook("POST /b")])
        assert storage.triggers() == [webhook("POST /b")]
        assert storage.trigger_at("POST /a") is None
        assert storage.trigger_at("POST /b") == webhook("POST /b")

    def test_an_address_belongs_to_one_workflow(self, storage: Storage) -> None:
        storage.put_workflow(revision(1), [webhook("POST /a")])
        with pytest.raises(Conflict, match=r"POST /a.*flow"):
            storage.put_workflow(revision(1, "other"), [cron("other"), webhook("POST /a", "other")])
        assert storage.workflow("default", "other") is None
        assert storage.triggers() == [webhook("POST /a")]
        storage.put_workflow(revision(1, "other"), [webhook("GET /a", "other")])
        storage.put_workflow(revision(2), [webhook("POST /a")])

    def test_two_triggers_of_a_workflow_cannot_share_an_address(self, storage: Storage) -> None:
        with pytest.raises(Conflict, match="POST /a"):
            storage.put_workflow(revision(1), [webhook("POST /a"), webhook("POST /a", name="other")])
        assert storage.workflow("default", "flow") is None

    def test_the_switch(self, storage: Storage) -> None:
        storage.put_workflow(revision(1), [cron()])
        assert storage.enable_workflow("default", "flow", False, [])
        assert storage.workflow("default", "flow") == replace(revision(1), enabled=False)
        assert storage.triggers() == []
        assert storage.enable_workflow("default", "flow", True, [cron(next_at=70)])
        assert storage.workflow("default", "flow") == revision(1)
        assert storage.triggers() == [cron(next_at=70)]
        assert not storage.enable_workflow("default", "none", True, [])

    def test_switching_on_cannot_take_an_address(self, storage: Storage) -> None:
        storage.put_workflow(revision(1, enabled=False), [])
        storage.put_workflow(revision(1, "other"), [webhook("POST /a", "other")])
        with pytest.raises(Conflict):
            storage.enable_workflow("default", "flow", True, [webhook("POST /a")])
        assert storage.workflow("default", "flow") == revision(1, enabled=False)

    def test_triggers_of_a_disabled_workflow_are_silent(self, storage: Storage) -> None:
        storage.put_workflow(revision(1, enabled=False), [cron()])
        assert storage.triggers() == []

    def test_deleting_leaves_the_revisions(self, storage: Storage) -> None:
        storage.put_workflow(revision(1), [webhook("POST /a")])
        assert storage.delete_workflow("default", "flow")
        assert not storage.delete_workflow("default", "flow")
        assert storage.workflow("default", "flow") is None
        assert storage.workflows() == []
        assert storage.triggers() == []
        assert storage.trigger_at("POST /a") is None
        assert not storage.enable_workflow("default", "flow", True, [])
        assert storage.workflow("default", "flow", 1) == revision(1)
        assert storage.revisions("default", "flow") == [revision(1)]

    def test_a_deleted_workflow_can_come_back_as_its_next_revision(self, storage: Storage) -> None:
        storage.put_workflow(revision(1), [])
        storage.delete_workflow("default", "flow")
        with pytest.raises(Conflict):
            storage.put_workflow(revision(1), [])
        storage.put_workflow(revision(2), [cron()])
        assert storage.workflow("default", "flow") == revision(2)
        assert storage.triggers() == [cron()]

    def test_triggers_of_a_namespace_or_workflow(self, storage: Storage) -> None:
        elsewhere = TriggerRecord("team", "flow", "cron", "cron", None, 9)
        storage.put_workflow(revision(1), [cron()])
        storage.put_workflow(revision(1, "other"), [cron("other")])
        storage.put_workflow(revision(1, namespace="team"), [elsewhere])
        assert storage.triggers() == [cron(), cron("other"), elsewhere]
        assert storage.triggers("default") == [cron(), cron("other")]
        assert storage.triggers("default", "other") == [cron("other")]
        assert storage.triggers("team") == [elsewhere]

    @pytest.mark.parametrize("next_at", [90, None])
    def test_a_trigger_is_moved_once(self, storage: Storage, next_at: int | None) -> None:
        storage.put_workflow(revision(1), [cron()])
        assert storage.move_trigger(cron(), next_at)
        assert not storage.move_trigger(cron(), 100)
        assert storage.triggers() == [cron(next_at=next_at)]
        assert storage.move_trigger(cron(next_at=next_at), 110)
        assert storage.triggers() == [cron(next_at=110)]
