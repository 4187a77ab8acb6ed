"""Executions: submit, list, inspect, follow, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from wfcore.errors import UsageError
from wfcore.model.records import ExecutionQuery
from wfcore.service import params
from wfcore.service.answers import send
from wfcore.service.body import check_keys, read_json
from wfcore.service.executions import summary
from wfcore.service.site import Site, actor, listed_namespace
from wfcore.service.stream import EventStream, park_until_end, poll

if TYPE_CHECKING:
    from falcon import Request, Response

LABEL_LIMIT: Final = 64


class Submissions:
    """``/api/v1/workflows/{namespace}/{id}/executions``."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def on_post(self, request: Request, response: Response, namespace: str, id: str) -> None:
        """Start an execution."""
        wait = params.WAIT_END.read(request)
        key = params.idempotency_key(request)
        body = read_json(request, self._site.max_body)
        check_keys(body, ("inputs", "labels"), "the request body")
        inputs, labels = _mapping(body, "inputs"), _labels(body)
        executions = self._site.app.executions
        by = {"by": actor(request).name}
        record, created = executions.submit(namespace, id, inputs, labels=labels, key=key, payload=by)
        response.set_header("Location", f"/api/v1/executions/{record.id}")
        answer = summary(record)
        if wait:
            ended = park_until_end(self._site, self._site.halt(request), record.id, wait)
            answer = summary(ended) if ended else executions.summary(record.id)
        send(response, answer, 201 if created else 200)


class ExecutionList:
    """``/api/v1/executions``."""

    def __init__(self, site: Site) -> None:
        self._executions = site.app.executions

    def on_get(self, request: Request, response: Response) -> None:
        """List executions, newest first."""
        query = ExecutionQuery(
            namespace=listed_namespace(request),
            workflow=params.WORKFLOW.read(request),
            states=params.STATE.read(request),
            before=params.BEFORE.read(request),
            limit=params.COUNT.read(request),
        )
        send(response, self._executions.list(query))


class ExecutionItem:
    """``/api/v1/executions/{id}`` and what lies below it."""

    def __init__(self, site: Site) -> None:
        self._site, self._executions = site, site.app.executions

    def on_get(self, _request: Request, response: Response, id: str) -> None:
        """Inspect an execution."""
        send(response, self._executions.describe(id))

    def on_get_content(self, request: Request, response: Response, id: str) -> None:
        """Read one value of an execution or a task, as it is stored."""
        task = params.TASK.read(request)
        part = params.PART.read(request) or ("output" if task else "outputs")
        response.data = self._executions.content(id, part, task)

    def on_get_facts(self, request: Request, response: Response, id: str) -> None:
        """Read an execution's history; with `wait` as a long-poll."""
        self._poll(request, response, "facts", id)

    def on_get_logs(self, request: Request, response: Response, id: str) -> None:
        """Read an execution's log; with `wait` as a long-poll."""
        self._poll(request, response, "logs", id)

    def on_get_events(self, request: Request, response: Response, id: str) -> None:
        """Follow an execution's history as server-sent events."""
        after = params.AFTER.read(request)
        response.content_type = "text/event-stream"
        response.stream = EventStream(self._site, self._site.halt(request), id, _last_event(request, after))

    def on_post_cancel(self, request: Request, response: Response, id: str) -> None:
        """Cancel an execution."""
        body = read_json(request, self._site.max_body)
        check_keys(body, ("reason",), "the request body")
        reason = body.get("reason") or ""
        if not isinstance(reason, str) or len(reason) > 1000:
            raise UsageError(
                "`reason` is not a text of at most 1000 characters", remedy='send {"reason": "why"}'
            )
        send(response, self._executions.cancel(id, reason, by=actor(request)), 202)

    def _poll(self, request: Request, response: Response, name: str, id: str) -> None:
        read = self._executions.facts if name == "facts" else self._executions.logs
        after, limit, wait = (p.read(request) for p in (params.AFTER, params.LIMIT, params.WAIT_NEWS))
        send(response, poll(self._site, self._site.halt(request), name, read, id, after, limit, wait))


def _last_event(request: Request, after: int) -> int:
    """Where to go on: the header that a client sends when it comes back beats ``?after=``."""
    given = request.get_header("Last-Event-ID")
    if given is None:
        return after
    if not (given.isascii() and given.isdigit() and len(given) <= 16):
        raise UsageError(
            f"the header Last-Event-ID is {given[:40]!r}", remedy="send the `id` of the last event"
        )
    return int(given)


def _mapping(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError(f"`{name}` is not an object", remedy=f'send {{"{name}": {{"name": value}}}}')
    return value


def _labels(body: Mapping[str, Any]) -> dict[str, str]:
    labels = _mapping(body, "labels")
    sound = all(
        isinstance(value, str) and len(name) <= 255 and len(value) <= 255 for name, value in labels.items()
    )
    if not sound or len(labels) > LABEL_LIMIT:
        raise UsageError(
            f"`labels` are not at most {LABEL_LIMIT} texts of at most 255 characters",
            remedy='send {"labels": {"name": "text"}}',
        )
    return labels
