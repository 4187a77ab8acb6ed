"""Tells the hooks what has been committed, from a thread of its own: a slow listener slows nobody."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any

from wfcore.engine.flow import SECOND
from wfcore.model.execution import FAILED, OUTPUTS, WAITING, ExecutionRecord, Fact
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
#: The facts that are worth a line of the server's log, even when all is well.
_NEWS = ("execution.finished", "task.retrying", "task.lost")
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
                workflow = f"{record.namespace}/{record.workflow}"
                for fact in facts:
                    if fact.path != OUTPUTS:
                        self._tell(fact, record, workflow, types.get(fact.path, ""))
            if self._queue.empty():
                time.sleep(LEISURE)

    def _tell(self, fact: Fact, record: ExecutionRecord, workflow: str, type: str) -> None:
        try:
            level = _level(fact)
            if log.isEnabledFor(level):
                _log(level, fact, record, workflow)
            if event := _EVENTS.get(fact.kind):
                self._emit(event, self._arguments(fact, record, workflow, type))
        except Exception:
            log.exception("fact %s of %s cannot be told", fact.kind, record.id)

    def _arguments(self, fact: Fact, record: ExecutionRecord, workflow: str, type: str) -> dict[str, Any]:
        execution, path = record.id, fact.path
        if path:
            told = {
                "execution": execution, "workflow": workflow,
                "task": path, "type": type, "attempt": fact.attempt,
            }  # fmt: skip
            if fact.kind == "task.started":
                self._started[execution, path] = fact.at
            else:
                begun = self._started.pop((execution, path), fact.at)
                told["state"], told["seconds"] = fact.body.get("state", WAITING), (fact.at - begun) / SECOND
            return told
        if fact.kind == "execution.created":
            return {"execution": execution, "workflow": workflow, "trigger": record.trigger_kind}
        state, seconds = fact.body["state"], (fact.at - record.created_at) / SECOND
        return {"execution": execution, "workflow": workflow, "state": state, "seconds": seconds}


def _level(fact: Fact) -> int:
    """How the server's own log takes it: ends, failures, retries and what tasks log are to be seen."""
    if fact.kind == "log":
        return int(logging.getLevelName(fact.body["level"]))
    if fact.kind in ("execution.finished", "task.finished") and fact.body["state"] == FAILED:
        return logging.WARNING
    return logging.INFO if fact.kind in _NEWS else logging.DEBUG


def _log(level: int, fact: Fact, record: ExecutionRecord, workflow: str) -> None:
    message = fact.kind
    if fact.kind == "log":
        message = fact.body["message"]
    elif fact.kind == "execution.finished":
        message = f"{workflow} ended as {fact.body['state']}"
    error = fact.body.get("error")
    reason = f": {error['type']}: {error['message']}" if error else ""
    about = {"execution": record.id, "task": fact.path, "attempt": fact.attempt or None}
    log.log(level, "%s%s", message, reason, extra=about)
