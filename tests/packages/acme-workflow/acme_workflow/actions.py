"""A pack of actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from wfcore.api import CONTRACT, Action, Context, Result, RetryableError, TaskContext, TerminalError


class AcmeActions:
    """``acme/greet`` and ``acme/divide``."""

    contract: ClassVar[int] = CONTRACT
    schema: ClassVar[Mapping[str, Any]] = {"greeting": {"type": "string", "default": "Hello"}}

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._greeting = config["greeting"]
        self._secrets = context.secrets

    def start(self) -> None:
        pass

    def stop(self, deadline: float) -> None:
        pass

    def health(self) -> str:
        return ""

    def actions(self) -> Sequence[Action]:
        name = {"name": {"type": "string", "required": True}}
        numbers = {"a": {"type": "number", "required": True}, "b": {"type": "number", "required": True}}
        return [
            Action("greet", self._greet, name, "Greet somebody, and count how often"),
            Action("divide", _divide, numbers, "Divide a by b"),
            Action("flaky", _flaky, {}, "Succeed at the second attempt"),
        ]

    def _greet(self, inputs: Mapping[str, Any], task: TaskContext) -> Result:
        records = task.records("acme")
        count = (records.get(inputs["name"]) or 0) + 1
        records.set(inputs["name"], count)
        task.log(f"greeting {inputs['name']}")
        signed = self._secrets.get("SIGNATURE") if self._secrets else None
        return Result(
            f"{self._greeting}, {inputs['name']}!", meta={"count": count, "signed": signed is not None}
        )


def _divide(inputs: Mapping[str, Any], task: TaskContext) -> float:
    if inputs["b"] == 0:
        raise TerminalError("cannot divide by zero", kind="math")
    return float(inputs["a"] / inputs["b"])


def _flaky(inputs: Mapping[str, Any], task: TaskContext) -> int:
    if task.attempt == 1:
        raise RetryableError("not yet", kind="flaky")
    return task.attempt
