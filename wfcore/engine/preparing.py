"""An attempt as whoever runs it needs it: made by the owner from memory, by others from the rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

from wfcore.engine.attempt import Attempt
from wfcore.engine.flow import SECOND
from wfcore.engine.letters import failure_letter
from wfcore.engine.plan import Plan
from wfcore.engine.retry import idempotency_key
from wfcore.errors import Unavailable
from wfcore.model.execution import PENDING, RUNNING, ExecutionRecord, TaskRecord
from wfcore.model.nodes import Offer
from wfcore.model.records import Message
from wfcore.model.workflow import Workflow
from wfcore.plugins.contracts import Job, Storage


class Library(Protocol):
    """Where revisions come from, loaded and planned."""

    def revision(self, namespace: str, id: str, revision: int) -> tuple[Workflow, Plan]:
        """The workflow of this revision. Raises NotFound or InvalidWorkflow."""


def make_attempt(
    record: ExecutionRecord,
    workflow: Workflow,
    plan: Plan,
    tasks: Mapping[str, TaskRecord],
    path: str,
    now: int,
) -> Attempt:
    """The present attempt of a task. The time of its timeout begins now."""
    task, definition = tasks[path], plan.task(path)
    assert definition is not None, "only tasks of the plan are attempted"
    job = Job(record.id, path, task.attempt, idempotency_key(record, path), definition.runs_on)
    results = {name: _result(plan, tasks, path, name) for name in definition.references}
    error = json.loads(record.error) if path.startswith("@") and record.error else None
    attempt = Attempt(job, definition, workflow, record, results, task.started_at or now, error)
    if definition.timeout is not None:
        attempt.expires_at = now + round(definition.timeout * SECOND)
    return attempt


def prepared(storage: Storage, library: Library, offer: Offer, now: int) -> Attempt | Message:
    """The attempt of an offer that was taken, or the message that it cannot be run. Raises Unavailable."""
    record = storage.execution(offer.execution)
    tasks = {task.path: task for task in storage.tasks(offer.execution)}
    task = tasks.get(offer.path)
    if record is None or task is None or (task.state, task.attempt) != (RUNNING, offer.attempt):
        return failure_letter(offer, "nobody waits for it any more")
    try:
        workflow, plan = library.revision(record.namespace, record.workflow, record.revision)
        attempt = make_attempt(record, workflow, plan, tasks, offer.path, now)
    except Unavailable:
        raise
    except Exception as error:
        return failure_letter(offer, f"{type(error).__name__}: {error}")
    attempt.guest = True
    return attempt


def _result(plan: Plan, tasks: Mapping[str, TaskRecord], path: str, name: str) -> TaskRecord:
    """The row of a task that another one refers to, by its name: in its own part, or an earlier one."""
    for part in (plan.part(path), plan.main, plan.on_failure, plan.finally_):
        if name in part.tasks:
            return tasks.get(part.prefix + name) or TaskRecord(part.prefix + name, PENDING)
    return TaskRecord(name, PENDING)
