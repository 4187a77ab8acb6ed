"""The hook specs. An implementation may take any subset of a spec's arguments.

Events are told after the commit; contributions are gathered, and a clash is an error;
decisions are asked of everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from wfcore.errors import Problem
    from wfcore.model.execution import Error
    from wfcore.model.workflow import Workflow

PROJECT = "workflow"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def wf_server_started(node: str, address: str) -> None:
    """Event: the server is ready. ``node`` is its id, ``address`` the URL it listens on."""


@hookspec
def wf_server_stopping(node: str) -> None:
    """Event: the server has begun to stop; work in progress may still finish."""


@hookspec
def wf_execution_created(execution: str, workflow: str, trigger: str) -> None:
    """Event: an execution was accepted. ``workflow`` is its address, ``trigger`` the trigger's kind."""


@hookspec
def wf_execution_finished(execution: str, workflow: str, state: str, seconds: float) -> None:
    """Event: an execution has ended in ``state``, ``seconds`` after its creation."""


@hookspec
def wf_task_started(execution: str, workflow: str, task: str, type: str, attempt: int) -> None:
    """Event: an attempt of a task was handed to a worker. ``task`` is the task's path."""


@hookspec
def wf_task_finished(
    execution: str, workflow: str, task: str, type: str, attempt: int, state: str, seconds: float
) -> None:
    """Event: an attempt ended and left its task in ``state`` (WAITING: it will be tried again)."""


@hookspec
def wf_plugin_changed(name: str, change: str) -> None:
    """Event: a plugin package was ``installed``, ``updated`` or ``removed``."""


@hookspec
def wf_functions() -> Mapping[str, Callable[..., Any]]:  # type: ignore[empty-body]
    """Contribution: filters for expressions, name to pure function; its first argument is the piped value."""


@hookspec
def wf_checks(workflow: Workflow) -> Sequence[Problem]:  # type: ignore[empty-body]
    """Contribution: policy and lint; each problem returned makes the workflow invalid."""


@hookspec
def wf_routes(service: Any) -> Mapping[str, Any]:  # type: ignore[empty-body]
    """Contribution: HTTP resources below ``/api/v1/plugins/``, path to falcon resource.

    They are for administrators; a resource with ``role = "viewer"`` or ``"operator"`` is for these too.
    """


@hookspec
def wf_metrics() -> str:  # type: ignore[empty-body]
    """Contribution: metrics in the Prometheus text format, appended to ``/metrics`` at each scrape."""


@hookspec
def wf_admit_execution(workflow: str, trigger: str, inputs: Mapping[str, Any]) -> str | None:
    """Decision: may this execution be created? A text is the reason why not; None means no objection.

    All are asked; one objection, or one exception, denies.
    """


@hookspec(firstresult=True)
def wf_retry_delay(workflow: str, task: str, attempt: int, error: Error) -> float | None:
    """Decision: the pause in seconds before the next attempt; the first answer wins, None has no opinion."""
