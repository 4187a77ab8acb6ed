"""Who uses installed packages, so that none is taken away from under them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wfcore.engine.library import Library
from wfcore.errors import WorkflowError
from wfcore.model.execution import OPEN
from wfcore.model.records import ExecutionQuery
from wfcore.plugins.contracts import Storage

_PAGE: Final = 1000


def users(storage: Storage, library: Library, digests: set[str]) -> Iterator[str]:
    """The workflows that may start and the executions that are open with one of these versions."""
    for record in storage.workflows():
        if digests.intersection(record.plugins.values()) and _enabled(library, record.namespace, record.id):
            yield f"workflow {record.namespace}/{record.id}"
    before: str | None = None
    while page := storage.executions(ExecutionQuery(states=tuple(OPEN), before=before, limit=_PAGE)):
        before = page[-1].id
        for one in page:
            workflow, _ = library.revision(one.namespace, one.workflow, one.revision)
            if digests.intersection(workflow.plugins.values()):
                yield f"execution {one.id}"


def _enabled(library: Library, namespace: str, id: str) -> bool:
    try:
        return library.current(namespace, id).enabled
    except WorkflowError:  # what cannot be loaded cannot start either
        return False
