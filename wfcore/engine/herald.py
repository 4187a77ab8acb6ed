"""Tells the hooks what has been committed, from a thread of its own: a slow listener slows nobody."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any

from wfcore.engine.flow import SECOND
from wfcore.model.execution import FAILED, OUTPUTS, ExecutionRecord, Fact
from wfcore.model.records import Step

log = logging.getLogger("workflow.executions")
#: A pause (seconds) that lets news gather: waking for each commit would cost the owner its turn.
LEISURE = 0.01
#: The facts that plugins are told, and the event each becomes.
_EVENTS = {
    "execution.created": "wf_execution_created",
    "execution.finished": "wf_execution_finished",
    "task.started": "wf_task_started",
    "task.finished": "wf_task_finished",
    "task.retrying": "wf_task_finished",
    "task.waiting": "wf_task_finished",
    "task.skipped": "wf_task_finished",
    "task.cancelled": "wf_task_finished",
}
#: Of a step: its execution, its facts, and what its events need of the rows of its tasks, their types.
News = tuple[ExecutionRecord, Sequence[Fact], Mapping[str, str]]


class Herald:
    """``emit`` takes an event's name and its arguments; it never raises."""

    def __init__(self, emit: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._emit = emit
        self._queue: SimpleQueue[Sequence[News] | None] = SimpleQueue()
        self._started: dict[tuple[str, str], int] = {}
        self._thread = threading.Thread(target=self._loop, name="herald", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Tell what is left, for at most ``timeout`` seconds."""
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout)

    @property
    def alive(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    def committed(self, steps: Sequence[Step]) -> None:
        """These steps are durable. What was not heard yet keeps no output of a task in memory."""
        news = [(step.execution, step.facts, {task.path: task.type for task in step.tasks}) for step in steps]
        if news:
            self._queue.put(news)

    def _loop(self) -> None:
        while (news := self._queue.get()) is not None:
            for record, facts, types in news:
                for fact in facts:
                    if fact.path != OUTPUTS:
                        self._tell(fact, record, types.get(fact.path, ""))
            if self._queue.empty():
                time.sleep(LEISURE)

    def _tell(self, fact: Fact, record: ExecutionRecord, type: str) -> None:
        try:
            _log(fact, record)
            if event := _EVENTS.get(fact.kind):
                self._emit(event, self._arguments(fact, record, type))
        except Exception:
            log.exception("fact %s of %s cannot be told", fact.kind, record.id)

    def _arguments(self, fact: Fact, record: ExecutionRecord, type: str) -> dict[str, Any]:
        execution, workflow = record.id, f"{record.namespace}/{record.workflow}"
        if fact.kind == "execution.created":
            return {"execution": execution, "workflow": workflow, "trigger": record.trigger_kind}
        if fact.kind == "execution.finished":
            state, seconds = fact.body["state"], (fact.at - record.created_at) / SECOND
            return {"execution": execution, "workflow": workflow, "state": state, "seconds": seconds}
        told = {
            "execution": execution, "workflow": workflow,
            "task": fact.path, "type": type, "attempt": fact.attempt,
        }  # fmt: skip
        if fact.kind == "task.started":
            self._started[execution, fact.path] = fact.at
            return told
        begun = self._started.pop((execution, fact.path), fact.at)
        told["state"], told["seconds"] = fact.body.get("state", "WAITING"), (fact.at - begun) / SECOND
        return told


def _log(fact: Fact, record: ExecutionRecord) -> None:
    """The server's own log: a line for each end, failure and retry, and the lines that tasks write."""
    level, message = logging.DEBUG, fact.kind
    match fact.kind:
        case "log":
            level, message = logging.getLevelName(fact.body["level"]), fact.body["message"]
        case "execution.finished":
            level = logging.WARNING if fact.body["state"] == FAILED else logging.INFO
            message = f"{record.namespace}/{record.workflow} ended as {fact.body['state']}"
        case "task.finished" if fact.body["state"] == FAILED:
            level = logging.WARNING
        case "task.retrying" | "task.lost":
            level = logging.INFO
    if log.isEnabledFor(level):
        error = fact.body.get("error")
        reason = f": {error['type']}: {error['message']}" if error else ""
        about = {"execution": record.id, "task": fact.path, "attempt": fact.attempt or None}
        log.log(level, "%s%s", message, reason, extra=about)
