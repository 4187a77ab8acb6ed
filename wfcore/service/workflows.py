"""Workflows as users see them: validated, applied, described, switched, deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wfcore.audit import Action, AuditLog
from wfcore.engine import schedule
from wfcore.engine.library import Library, Revision
from wfcore.engine.ticker import timed
from wfcore.errors import Forbidden, NotFound
from wfcore.model.actor import LOCAL, Actor
from wfcore.model.records import TriggerRecord, WorkflowRecord
from wfcore.model.times import rfc3339
from wfcore.model.workflow import Group, Input, Trigger, Workflow
from wfcore.packages.reach import Reach
from wfcore.plugins.contracts import AddressedTrigger, Clock, Storage, TimedTrigger
from wfcore.service.graph import draw
from wfcore.service.loader import Loader

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a file did: ``result`` is created, updated or unchanged."""

    namespace: str
    id: str
    revision: int
    enabled: bool
    result: str


class Workflows:
    """Methods take a workflow's namespace and id. ``changed`` is told (namespace, id) after a change.

    ``pins`` gives the packages that a workflow would use now (name -> digest), ``reach`` who can reach what.
    What changes something is written to the ``audit`` log as done by ``by``.
    """

    def __init__(
        self,
        storage: Storage,
        library: Library,
        loader: Loader,
        clock: Clock,
        changed: Callable[[str, str], None],
        pins: Callable[[Workflow], Mapping[str, str]],
        reach: Callable[[Workflow], Iterable[Reach]],
        audit: AuditLog,
    ) -> None:
        self._storage = storage
        self._library = library
        self._loader = loader
        self._clock = clock
        self._changed = changed
        self._pins = pins
        self._reach = reach
        self._audit = audit

    def validate(self, source: bytes, file: str, files: Mapping[str, str] | None = None) -> Workflow:
        """The workflow of a file. Raises InvalidWorkflow with all of its problems."""
        return self._loader.load(source, file, files)

    def apply(
        self,
        source: bytes,
        file: str,
        files: Mapping[str, str] | None = None,
        *,
        dry_run: bool = False,
        by: Actor = LOCAL,
    ) -> Applied:
        """Make a file the current revision of its workflow, unless it and the plugins it uses are the same.

        ``files`` are the texts that its tasks may name. Raises InvalidWorkflow, Conflict when another
        workflow has one of its hook URLs, and Forbidden when ``by`` may not act in its namespace.
        """
        workflow, now = self.validate(source, file, files), self._clock.now()
        self._expect(by, "workflow.apply", workflow.namespace, workflow.id)
        before = self._storage.workflow(workflow.namespace, workflow.id)
        plugins = self._pins(workflow)
        if before is not None and before.digest == workflow.digest and before.plugins == plugins:
            return _applied(before, workflow, "unchanged")
        revisions = self._storage.revisions(workflow.namespace, workflow.id)
        record = WorkflowRecord(
            workflow.namespace,
            workflow.id,
            revisions[0].revision + 1 if revisions else 1,
            workflow.source,
            workflow.digest,
            before.enabled if before is not None else True,
            before.created_at if before is not None else now,
            now,
            file,
            workflow.files,
            plugins,
        )
        result = "created" if before is None else "updated"
        if not dry_run:
            triggers = self._triggers(workflow, now) if record.enabled else []
            detail = {"revision": record.revision, "digest": record.digest, "result": result}
            with self._audit.act(by, "workflow.apply", workflow.address, detail):
                self._storage.put_workflow(record, triggers)
            self._announce(workflow.namespace, workflow.id)
        return _applied(record, workflow, result)

    def list(self, namespace: str | None) -> Rows:
        """All workflows, by address."""
        records = self._storage.workflows(namespace)
        return [summary(self._library.current(record.namespace, record.id)) for record in records]

    def describe(self, namespace: str, id: str) -> dict[str, Any]:
        """A workflow with its source, inputs, triggers, tasks and a drawing of its graph."""
        revision = self._library.current(namespace, id)
        record, workflow = revision.record, revision.workflow
        rows = {row.name: row for row in self._storage.triggers(namespace, id)}
        return {
            **summary(revision),
            "source": record.source,
            "digest": record.digest,
            "created_at": rfc3339(record.created_at),
            "inputs": [_input(declared) for declared in workflow.inputs.values()],
            "triggers": [_trigger(trigger, rows.get(trigger.name)) for trigger in workflow.triggers],
            "tasks": _tasks(workflow),
            "plugins": dict(record.plugins),
            "graph": draw([(t.name, t.type, t.needs) for t in workflow.tasks.tasks.values()]),
        }

    def permissions(self, namespace: str, id: str) -> dict[str, Any]:
        """Who can reach what: for each task what its code may do, and who refuses the rest."""
        workflow = self._library.current(namespace, id).workflow
        return {"namespace": namespace, "id": id, "tasks": [one.to_dict() for one in self._reach(workflow)]}

    def set_enabled(self, namespace: str, id: str, enabled: bool, *, by: Actor = LOCAL) -> dict[str, Any]:
        """Turn the operator's switch; running executions go on."""
        workflow = self._library.current(namespace, id).workflow
        triggers = self._triggers(workflow, self._clock.now()) if enabled else []
        action: Action = "workflow.enable" if enabled else "workflow.disable"
        with self._audit.act(by, action, f"{namespace}/{id}"):
            if not self._storage.enable_workflow(namespace, id, enabled, triggers):
                raise NotFound(f"there is no workflow {namespace}/{id}")
        self._announce(namespace, id)
        return summary(self._library.current(namespace, id))

    def delete(self, namespace: str, id: str, *, by: Actor = LOCAL) -> None:
        """Delete a workflow; its executions go on and stay."""
        with self._audit.act(by, "workflow.delete", f"{namespace}/{id}"):
            if not self._storage.delete_workflow(namespace, id):
                remedy = "see `workflow workflow list` for what is there"
                raise NotFound(f"there is no workflow {namespace}/{id}", remedy=remedy)
        self._announce(namespace, id)

    def _expect(self, by: Actor, action: Action, namespace: str, id: str) -> None:
        try:
            by.expect(namespace)
        except Forbidden as error:
            self._audit.refused(by, action, f"{namespace}/{id}", error)
            raise

    def _announce(self, namespace: str, id: str) -> None:
        self._library.forget(namespace, id)
        self._changed(namespace, id)

    def _triggers(self, workflow: Workflow, now: int) -> Sequence[TriggerRecord]:
        """The rows of a workflow's triggers; none while its file says ``enabled: false``.

        A timed trigger that was there before and is the same goes on from its ``next_at``.
        """
        if not workflow.enabled:
            return []
        before = {
            (row.name, row.kind): row for row in self._storage.triggers(workflow.namespace, workflow.id)
        }
        specs = self._former_specs(workflow)
        rows = []
        for trigger in workflow.triggers:
            row = before.get((trigger.name, trigger.kind))
            same = row is not None and specs.get(trigger.name) == trigger.spec
            driver = self._loader.trigger(trigger.kind)
            address, next_at = None, None
            if isinstance(driver, AddressedTrigger):
                address = driver.address(trigger.spec)
            if isinstance(driver, TimedTrigger):
                next_at = row.next_at if same and row else schedule.first(timed(trigger, driver).due, now)
            rows.append(
                TriggerRecord(workflow.namespace, workflow.id, trigger.name, trigger.kind, address, next_at)
            )
        return rows

    def _former_specs(self, workflow: Workflow) -> dict[str, Any]:
        try:
            former = self._library.current(workflow.namespace, workflow.id).workflow
        except NotFound:
            return {}
        return {trigger.name: trigger.spec for trigger in former.triggers}


def summary(revision: Revision) -> dict[str, Any]:
    """A workflow as lists show it; ``enabled`` is the operator's switch and the file's."""
    record, workflow = revision.record, revision.workflow
    return {
        "namespace": record.namespace,
        "id": record.id,
        "description": workflow.description,
        "revision": record.revision,
        "enabled": revision.enabled,
        "triggers": [trigger.kind for trigger in workflow.triggers],
        "labels": dict(workflow.labels),
        "updated_at": rfc3339(record.updated_at),
    }


def _applied(record: WorkflowRecord, workflow: Workflow, result: str) -> Applied:
    enabled = record.enabled and workflow.enabled
    return Applied(record.namespace, record.id, record.revision, enabled, result)


def _input(declared: Input) -> dict[str, Any]:
    keys = ("name", "type", "required", "default", "description")
    return {key: getattr(declared, key) for key in keys}


def _trigger(trigger: Trigger, row: TriggerRecord | None) -> dict[str, Any]:
    return {
        "name": trigger.name,
        "kind": trigger.kind,
        "address": row.address if row else None,
        "next_at": rfc3339(row.next_at) if row else None,
        "spec": trigger.spec,
    }


def _tasks(workflow: Workflow) -> list[dict[str, Any]]:
    parts: dict[str, tuple[str, Group]] = {
        "tasks": ("", workflow.tasks),
        "on_failure": ("@on_failure/", workflow.on_failure),
        "finally": ("@finally/", workflow.finally_),
    }
    return [
        {
            "path": prefix + task.name,
            "name": task.name,
            "type": task.type,
            "needs": list(task.needs),
            "description": task.description,
            "part": part,
        }
        for part, (prefix, group) in parts.items()
        for task in group.tasks.values()
    ]
