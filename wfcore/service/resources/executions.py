"""Executions: submit, list, inspect, follow, cancel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from wfcore.engine.dispatch import Request as Asks
from wfcore.errors import Forbidden, InvalidInput, UsageError
from wfcore.model.records import ExecutionQuery
from wfcore.service import params
from wfcore.service.answers import send
from wfcore.service.body import MAX_DEPTH, check_keys, read_json
from wfcore.service.executions import summary
from wfcore.service.site import Site, actor, listed_namespace
from wfcore.service.stream import EventStream, park_until_end, poll

if TYPE_CHECKING:
    from falcon import Request, Response

LABEL_LIMIT: Final = 64
#: What one execution may have, two levels further in.
_DEPTH: Final = MAX_DEPTH + 2


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

    def on_post_batch(self, request: Request, response: Response, namespace: str, id: str) -> None:
        """Start many executions; when one is not well formed or not allowed, none begins."""
        if params.idempotency_key(request) is not None:
            raise UsageError(
                "the header Idempotency-Key is for one execution",
                remedy="give each of `executions` its `key`",
            )
        body = read_json(request, self._site.max_body, _DEPTH)
        check_keys(body, ("executions",), "the request body")
        asked = body.get("executions")
        if not isinstance(asked, list) or not 0 < len(asked) <= params.BATCH_LIMIT:
            raise UsageError(
                f"`executions` is not a list of 1 to {params.BATCH_LIMIT} objects",
                remedy='send {"executions": [{"inputs": {}}, …]}',
            )
        executions, by = self._site.app.executions, {"by": actor(request).name}
        prepared = []
        for number, one in enumerate(asked):
            with _numbered(number):
                inputs, labels, key = _submission(one)
                asks = Asks(namespace, id, inputs, payload=by, labels=labels, key=key)
                prepared.append(executions.prepare(asks))
        begun = executions.begin(prepared)
        answer = {"executions": [{**summary(record), "created": created} for record, created in begun]}
        send(response, answer, 201 if any(created for _, created in begun) else 200)


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


@contextmanager
def _numbered(number: int) -> Iterator[None]:
    """What is wrong inside is said of the execution with this number, counted from 0."""
    try:
        yield
    except (UsageError, InvalidInput, Forbidden) as error:
        raise type(error)(f"executions[{number}]: {error.message}", remedy=error.remedy) from error


def _submission(asked: Any) -> tuple[dict[str, Any], dict[str, str], str | None]:
    """Inputs, labels and key of one execution of a batch."""
    if not isinstance(asked, dict):
        raise UsageError("is not an object", remedy='send {"inputs": {"name": value}}')
    check_keys(asked, ("inputs", "labels", "key"), "the execution")
    return _mapping(asked, "inputs"), _labels(asked), params.sound_key(asked.get("key"), "`key`")


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
