"""Runs the cases and says how they ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wfcore.errors import RetryableError, TerminalError, WorkflowError
from wfcore.language.inputs import check_action_inputs
from wfcore.packages.broker import Access
from wfcore.packages.manifest import Manifest
from wfcore.packages.permissions import parse
from wfcore.packages.running import run
from wfcore.packages.trial.compare import differences
from wfcore.packages.trial.world import World
from wfcore.plugins.contracts import Limits, Module, Runtime


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a case ended: ``failures`` says what should have been otherwise, ``logs`` what the code said."""

    name: str
    failures: tuple[str, ...]
    logs: tuple[str, ...]
    seconds: float


def judge(case: Mapping[str, Any], manifest: Manifest, module: Module, runtime: Runtime) -> Verdict:
    """Run one case and compare."""
    world = World(case)
    spec = manifest.actions[case["action"]]
    permissions = manifest.permissions
    began = time.monotonic()
    ended: dict[str, Any]
    try:
        if "permissions" in case:
            permissions = permissions.narrow(parse(case["permissions"]))
        access = Access(
            name=manifest.name,
            action=spec.name,
            permissions=permissions,
            records="",
            secret=case.get("secrets", {}).get,
            call=world.call,
        )
        inputs = check_action_inputs(spec.inputs, case.get("inputs", {}))
        limits = Limits(timeout=manifest.timeout, memory=manifest.memory)
        ended = {"output": run(runtime, module, access, inputs, limits, world)}
    except WorkflowError as error:
        ended = {"error": _error(error)}
    failures = (*world.failures, *world.unasked(), *differences(case, ended, world.logs, world.kv))
    return Verdict(case["name"], failures, tuple(world.logs), time.monotonic() - began)


def _error(error: WorkflowError) -> dict[str, Any]:
    retryable = isinstance(error, RetryableError)
    kind = error.kind if isinstance(error, TerminalError | RetryableError) else error.code
    said: dict[str, Any] = {"type": kind, "message": error.message, "retryable": retryable}
    if isinstance(error, RetryableError) and error.retry_after is not None:
        said["retry_after"] = error.retry_after
    return said
