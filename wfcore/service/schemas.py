"""The JSON shapes of the API, as JSON Schema (2020-12) for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wfcore.model.actor import ROLES
from wfcore.model.execution import EXECUTION_STATES, TASK_STATES
from wfcore.service.params import BATCH_LIMIT, KEY_LIMIT

Schema = dict[str, Any]
_TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer"}
_FLAG: Final[Schema] = {"type": "boolean"}
_ANY: Final[Schema] = {}
_LABELS: Final[Schema] = {"type": "object", "additionalProperties": _TEXT}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_MAYBE_TIME: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}


def ref(name: str) -> Schema:
    """A reference to one of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(optional: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    required = [name for name in properties if name not in optional]
    shape: Schema = {"type": "object", "properties": properties}
    return {**shape, "required": required} if required else shape


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _maybe(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "null"}]}


_PROBLEM: Final = _object(file=_TEXT, line=_WHOLE, column=_WHOLE, path=_TEXT, message=_TEXT)
_FAILURE: Final = _object(type=_TEXT, message=_TEXT, task=_TEXT, attempt=_WHOLE)
_SUMMARY: Final = {
    "namespace": _TEXT,
    "id": _TEXT,
    "description": _TEXT,
    "revision": _WHOLE,
    "enabled": _FLAG,
    "labels": _LABELS,
    "updated_at": _TIME,
}
_EXECUTION: Final = {
    "id": _TEXT,
    "namespace": _TEXT,
    "workflow": _TEXT,
    "revision": _WHOLE,
    "state": {"type": "string", "enum": list(EXECUTION_STATES)},
    "labels": _LABELS,
    "created_at": _TIME,
    "started_at": _MAYBE_TIME,
    "ended_at": _MAYBE_TIME,
    "error": _maybe(ref("Failure")),
    "seconds": {"type": ["number", "null"]},
}
_LIMIT: Final = _maybe(_object(name=_TEXT, most=_WHOLE, in_use=_WHOLE, held=_FLAG))
_TASK: Final = {
    "path": _TEXT,
    "type": _TEXT,
    "state": {"type": "string", "enum": list(TASK_STATES)},
    "attempt": _WHOLE,
    "losses": _WHOLE,
    "waiting": _MAYBE_TEXT,
    "due_at": _MAYBE_TIME,
    "limit": _LIMIT,
    "started_at": _MAYBE_TIME,
    "ended_at": _MAYBE_TIME,
    "output": _ANY,
    "meta": _ANY,
    "error": _maybe(ref("Failure")),
}
_DETAIL: Final = {
    **_SUMMARY,
    "source": _TEXT,
    "digest": _TEXT,
    "created_at": _TIME,
    "inputs": _list(_object(name=_TEXT, type=_TEXT, required=_FLAG, default=_ANY, description=_TEXT)),
    "triggers": _list(
        _object(
            name=_TEXT, kind=_TEXT, address=_MAYBE_TEXT, next_at=_MAYBE_TIME, spec=_ANY, token=_MAYBE_TEXT
        )
    ),
    "tasks": _list(
        _object(path=_TEXT, name=_TEXT, type=_TEXT, needs=_list(_TEXT), description=_TEXT, part=_TEXT)
    ),
    "graph": _TEXT,
    "plugins": _LABELS,
}
_FACT: Final = {"seq": _WHOLE, "at": _TIME, "kind": _TEXT, "task": _TEXT, "attempt": _WHOLE}
_LOG: Final = {"seq": _WHOLE, "at": _TIME, "level": _TEXT, "task": _TEXT, "attempt": _WHOLE, "message": _TEXT}
_PLUGIN: Final = {
    "kind": _TEXT,
    "name": _TEXT,
    "distribution": _MAYBE_TEXT,
    "version": _MAYBE_TEXT,
    "entry_point": _TEXT,
    "state": {"type": "string", "enum": ["loaded", "available", "broken"]},
    "error": _MAYBE_TEXT,
}
_PACKAGE: Final = {
    "name": _TEXT,
    "version": _TEXT,
    "digest": _TEXT,
    "permissions": _list(_TEXT),
    "state": {"type": "string", "enum": ["current", "kept", "broken", "revoked"]},
    "current": _FLAG,
    "error": _MAYBE_TEXT,
    "installed_at": _TIME,
}
_TERMS: Final = {"granted": {"type": "object"}, "secrets": _LABELS, "origin": _LABELS}
_LOOK: Final = {
    "name": _TEXT,
    "version": _TEXT,
    "digest": _TEXT,
    "source": _TEXT,
    "installed": _MAYBE_TEXT,
    "grant": {"type": "object"},
    "permissions": _list(_TEXT),
    "added": _list(_TEXT),
    "dropped": _list(_TEXT),
    "changelog": _TEXT,
    "key": _MAYBE_TEXT,
    "warnings": _list(_TEXT),
}
_SECRET: Final = {
    "name": _TEXT,
    "scope": _TEXT,
    "provider": _TEXT,
    "created_at": _MAYBE_TIME,
    "updated_at": _MAYBE_TIME,
}
_SERVER: Final = {
    "node": _TEXT,
    "version": _TEXT,
    "pid": _WHOLE,
    "address": _TEXT,
    "started_at": _TIME,
    "ready": _FLAG,
    "storage": _TEXT,
    "executions": {"type": "object", "additionalProperties": _WHOLE},
    "running_tasks": _WHOLE,
    "health": _LABELS,
    "nodes": _list(
        _object(
            node=_TEXT,
            address=_TEXT,
            place=_TEXT,
            version=_TEXT,
            role=_TEXT,
            slots=_WHOLE,
            tasks=_WHOLE,
            started_at=_TIME,
            heartbeat_at=_TIME,
            differs=_list(_TEXT),
        )
    ),
}
_ROLE: Final[Schema] = {"type": "string", "enum": list(ROLES)}
_TOKEN: Final = {
    "name": _TEXT,
    "role": _ROLE,
    "namespaces": _list(_TEXT),
    "created_at": _TIME,
    "created_by": _TEXT,
    "expires_at": _MAYBE_TIME,
    "expired": _FLAG,
}
_ENTRY: Final = {
    "server": _TEXT,
    "seq": _WHOLE,
    "at": _TIME,
    "actor": _TEXT,
    "remote": _TEXT,
    "action": _TEXT,
    "target": _TEXT,
    "result": _TEXT,
    "detail": {"type": "object"},
    "previous": _TEXT,
    "digest": _TEXT,
}

#: Every named shape that a route reads or answers.
SCHEMAS: Final[Mapping[str, Schema]] = {
    "Error": _object(
        error=_object(("problems",), code=_TEXT, message=_TEXT, remedy=_MAYBE_TEXT, problems=_list(_PROBLEM))
    ),
    "Failure": _FAILURE,
    "Summary": _object(**_SUMMARY, triggers=_list(_TEXT)),
    "Detail": _object(**_DETAIL),
    "Reaches": _object(
        namespace=_TEXT,
        id=_TEXT,
        tasks=_list(
            _object(
                task=_TEXT,
                type=_TEXT,
                via=_list(_TEXT),
                kind={"type": "string", "enum": ["package", "code", "native", "missing"]},
                package=_TEXT,
                may=_list(_TEXT),
                permissions={"type": "object"},
                refused=_list(_object(what=_TEXT, by=_TEXT)),
            )
        ),
    ),
    "Applied": _object(
        namespace=_TEXT,
        id=_TEXT,
        revision=_WHOLE,
        enabled=_FLAG,
        result={"type": "string", "enum": ["created", "updated", "unchanged"]},
    ),
    "Valid": _object(namespace=_TEXT, id=_TEXT, valid=_FLAG),
    "Workflows": _object(workflows=_list(ref("Summary"))),
    "Submission": _object(("inputs", "labels"), inputs={"type": "object"}, labels=_LABELS),
    "Batch": _object(
        executions={
            "type": "array",
            "minItems": 1,
            "maxItems": BATCH_LIMIT,
            "items": _object(
                ("inputs", "labels", "key"),
                inputs={"type": "object"},
                labels=_LABELS,
                key={"type": "string", "minLength": 1, "maxLength": KEY_LIMIT},
            ),
        }
    ),
    "Begun": _object(executions=_list(_object(**_EXECUTION, trigger=_TEXT, created=_FLAG))),
    "Cancellation": _object(("reason",), reason={"type": "string", "maxLength": 1000}),
    "Execution": _object(**_EXECUTION, trigger=_TEXT),
    "Inspection": _object(
        **_EXECUTION, limit=_LIMIT, trigger=_ANY, tasks=_list(ref("Task")), inputs=_ANY, outputs=_ANY
    ),
    "Executions": _object(executions=_list(ref("Execution")), next=_MAYBE_TEXT),
    "Task": _object(**_TASK),
    "Fact": _object(**_FACT, body={"type": "object"}),
    "Facts": _object(facts=_list(ref("Fact")), state=_TEXT, next=_WHOLE),
    "Log": _object(**_LOG),
    "Logs": _object(logs=_list(ref("Log")), state=_TEXT, next=_WHOLE),
    "Plugins": _object(plugins=_list(_object(**_PLUGIN))),
    "Packages": _object(packages=_list(_object(**_PACKAGE))),
    "Installation": _object(
        ("package", "signature", "source", "reference", "digest", "grant", "secrets"),
        package=_TEXT,
        signature=_TEXT,
        source=_TEXT,
        reference=_TEXT,
        digest=_TEXT,
        grant=_maybe({"type": "object"}),
        secrets=_LABELS,
    ),
    "Installed": _object(
        result={"type": "string", "enum": ["installed", "updated", "unchanged"]},
        warnings=_list(_TEXT),
        **_PACKAGE,
        **_TERMS,
    ),
    "Lock": _object(packages=_list(_object(**_PACKAGE, **_TERMS))),
    "Reference": _object(("digest",), reference=_TEXT, digest=_TEXT),
    "Look": _object(
        ("command", *_LOOK),
        command=_list(_TEXT),
        **_LOOK,
    ),
    "Updates": _object(
        updates=_list(
            _object(name=_TEXT, installed=_TEXT, version=_TEXT, source=_TEXT, changelog=_TEXT),
        )
    ),
    "Hits": _object(
        packages=_list(_object(name=_TEXT, version=_TEXT, description=_TEXT, registry=_TEXT)),
    ),
    "PackageDetail": _object(
        **_PACKAGE,
        **_TERMS,
        description=_TEXT,
        author=_TEXT,
        license=_TEXT,
        actions=_list(_object(type=_TEXT, description=_TEXT, inputs={"type": "object"})),
        refused=_list(_TEXT),
        versions=_list(_object(version=_TEXT, digest=_TEXT, installed_at=_TIME)),
        used_by=_list(_TEXT),
    ),
    "Secrets": _object(secrets=_list(_object(**_SECRET))),
    "SecretValue": _object(value=_TEXT),
    "SecretChange": _object(**_SECRET, result={"type": "string", "enum": ["created", "updated", "deleted"]}),
    "RotationRequest": _object(("new_key",), new_key=_FLAG),
    "Rotation": _object(key=_TEXT, renewed=_WHOLE, retired=_WHOLE, left=_WHOLE),
    "Entry": _object(**_ENTRY),
    "Entries": _object(entries=_list(ref("Entry")), next=_MAYBE_TEXT),
    "Chain": _object(entries=_list(ref("Entry")), next=_WHOLE),
    "Verification": _object(
        valid=_FLAG,
        servers=_list(_object(server=_TEXT, first=_WHOLE, last=_WHOLE, digest=_TEXT, faults=_list(_TEXT))),
    ),
    "Self": _object(name=_TEXT, role=_ROLE, namespaces=_list(_TEXT)),
    "Tokens": _object(tokens=_list(ref("Token"))),
    "Token": _object(**_TOKEN),
    "NewToken": _object(**_TOKEN, token=_TEXT),
    "TokenRequest": _object(
        ("namespaces", "expires"), name=_TEXT, role=_ROLE, namespaces=_list(_TEXT), expires=_MAYBE_TEXT
    ),
    "Server": _object(**_SERVER),
    "Stopping": _object(stopping=_FLAG),
    "Health": _object(status=_TEXT),
    "Readiness": _object(status=_TEXT),
    "Started": _object(execution=_MAYBE_TEXT),
    "Anything": _ANY,
}
