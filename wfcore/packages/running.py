"""One call in the sandbox: what code is given, what it may reach, and what of its failure is shown."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from wfcore.errors import InvalidInput, RetryableError, TerminalError
from wfcore.model.values import json_form
from wfcore.packages.broker import Access, Broker
from wfcore.plugins.contracts import Call, Limits, Module, Runtime, TaskContext

#: How deep inputs may be nested.
MAX_DEPTH: Final = 128


def run(
    runtime: Runtime, module: Module, access: Access, inputs: Any, limits: Limits, task: TaskContext
) -> Any:
    """The result of an action of a module, run with ``access`` and nothing else.

    Raises as ``Runtime.invoke``.
    """
    broker = Broker(access, task, limits.timeout)
    call = Call(
        module=module,
        action=access.action,
        inputs=plain(inputs),
        context={
            "execution": task.execution,
            "workflow": f"{task.namespace}/{task.workflow}",
            "task": task.task,
            "attempt": task.attempt,
            "key": task.key,
        },
        now=task.started_at // 1000,
        seed=_seed(f"{task.key}/{access.name}.{access.action}"),
        limits=limits,
    )
    try:
        return runtime.invoke(call, broker, task)
    except (TerminalError, RetryableError) as error:
        error.message = broker.mask(error.message)
        error.args = (error.message,)
        raise


def plain(value: Any, depth: int = 0) -> Any:
    """The value with times as RFC 3339 and other values of the language in their JSON form.

    Raises InvalidInput for what has none.
    """
    if value is None or isinstance(value, str | bool | int | float | bytes):
        return value
    if depth >= MAX_DEPTH:
        raise InvalidInput(f"the inputs are nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    try:
        return plain(json_form(value), depth + 1)
    except TypeError as error:
        raise InvalidInput(f"the inputs cannot be given to the code: {error}") from None


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)
