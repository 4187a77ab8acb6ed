"""Executions as users see them: submitted, listed, inspected, followed, cancelled."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from wfcore.engine.content import raw, size, unpack
from wfcore.engine.dispatch import Dispatch, Prepared, Request
from wfcore.engine.watch import Watch
from wfcore.errors import NotFound, UsageError
from wfcore.model.actor import LOCAL, Actor
from wfcore.model.execution import OPEN, OUTPUTS, TERMINAL, ExecutionRecord, Fact, TaskRecord
from wfcore.model.records import ExecutionQuery, Permit
from wfcore.model.times import rfc3339
from wfcore.plugins.contracts import Storage

Rows = list[dict[str, Any]]
#: A value whose JSON text is longer (bytes) is not shown with its execution, but where it can be had.
SHOWN: Final = 1024 * 1024
#: The values of an execution, and those of its tasks.
PARTS: Final = ("outputs", "inputs", "trigger")
TASK_PARTS: Final = ("output", "meta")
#: More facts than any execution has.
NEVER = 2**62
#: How often an execution of another server is looked at, in seconds, while somebody follows it here.
LOOK = 0.5


class History:
    """Reads what a storage knows. Every method takes an execution's id; NotFound for an unknown one."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def list(self, query: ExecutionQuery) -> dict[str, Any]:
        """{"executions": newest first, "next": where the next page begins, or None}."""
        records = self._storage.executions(query)
        more = records[-1].id if len(records) == query.limit else None
        return {"executions": [summary(record) for record in records], "next": more}

    def summary(self, id: str) -> dict[str, Any]:
        """The execution without its tasks."""
        return summary(self._record(id))

    def describe(self, id: str) -> dict[str, Any]:
        """The execution with trigger, inputs, outputs and tasks; of values above SHOWN only their mark."""
        record = self._record(id)
        tasks = [task for task in self._storage.tasks(id) if task.path != OUTPUTS]
        permits = {permit.path: _limit(permit) for permit in self._permits(record)}
        return {
            **summary(record),
            "limit": permits.get(""),
            **{part: self._shown(id, getattr(record, part), part) for part in PARTS},
            "tasks": [{**self._task(id, task), "limit": permits.get(task.path)} for task in tasks],
        }

    def content(self, id: str, part: str, task: str = "") -> bytes:
        """The JSON text of one of PARTS, or with a task's path of TASK_PARTS, whatever its size.

        Raises UsageError when there is no such part.
        """
        parts = TASK_PARTS if task else PARTS
        if part not in parts:
            what = "a task" if task else "an execution"
            raise UsageError(f"{what} has no {part!r}", remedy=f"it has {', '.join(parts)}")
        owner: ExecutionRecord | TaskRecord | None = self._record(id)
        if task:
            owner = next((one for one in self._storage.tasks(id) if one.path == task), None)
        if owner is None:
            raise NotFound(f"execution {id} has no task {task}", remedy="see `workflow execution inspect`")
        return raw(getattr(owner, part), self._storage)

    def outputs(self, id: str) -> Any:
        """The workflow's outputs; None until it has succeeded."""
        return unpack(self._record(id).outputs, self._storage)

    def facts(self, id: str, after: int, limit: int, kind: str | None = None) -> Rows:
        """History after fact number ``after``."""
        found = self._storage.facts(id, after, limit, kind)
        if not found:
            self._record(id)
        return [_fact(fact) for fact in found]

    def logs(self, id: str, after: int, limit: int) -> Rows:
        """Log lines after fact number ``after``."""
        found = self._storage.facts(id, after, limit, "log")
        if not found:
            self._record(id)
        return [_line(fact) for fact in found]

    def state(self, id: str) -> str:
        """The state now."""
        return self._record(id).state

    def _record(self, id: str) -> ExecutionRecord:
        record = self._storage.execution(id)
        if record is None:
            remedy = "see `workflow execution list` for what is there"
            raise NotFound(f"there is no execution {id}", remedy=remedy)
        return record

    def _permits(self, record: ExecutionRecord) -> Sequence[Permit]:
        """What it and its tasks hold or wait for; what has no limits, or has ended, is not asked for."""
        return self._storage.permits(record.id) if record.limits and record.state in OPEN else ()

    def _shown(self, id: str, stored: str | None, part: str, task: str = "") -> Any:
        bytes = size(stored)
        if bytes <= SHOWN:
            return unpack(stored, self._storage)
        query = urlencode({"part": part, **({"task": task} if task else {})})
        return {"$large": {"bytes": bytes, "href": f"/api/v1/executions/{id}/content?{query}"}}

    def _task(self, id: str, task: TaskRecord) -> dict[str, Any]:
        return {
            "path": task.path,
            "type": task.type,
            "state": task.state,
            "attempt": task.attempt,
            "losses": task.losses,
            "waiting": task.waiting,
            "due_at": rfc3339(task.due_at),
            "started_at": rfc3339(task.started_at),
            "ended_at": rfc3339(task.ended_at),
            **{part: self._shown(id, getattr(task, part), part, task.path) for part in TASK_PARTS},
            "error": json.loads(task.error) if task.error else None,
        }


class Executions(History):
    """What an application can also do with executions: begin, cancel and await them."""

    def __init__(self, storage: Storage, dispatch: Dispatch, watch: Watch) -> None:
        super().__init__(storage)
        self._dispatch = dispatch
        self._watch = watch

    def submit(
        self,
        namespace: str,
        id: str,
        inputs: Mapping[str, Any],
        *,
        labels: Mapping[str, str] | None = None,
        key: str | None = None,
        execution: str | None = None,
        trigger: str = "manual",
        payload: Mapping[str, Any] | None = None,
    ) -> tuple[ExecutionRecord, bool]:
        """Start a workflow, durably; False when its ``key`` was used before and gives that execution.

        ``execution`` is the id that a new execution gets, if it must be known before.
        """
        request = Request(
            namespace,
            id,
            inputs,
            trigger,
            payload=payload or {},
            labels=labels or {},
            key=key,
            execution=execution,
        )
        return self._dispatch.submit(request)

    def prepare(self, request: Request) -> Prepared:
        """Check what is asked to run, and record nothing yet: one of many that are to ``begin`` together."""
        return self._dispatch.prepare(request)

    def begin(self, prepared: Sequence[Prepared]) -> list[tuple[ExecutionRecord, bool]]:
        """Start what was prepared, durably; each as ``submit``."""
        return self._dispatch.begin(prepared)

    def cancel(self, id: str, reason: str = "", *, by: Actor = LOCAL) -> dict[str, Any]:
        """Ask for a cancel, durably. Raises Conflict when the execution has ended."""
        self._dispatch.cancel(id, reason, by)
        return self.summary(id)

    def wait_change(self, id: str, after: int, timeout: float, stop: threading.Event | None = None) -> bool:
        """Wait for a fact beyond ``after`` or the end, at most ``timeout`` seconds; whether there is one."""
        return self._wait(id, after, timeout, stop) is not None

    def wait_end(
        self, id: str, timeout: float, stop: threading.Event | None = None
    ) -> ExecutionRecord | None:
        """Wait for the end, at most ``timeout`` seconds; the execution if it has ended, else None."""
        record = self._wait(id, NEVER, timeout, stop)
        return record if record is not None and record.state in TERMINAL else None

    def answer(self, record: ExecutionRecord) -> bytes:
        """The JSON text of the outputs of an execution whose row is at hand."""
        return raw(record.outputs, self._storage)

    def _wait(
        self, id: str, after: int, timeout: float, stop: threading.Event | None
    ) -> ExecutionRecord | None:
        deadline = time.monotonic() + timeout
        with self._watch.on(id, after) as waiter:
            while not (stop is not None and stop.is_set()):
                if waiter.ended is not None:
                    return waiter.ended
                elsewhere = False
                if after != NEVER or not self._dispatch.holds(id):
                    record = self._record(id)
                    if record.seq > after or record.state in TERMINAL:
                        return record
                    elsewhere = record.owner != self._dispatch.node  # its commits wake nobody here
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                if not waiter.event.wait(min(left, LOOK) if elsewhere else left) and not elsewhere:
                    return waiter.ended
                waiter.event.clear()
        return None


def summary(record: ExecutionRecord) -> dict[str, Any]:
    """An execution as lists show it; ``seconds`` run from its creation to its end."""
    ended = record.ended_at
    return {
        "id": record.id,
        "namespace": record.namespace,
        "workflow": record.workflow,
        "revision": record.revision,
        "state": record.state,
        "trigger": record.trigger_kind,
        "labels": dict(record.labels),
        "created_at": rfc3339(record.created_at),
        "started_at": rfc3339(record.started_at),
        "ended_at": rfc3339(ended),
        "error": json.loads(record.error) if record.error else None,
        "seconds": None if ended is None else (ended - record.created_at) / 1e6,
    }


def _limit(permit: Permit) -> dict[str, Any]:
    return {"name": permit.limit, "most": permit.most, "in_use": permit.in_use, "held": permit.held}


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "seq": fact.seq,
        "at": rfc3339(fact.at),
        "kind": fact.kind,
        "task": fact.path,
        "attempt": fact.attempt,
        "body": dict(fact.body),
    }


def _line(fact: Fact) -> dict[str, Any]:
    return {
        "seq": fact.seq,
        "at": rfc3339(fact.at),
        "level": fact.body["level"],
        "task": fact.path,
        "attempt": fact.attempt,
        "message": fact.body["message"],
    }
