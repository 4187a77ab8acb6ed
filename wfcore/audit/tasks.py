"""What tasks are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from wfcore.audit.log import AuditLog
from wfcore.errors import Forbidden
from wfcore.model.actor import Actor


class Place(Protocol):
    """Which attempt of which task it is; a ``TaskContext`` is one."""

    execution: str
    namespace: str
    workflow: str
    task: str
    attempt: int


def deny(
    audit: AuditLog,
    action: Literal["egress.deny", "permission.deny"],
    task: Place,
    detail: Mapping[str, Any],
) -> None:
    """Record that a task was refused something; the workflow is who has asked for it."""
    who = Actor(f"workflow/{task.namespace}/{task.workflow}", "viewer", (task.namespace,))
    told = {"execution": task.execution, "task": task.task, "attempt": task.attempt, **detail}
    audit.denied(who, action, f"{task.execution} {task.task}", Forbidden.code, told)
