"""Key/value records of a namespace's workflows; they outlive executions and restarts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wfcore.api import Action, InvalidInput, Records, Result, TaskContext
from wfcore_plugins.actions.core.values import seconds, to_json

_KEY = {"type": "string", "required": True, "empty": False, "maxlength": 512}


def actions() -> Sequence[Action]:
    """The three verbs."""
    anything = {"nullable": True}
    return (
        Action(
            "kv.get", _get, {"key": _KEY, "default": anything}, "Read a record of the workflow's namespace."
        ),
        Action(
            "kv.set",
            _set,
            {"key": _KEY, "value": {"required": True, **anything}, "ttl": {}},
            "Write a record, for a limited time if `ttl` is given.",
            secrets="refused",
        ),
        Action("kv.delete", _delete, {"key": _KEY}, "Delete a record."),
    )


def _records(task: TaskContext) -> Records:
    return task.records(f"kv:{task.namespace}")


def _get(inputs: Mapping[str, Any], task: TaskContext) -> Result:
    value = _records(task).get(inputs["key"])
    found = value is not None
    return Result(value if found else inputs.get("default"), {"found": found})


def _set(inputs: Mapping[str, Any], task: TaskContext) -> Any:
    ttl = seconds(inputs["ttl"], "ttl") if "ttl" in inputs else None
    if ttl == 0:
        raise InvalidInput("ttl: it must be above 0; use kv.delete to remove a record")
    value = json.loads(to_json(inputs["value"], "value"))
    _records(task).set(inputs["key"], value, ttl=ttl)
    return value


def _delete(inputs: Mapping[str, Any], task: TaskContext) -> bool:
    return _records(task).delete(inputs["key"])
