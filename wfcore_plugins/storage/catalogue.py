"""Workflows, their revisions and triggers; the same for every database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wfcore.api import Conflict, TriggerRecord, WorkflowRecord

from .schema import Sessions, Tables


class WorkflowQueries:
    """The part of the storage contract that is about workflows and triggers."""

    def put_workflow(self: Sessions, record: WorkflowRecord, triggers: Sequence[TriggerRecord]) -> None:
        """See ``Storage``."""
        with self.writing(alone=True) as t:
            _expect_next(t, record)
            _replace_triggers(t, record.namespace, record.id, triggers)
            r, w = t.revision, t.workflow
            columns = {name: getattr(record, name) for name in _REVISION}
            columns |= {name: json.dumps(columns[name], ensure_ascii=False) for name in _MAPPINGS}
            r.insert({**columns, "workflow": record.id}).execute()
            now = {"revision": record.revision, "enabled": int(record.enabled), "deleted": 0}
            row = w.insert({"namespace": record.namespace, "id": record.id, **now})
            row.on_conflict(conflict_target=[w.namespace, w.id], update=now).execute()

    def workflow(
        self: Sessions, namespace: str, id: str, revision: int | None = None
    ) -> WorkflowRecord | None:
        """See ``Storage``."""
        with self.reading() as t:
            r, w = t.revision, t.workflow
            current = (w.deleted == 0) & (r.revision == w.revision)
            wanted = current if revision is None else r.revision == revision
            rows = _revisions(t).where((r.namespace == namespace) & (r.workflow == id) & wanted)
            return next(iter(_records(rows)), None)

    def workflows(self: Sessions, namespace: str | None = None) -> list[WorkflowRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            r, w = t.revision, t.workflow
            found = _revisions(t).where((w.deleted == 0) & (r.revision == w.revision))
            if namespace is not None:
                found = found.where(w.namespace == namespace)
            return sorted(_records(found), key=lambda record: (record.namespace, record.id))

    def revisions(self: Sessions, namespace: str, id: str) -> list[WorkflowRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            r = t.revision
            found = _revisions(t).where((r.namespace == namespace) & (r.workflow == id))
            return _records(found.order_by(r.revision.desc()))

    def enable_workflow(
        self: Sessions, namespace: str, id: str, enabled: bool, triggers: Sequence[TriggerRecord]
    ) -> bool:
        """See ``Storage``."""
        with self.writing(alone=True) as t:
            if not _change_workflow(t, namespace, id, enabled=int(enabled)):
                return False
            _replace_triggers(t, namespace, id, triggers)
            return True

    def delete_workflow(self: Sessions, namespace: str, id: str) -> bool:
        """See ``Storage``."""
        with self.writing(alone=True) as t:
            if not _change_workflow(t, namespace, id, deleted=1):
                return False
            _replace_triggers(t, namespace, id, ())
            return True

    def triggers(
        self: Sessions, namespace: str | None = None, workflow: str | None = None
    ) -> list[TriggerRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            g, w = t.trigger, t.workflow
            of_workflow = (g.namespace == w.namespace) & (g.workflow == w.id)
            found = _triggers(t).join(w, on=of_workflow).where((w.enabled == 1) & (w.deleted == 0))
            if namespace is not None:
                found = found.where(g.namespace == namespace)
            if workflow is not None:
                found = found.where(g.workflow == workflow)
            order = found.order_by(g.namespace, g.workflow, g.name)
            return [TriggerRecord(**row) for row in order.dicts()]

    def trigger_at(self: Sessions, address: str) -> TriggerRecord | None:
        """See ``Storage``."""
        with self.reading() as t:
            found = _triggers(t).where(t.trigger.address == address)
            return next((TriggerRecord(**row) for row in found.dicts()), None)

    def move_trigger(self: Sessions, trigger: TriggerRecord, next_at: int | None) -> bool:
        """See ``Storage``."""
        with self.writing() as t:
            g = t.trigger
            same = g.next_at.is_null() if trigger.next_at is None else g.next_at == trigger.next_at
            place = (g.namespace == trigger.namespace) & (g.workflow == trigger.workflow)
            moved = g.update({g.next_at: next_at}).where(place & (g.name == trigger.name) & same)
            return bool(moved.execute())


_REVISION = (
    "namespace", "revision", "digest", "file", "created_at", "updated_at", "source", "files", "plugins",
)  # fmt: skip
_MAPPINGS = ("files", "plugins")


def _revisions(t: Tables) -> Any:
    """Revisions with the switch of their workflow."""
    r, w = t.revision, t.workflow
    columns = [getattr(r, name) for name in _REVISION]
    of_workflow = (w.namespace == r.namespace) & (w.id == r.workflow)
    return r.select(*columns, r.workflow.alias("id"), w.enabled).join(w, on=of_workflow)


def _records(rows: Any) -> list[WorkflowRecord]:
    return [_record(row) for row in rows.dicts()]


def _record(row: Mapping[str, Any]) -> WorkflowRecord:
    values = {name: json.loads(row[name]) for name in _MAPPINGS}
    return WorkflowRecord(**{**row, **values, "enabled": bool(row["enabled"])})


def _triggers(t: Tables) -> Any:
    g = t.trigger
    return g.select(g.namespace, g.workflow, g.name, g.kind, g.address, g.next_at)


def _expect_next(t: Tables, record: WorkflowRecord) -> None:
    w = t.workflow
    found = w.select(w.revision).where((w.namespace == record.namespace) & (w.id == record.id)).tuples()
    last = next((revision for (revision,) in found), 0)
    if record.revision != last + 1:
        raise Conflict(
            f"revision {record.revision} of {record.namespace}/{record.id} cannot follow revision {last}",
            remedy="somebody has applied the workflow meanwhile: apply again",
        )


def _change_workflow(t: Tables, namespace: str, id: str, **changes: Any) -> bool:
    w = t.workflow
    wanted = (w.namespace == namespace) & (w.id == id) & (w.deleted == 0)
    return bool(w.update(**changes).where(wanted).execute())


def _replace_triggers(t: Tables, namespace: str, workflow: str, triggers: Sequence[TriggerRecord]) -> None:
    g = t.trigger
    g.delete().where((g.namespace == namespace) & (g.workflow == workflow)).execute()
    for trigger in triggers:
        _expect_free(t, trigger)
        columns = ("namespace", "workflow", "name", "kind", "address", "next_at")
        g.insert({name: getattr(trigger, name) for name in columns}).execute()


def _expect_free(t: Tables, trigger: TriggerRecord) -> None:
    g = t.trigger
    taken = () if trigger.address is None else _triggers(t).where(g.address == trigger.address).dicts()
    for row in taken:
        owner = f"the trigger {row['name']} of {row['namespace']}/{row['workflow']}"
        if row["namespace"] != trigger.namespace:  # who applies may not be allowed to see into it
            owner = "a workflow of another namespace"
        raise Conflict(
            f"the address {trigger.address} of {trigger.namespace}/{trigger.workflow} belongs to {owner}",
            remedy="give one of the two triggers another path or method",
        )
