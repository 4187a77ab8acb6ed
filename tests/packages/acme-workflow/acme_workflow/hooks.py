"""A hook plugin that listens, contributes and decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from wfcore.api import CONTRACT, Context, hookimpl


class Auditor:
    """Writes the end of every execution to ``hooks.acme.file``, adds a filter, and has a policy."""

    contract: ClassVar[int] = CONTRACT
    schema: ClassVar[Mapping[str, Any]] = {"file": {"type": "string", "required": True}}

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._file = Path(config["file"])

    def start(self) -> None:
        self._file.touch()

    def stop(self, deadline: float) -> None:
        pass

    def health(self) -> str:
        return ""

    @hookimpl
    def wf_execution_finished(self, workflow: str, state: str) -> None:
        with self._file.open("a") as file:
            file.write(f"{workflow} {state}\n")

    @hookimpl
    def wf_functions(self) -> Mapping[str, Callable[..., Any]]:
        return {"shout": lambda text: f"{text.upper()}!"}

    @hookimpl
    def wf_admit_execution(self, inputs: Mapping[str, Any]) -> str | None:
        return "nobody greets Voldemort" if inputs.get("name") == "Voldemort" else None
