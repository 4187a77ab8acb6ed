"""How executions and workflows look when they are asked about."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfcore.cli import text
from wfcore.cli.output import Line, Styled, table

if TYPE_CHECKING:
    from wfcore.cli.client import Client

#: Outputs longer than this are shortened for people; --json has them whole.
_VALUE = 2000
#: Of the executions of a file, so many that went bad are listed for people.
_LISTED = 20


def executions(found: list[dict[str, Any]]) -> list[Line]:
    """A table of executions."""
    headers = ("EXECUTION", "WORKFLOW", "STATE", "TRIGGER", "CREATED", "TOOK")
    rows = [
        (
            one["id"],
            f"{one['namespace']}/{one['workflow']}",
            text.state(one["state"]),
            one["trigger"],
            text.moment(one["created_at"]),
            text.duration(one["seconds"]),
        )
        for one in found
    ]
    return table(headers, rows)


def execution(one: Mapping[str, Any]) -> Iterator[Line]:
    """All about one execution."""
    yield from _fields(
        ("execution", one["id"]),
        ("workflow", f"{one['namespace']}/{one['workflow']}, revision {one['revision']}"),
        ("state", text.state(one["state"])),
        ("limit", _limit(one.get("limit"))),
        ("trigger", one["trigger"]["kind"] if isinstance(one["trigger"], Mapping) else one["trigger"]),
        ("labels", ", ".join(f"{name}={value}" for name, value in one["labels"].items())),
        ("created", text.moment(one["created_at"])),
        ("ended", text.moment(one["ended_at"], "") if one["ended_at"] else ""),
        ("took", text.duration(one["seconds"]) if one["seconds"] is not None else ""),
        ("error", failure(one["error"])),
    )
    yield from values("Inputs", one["inputs"])
    yield ""
    yield from table(("TASK", "TYPE", "STATE", "ATTEMPT", "STARTED", "TOOK", ""), map(_task, one["tasks"]))
    yield from values("Outputs", one["outputs"])


def ends(all: Sequence[Mapping[str, Any]], bad: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """How many executions of a file have ended how, and a table of the first of those that went bad."""
    counted = Counter(one["state"] for one in all)
    yield ", ".join(f"{number} {state}" for state, number in sorted(counted.items()))
    if bad:
        yield ""
        rows = [
            (str(one["line"]), one["id"], text.state(one["state"]), failure(one["error"]))
            for one in bad[:_LISTED]
        ]
        yield from table(("LINE", "EXECUTION", "STATE", ""), rows)
    if len(bad) > _LISTED:
        yield f"and {len(bad) - _LISTED} more: --json has all of them"


def values(title: str, data: Any) -> Iterator[Line]:
    """Inputs or outputs under a heading; nothing when there are none."""
    if not data:
        return
    yield ""
    yield Styled(title, "bold")
    if isinstance(large := data.get("$large") if isinstance(data, Mapping) else None, Mapping):
        yield f"  {large['bytes']} bytes, to be had by `workflow execution content`"
        return
    rows = data.items() if isinstance(data, Mapping) else [("", data)]
    for name, value in rows:
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield f"  {name}  {text.hanging(text.cut(shown, _VALUE), 4)}"


def failure(error: Mapping[str, Any] | None) -> str:
    """An error on one line."""
    if not error:
        return ""
    at = f"{error['task']}: " if error.get("task") else ""
    return " ".join(f"{at}{error['type']}: {error['message']}".split())


def workflows(found: list[dict[str, Any]]) -> list[Line]:
    """A table of workflows."""
    headers = ("WORKFLOW", "REVISION", "ENABLED", "TRIGGERS", "UPDATED", "DESCRIPTION")
    rows = [
        (
            f"{one['namespace']}/{one['id']}",
            str(one["revision"]),
            "yes" if one["enabled"] else Styled("no", "yellow"),
            ", ".join(one["triggers"]),
            text.moment(one["updated_at"]),
            text.cut(" ".join(one["description"].split()), 60),
        )
        for one in found
    ]
    return table(headers, rows)


def workflow(one: Mapping[str, Any], client: Client, recent: list[dict[str, Any]]) -> Iterator[Line]:
    """All about one workflow: triggers, inputs, graph, last executions."""
    yield from _fields(
        ("workflow", f"{one['namespace']}/{one['id']}"),
        ("description", " ".join(one["description"].split())),
        ("revision", f"{one['revision']}, of {text.moment(one['updated_at'])}"),
        ("enabled", "yes" if one["enabled"] else Styled("no", "yellow")),
        ("labels", ", ".join(f"{name}={value}" for name, value in one["labels"].items())),
    )
    yield ""
    yield Styled("Triggers", "bold")
    for trigger in one["triggers"]:
        yield from _trigger(trigger, client)
    if one["inputs"]:
        yield ""
        yield Styled("Inputs", "bold")
        yield from table(("NAME", "TYPE", "DEFAULT", "DESCRIPTION"), map(_input, one["inputs"]))
    yield ""
    yield Styled("Tasks", "bold")
    yield from (f"  {line}" for line in one["graph"].splitlines())
    for part, title in (("on_failure", "On failure"), ("finally", "Finally")):
        tasks = [task for task in one["tasks"] if task["part"] == part]
        if tasks:
            yield ""
            yield Styled(title, "bold")
            yield from (f"  {task['name']}  {task['type']}" for task in tasks)
    if recent:
        yield ""
        yield Styled("Last executions", "bold")
        yield from executions(recent)


def permissions(found: Mapping[str, Any]) -> Iterator[Line]:
    """Who can reach what, task by task."""
    for number, one in enumerate(found["tasks"]):
        if number and not one["via"]:
            yield ""
        way = " > ".join((*one["via"], one["type"]))
        package = f"  ({one['package']})" if one["package"] else ""
        yield [Styled(one["task"], "bold"), f"  {way}{package}"]
        if one["kind"] == "native":
            yield "  is the server's own: bounded by egress.allow and by connections alone"
        elif one["kind"] == "missing":
            yield Styled("  is not installed", "red")
        elif not one["may"]:
            yield "  computes and logs"
        yield from (f"  {words}" for words in one["may"])
        yield from (
            Styled(f"  not: {refused['what']} ({refused['by']})", "dim") for refused in one["refused"]
        )


def _trigger(trigger: Mapping[str, Any], client: Client) -> Iterator[Line]:
    name = trigger["name"] if trigger["name"] == trigger["kind"] else f"{trigger['name']} ({trigger['kind']})"
    spec = trigger["spec"] if isinstance(trigger["spec"], Mapping) else {}
    detail = spec.get("expr") or spec.get("every") or ""
    zone = f" {spec['tz']}" if spec.get("tz") else ""
    due = f", next {text.until(trigger['next_at'])}" if trigger["next_at"] else ""
    if trigger["address"] is None:
        shown = f"{detail}{zone}" if isinstance(detail, str) else text.duration(detail)
        yield f"  {name}  {shown}{due}".rstrip()
        return
    method, path = trigger["address"].split(" ", 1)
    url = f"{client.address}/hooks{path}"
    yield f"  {name}  {method} {url}"
    token = "" if spec.get("auth") == "none" else f" -H 'Authorization: Bearer {trigger['token']}'"
    body = " -H 'Content-Type: application/json' -d '{}'" if method in ("POST", "PUT", "PATCH") else ""
    yield Styled(f"    curl -X {method}{token}{body} {url}", "dim")


def _input(one: Mapping[str, Any]) -> tuple[str, str, str, str]:
    default = "" if one["default"] is None else text.value(one["default"])
    if one["required"] and not default:
        default = "required"
    return (f"  {one['name']}", one["type"], default, one["description"])


def _task(task: Mapping[str, Any]) -> tuple[str | Styled, ...]:
    first, last = text.parse_time(task["started_at"]), text.parse_time(task["ended_at"])
    took = text.duration(last - first) if first and last else ""
    said = failure({**task["error"], "task": ""} if task["error"] else None)
    if task["waiting"] == "limit":
        said = f"{_limit(task.get('limit'))}  {said}".rstrip()
    elif task["state"] == "WAITING":
        said = f"{task['waiting']} at {text.moment(task['due_at'])}  {said}".rstrip()
    attempt = str(task["attempt"]) if task["attempt"] else ""
    began = text.moment(task["started_at"], "")
    return (task["path"], task["type"], text.state(task["state"]), attempt, began, took, said)


def _limit(limit: Mapping[str, Any] | None) -> str:
    """What it waits for, or holds."""
    if limit is None:
        return ""
    does = "holds a permit of" if limit["held"] else "waits for"
    return f"{does} the limit {limit['name']!r} ({limit['in_use']} of {limit['most']} in use)"


def _fields(*rows: tuple[str, str | Styled]) -> Iterator[Line]:
    for name, value in rows:
        if value:
            yield [Styled(f"{name:12}", "dim"), value]
