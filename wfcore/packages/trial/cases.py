"""The file of a plugin's tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wfcore.errors import InvalidPackage, InvalidWorkflow
from wfcore.language import words
from wfcore.language.flaw import Flaw
from wfcore.language.shape import rules_of
from wfcore.language.source import read
from wfcore.packages.manifest import Manifest

FILE: Final = "plugin.test.yaml"


def cases(text: bytes, file: str, manifest: Manifest) -> list[dict[str, Any]]:
    """The cases of a test file. Raises InvalidPackage with the place of each fault."""
    try:
        document = read(text, file)
    except InvalidWorkflow as error:
        raise InvalidPackage(problems=error.problems) from None
    data = document.root.value
    flaws = (
        rules_of(_FILE).check(data, fill=False)[1] if isinstance(data, dict) else [Flaw((), "is no mapping")]
    )
    if not flaws:
        for index, case in enumerate(data["tests"]):
            if case["action"] not in manifest.actions:
                near = words.hint(case["action"], manifest.actions)
                flaws.append(Flaw(("tests", index, "action"), f"the manifest has no such action{near}"))
    if flaws:
        found = [document.problem(flaw.path, flaw.message, key=flaw.at_key) for flaw in flaws]
        raise InvalidPackage(problems=found, remedy="docs/reference/plugin-tests.md says what a test has")
    return list(data["tests"])


_ANY: Final[Mapping[str, Any]] = {"nullable": True}
_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "dict", "valuesrules": _TEXT}
_REQUEST: Final = {
    "method": _TEXT, "url": _TEXT, "headers": {"type": "dict"}, "json": _ANY, "form": {"type": "dict"},
    "body": _TEXT,
}  # fmt: skip
_RESPONSE: Final = {
    "status": {"type": "integer", "min": 100, "max": 599}, "headers": {"type": "dict"}, "json": _ANY,
    "body": _TEXT, "error": _TEXT,
}  # fmt: skip
_ERROR: Final = {
    "type": _TEXT, "message": _TEXT, "retryable": {"type": "boolean"}, "retry_after": {"type": "number"},
}  # fmt: skip


_FAILURE: Final = {"type": "dict", "schema": _ERROR}


def _list_of(rules: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "list", "schema": {"type": "dict", "schema": dict(rules)}}


_CASE: Final = {
    "name": {"type": "string", "required": True, "empty": False},
    "action": {"type": "string", "required": True},
    "inputs": {"type": "dict"},
    "now": {"type": "integer", "min": 0},
    "secrets": _TEXTS,
    "env": _TEXTS,
    "kv": {"type": "dict"},
    "permissions": {"type": "dict"},
    "http": _list_of(
        {"request": {"type": "dict", "schema": _REQUEST}, "response": {"type": "dict", "schema": _RESPONSE}}
    ),
    "calls": _list_of({"type": _TEXT, "inputs": {"type": "dict"}, "output": _ANY, "error": _FAILURE}),
    "expect": {"type": "dict", "schema": {"output": _ANY, "error": _FAILURE}},
    "logs": {"type": "list", "schema": _TEXT},
    "kv_after": {"type": "dict"},
}
_FILE: Final[Mapping[str, Any]] = {"tests": {**_list_of(_CASE), "required": True, "empty": False}}
