"""Code of the workflow's own, run in the sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from wfcore.api import Action, Sandbox, SourceFault, TaskContext, TerminalError


def actions(sandbox: Sandbox | None) -> Sequence[Action]:
    """``code``; its one input is what the code computes from."""
    rules = {"data": {"nullable": True, "required": True}}
    return (
        Action(
            "code", partial(_run, sandbox), rules, "Run TypeScript or JavaScript in the sandbox.", "refused"
        ),
    )


def _run(sandbox: Sandbox | None, inputs: Mapping[str, Any], task: TaskContext) -> Any:
    assert sandbox is not None, "only storage drivers are built without a sandbox"
    if task.code is None:
        raise TerminalError("core/code has no code here: a task brings it", kind="invalid_input")
    try:
        return sandbox.run(task.code, inputs["data"], task)
    except SourceFault as fault:
        where = f"{task.code.file}:{fault.line}:{fault.column}: " if fault.line else ""
        raise TerminalError(f"{where}{fault.message}", kind="syntax") from None
