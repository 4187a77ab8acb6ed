"""Workflows as the engine needs them: loaded once, planned, kept while they are in use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from wfcore.engine.plan import Plan, plan
from wfcore.errors import NotFound
from wfcore.model.records import WorkflowRecord
from wfcore.model.workflow import Workflow
from wfcore.plugins.contracts import Storage

#: So many revisions are kept in memory.
KEPT = 512


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision, ready to run. ``enabled`` is the operator's switch and the file's."""

    record: WorkflowRecord
    workflow: Workflow
    plan: Plan

    @property
    def enabled(self) -> bool:
        """Whether new executions may start."""
        return self.record.enabled and self.workflow.enabled


class Library:
    """Reads revisions through ``load`` (source and file name to Workflow) and remembers them."""

    def __init__(self, storage: Storage, load: Callable[[WorkflowRecord], Workflow]) -> None:
        self._storage = storage
        self._load = load
        self._current: dict[tuple[str, str], Revision] = {}
        self._revisions: OrderedDict[tuple[str, str, int], tuple[Workflow, Plan]] = OrderedDict()
        self._changes = 0
        self._lock = threading.Lock()

    def current(self, namespace: str, id: str) -> Revision:
        """The revision that new executions start with. Raises NotFound."""
        found = self._current.get((namespace, id))
        if found is None:
            changes = self._changes
            record = self._storage.workflow(namespace, id)
            if record is None:
                remedy = "see `workflow workflow list` for what is there"
                raise NotFound(f"there is no workflow {namespace}/{id}", remedy=remedy)
            found = Revision(record, *self._loaded(record))
            with self._lock:
                if changes == self._changes:  # else it may have been changed since it was read
                    self._current[namespace, id] = found
        return found

    def revision(self, namespace: str, id: str, revision: int) -> tuple[Workflow, Plan]:
        """A certain revision, also of a workflow that was deleted. Raises NotFound."""
        with self._lock:
            found = self._revisions.get((namespace, id, revision))
            if found is not None:
                self._revisions.move_to_end((namespace, id, revision))
                return found
        record = self._storage.workflow(namespace, id, revision)
        if record is None:
            remedy = "see `workflow workflow list` for what is there"
            raise NotFound(f"there is no revision {revision} of workflow {namespace}/{id}", remedy=remedy)
        return self._loaded(record)

    def forget(self, namespace: str = "", id: str = "") -> None:
        """The workflow, or any, was changed: read its current revision again when it is next asked for."""
        with self._lock:
            self._changes += 1
            if id:
                self._current.pop((namespace, id), None)
            else:
                self._current.clear()

    def _loaded(self, record: WorkflowRecord) -> tuple[Workflow, Plan]:
        workflow = self._load(record)
        found = (workflow, plan(workflow))
        with self._lock:
            self._revisions[record.namespace, record.id, record.revision] = found
            while len(self._revisions) > KEPT:
                self._revisions.popitem(last=False)
        return found
