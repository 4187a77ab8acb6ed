"""The shape of a workflow file: which keys there are, and what kind of value each takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from wfcore.language import duration, words
from wfcore.language.flaw import Flaw
from wfcore.language.shape import Rules
from wfcore.model.workflow import ID_PATTERN, NAME_PATTERN, NAMESPACE_PATTERN, SECRET_PATTERN

MAX_RETRIES: Final = 1000
MAX_TEXT: Final = 10_000
BACKOFFS: Final = ("none", "constant", "linear", "exponential")
#: What becomes of an execution that finds all permits of its limit in use.
ON_LIMIT: Final = ("wait", "skip", "fail", "cancel_oldest")
MAX_PERMITS: Final = 1_000_000
ORDERS: Final = ("dag", "sequence")
INPUT_TYPES: Final = (
    "string", "int", "number", "bool", "date", "datetime", "duration", "json", "array", "object",
)  # fmt: skip
#: The task maps of a workflow, in the order in which they run.
GROUPS: Final = ("tasks", "on_failure", "finally")
NOT_YET: Final = "is not supported in this version"
#: Keys that the design of the language has and this version has not, by where they stand.
LATER: Final[Mapping[str, frozenset[str]]] = {
    "workflow": frozenset({"defaults"}),
    "task": frozenset({
        "foreach", "max_parallel", "batch", "until", "cache", "env", "files",
        "rate", "labels", "order", "workflow", "tasks",
    }),
    "trigger": frozenset({"dedupe", "overlap"}),
}  # fmt: skip
LATER_INPUT_TYPES: Final = frozenset({"file", "secret"})

_Say = Callable[[str, str], None]


def _duration(field: str, value: Any, say: _Say) -> None:
    try:
        duration.parse(value)
    except ValueError as error:
        say(field, str(error))


def _positive(field: str, value: Any, say: _Say) -> None:
    try:
        if duration.parse(value) <= 0:
            say(field, "must be longer than 0 s")
    except ValueError as error:
        say(field, str(error))


def _named(pattern: str, what: str) -> Callable[[str, Any, _Say], None]:
    compiled = re.compile(pattern)

    def check(field: str, value: Any, say: _Say) -> None:
        if isinstance(value, str) and not compiled.fullmatch(value):
            say(field, f"{words.quoted(value)} is not a valid {what}")

    return check


def _input_type(field: str, value: Any, say: _Say) -> None:
    if value in LATER_INPUT_TYPES:
        say(field, f"inputs of type '{value}' are not supported in this version")
    elif isinstance(value, str) and value not in INPUT_TYPES:
        say(
            field,
            words.choice(value, INPUT_TYPES),
        )


_TEXT: Final = {"type": "string", "maxlength": MAX_TEXT}
_NAME: Final = {
    "type": "string",
    "check_with": _named(
        NAME_PATTERN, "name: a letter or _, then letters, digits, _ and -, at most 64 in all"
    ),
}
_SECRETS: Final = {
    "type": "list",
    "schema": {
        "type": "string",
        "check_with": _named(SECRET_PATTERN, "name of a secret: letters, digits, _ and -"),
    },
}
_CONDITION: Final = {"type": ["string", "boolean"], "empty": False}
_INPUTS: Final = {"type": ["dict", "string"]}

_RETRY: Final = {
    "max": {"type": "integer", "min": 0, "max": MAX_RETRIES, "required": True},
    "backoff": {"type": "string", "allowed": list(BACKOFFS)},
    "delay": {"check_with": _duration},
    "factor": {"type": "number", "min": 1, "max": 100},
    "max_delay": {"check_with": _duration},
    "jitter": {"type": "number", "min": 0, "max": 1},
    "for": {"type": ["list", "string"], "schema": {"type": "string", "empty": False}},
    "if": _CONDITION,
}
_LIMIT: Final = {
    "type": ["integer", "string"],
    "min": 1,
    "max": MAX_PERMITS,
    "check_with": _named(NAME_PATTERN, "name of a limit: a letter or _, then letters, digits, _ and -"),
}
_KEYED: Final = {"limit": {**_LIMIT, "required": True}, "key": {"type": "string", "empty": False}}
_SHARED: Final = {**_LIMIT, "type": ["integer", "string", "dict"], "schema": _KEYED}
_PATTERNS: Final = {"type": "list", "schema": {"type": "string", "empty": False}}
_SLOT: Final = {
    "anyof": [
        _PATTERNS,
        {"type": "dict", "schema": {"to": {**_PATTERNS, "required": True}, "reveal": {"type": "boolean"}}},
    ]
}
_PERMISSIONS: Final = {
    "network": _PATTERNS,
    "filesystem": {"type": "dict", "schema": {"read": _PATTERNS, "write": _PATTERNS}},
    "env": _PATTERNS,
    "secrets": {"type": "dict", "keysrules": {"type": "string"}, "valuesrules": _SLOT},
    "calls": _PATTERNS,
    "kv": {"type": "boolean"},
}
_TASK: Final = {
    "type": "dict",
    "schema": {
        "type": {
            "type": "string",
            "required": True,
            "check_with": _named(
                r"[A-Za-z][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)?", "type; write one like core/http.get"
            ),
        },
        "description": _TEXT,
        "enabled": {"type": "boolean"},
        "needs": {"type": ["list", "string"], "schema": {"type": "string"}},
        "if": _CONDITION,
        "inputs": _INPUTS,
        "retry": {"type": ["integer", "dict"], "min": 0, "max": MAX_RETRIES, "schema": _RETRY},
        "timeout": {"check_with": _positive},
        "concurrency": _SHARED,
        "continue_on_error": {"type": "boolean"},
        "language": {"type": "string", "allowed": ["ts", "js"]},
        "source": {"type": "string", "empty": False},
        "file": {"type": "string", "empty": False, "maxlength": 512},
        "permissions": {"type": "dict", "schema": _PERMISSIONS},
        "runs_on": {
            "type": "string",
            "check_with": _named(
                r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}",
                "label: a letter or digit, then letters, digits, _, . and -",
            ),
        },
        "secrets": _SECRETS,
        "sensitive": {"type": "boolean"},
    },
}
_TASKS: Final = {"type": "dict", "keysrules": _NAME, "valuesrules": _TASK}
_INPUT: Final = {
    "type": "dict",
    "schema": {
        "type": {"type": "string", "check_with": _input_type},
        "description": _TEXT,
        "required": {"type": "boolean"},
        "default": {"nullable": True},
        "enum": {"type": "list", "empty": False},
        "pattern": {"type": "string"},
        "min": {"type": "number"},
        "max": {"type": "number"},
        "items": {"type": "string", "check_with": _input_type},
    },
}
#: The keys of a trigger beside the one that names its kind.
TRIGGER_KEYS: Final = ("name", "if", "inputs")
_TRIGGER: Final = {
    "name": _NAME,
    "if": _CONDITION,
    "inputs": {"type": "dict"},
}
WORKFLOW: Final = {
    "id": {
        "type": "string",
        "check_with": _named(ID_PATTERN, "id: a letter, then letters, digits, _ and -, at most 64 in all"),
    },
    "namespace": {
        "type": "string",
        "check_with": _named(
            NAMESPACE_PATTERN, "namespace: words of letters, digits, _ and -, joined by dots"
        ),
    },
    "dsl": {"type": "integer", "allowed": [1]},
    "description": _TEXT,
    "enabled": {"type": "boolean"},
    "labels": {
        "type": "dict",
        "keysrules": {"type": "string", "maxlength": 64},
        "valuesrules": {"type": "string", "maxlength": 256},
        "maxlength": 64,
    },
    "inputs": {"type": "dict", "keysrules": _NAME, "valuesrules": _INPUT},
    "vars": {"type": "dict", "keysrules": _NAME},
    "trigger": {
        "type": "dict",
        "empty": False,
        "excludes": "triggers",
        "allow_unknown": True,
        "schema": _TRIGGER,
    },
    "triggers": {
        "type": "list",
        "empty": False,
        "schema": {"type": "dict", "empty": False, "allow_unknown": True, "schema": _TRIGGER},
    },
    "tasks": {**_TASKS, "required": True, "empty": False},
    "on_failure": _TASKS,
    "finally": _TASKS,
    "outputs": {"type": "dict", "keysrules": _NAME},
    "timeout": {"check_with": _positive},
    "concurrency": {
        **_SHARED,
        "schema": {**_KEYED, "on_limit": {"type": "string", "allowed": list(ON_LIMIT)}},
    },
    "order": {"type": "string", "allowed": list(ORDERS)},
    "secrets": _SECRETS,
    "permissions": {"type": "dict", "schema": _PERMISSIONS},
}


def flaws(rules: Rules, document: Any) -> list[Flaw]:
    """What is wrong with the shape of a workflow; ``rules`` are those of WORKFLOW."""
    if not isinstance(document, dict):
        return [Flaw((), f"a workflow is a mapping with at least 'tasks', not {words.kind(document)}")]
    _, found = rules.check(document, fill=False)
    return [_later(flaw) for flaw in found]


def _later(flaw: Flaw) -> Flaw:
    """The flaw; an unknown key that a later version has says so."""
    in_task = len(flaw.path) == 3 and flaw.path[0] in GROUPS
    later = LATER["task"] if in_task else LATER["workflow"] if len(flaw.path) == 1 else ()
    if flaw.at_key and flaw.path[-1] in later:
        return Flaw(flaw.path, NOT_YET, at_key=True)
    return flaw
