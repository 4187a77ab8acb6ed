"""Runs one attempt: condition, inputs, action, outcome. Everything of a task that is not bookkeeping."""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from wfcore.engine.attempt import ActionContext, Attempt
from wfcore.engine.content import Blobs, pack, unpack
from wfcore.engine.flow import SECOND
from wfcore.errors import Cancel, Forbidden, RetryableError, TerminalError, Unavailable, WorkflowError
from wfcore.language.inputs import check_action_inputs
from wfcore.model.duration import LONGEST
from wfcore.model.execution import (
    Cancelled,
    Error,
    Failed,
    Outcome,
    Skipped,
    Succeeded,
    Suspended,
    TaskRecord,
)
from wfcore.model.values import Expression, Lazy, Scope
from wfcore.plugins.contracts import LEVELS, Action, Clock, Records, Result

if TYPE_CHECKING:
    from wfcore.egress import Guard

log = logging.getLogger("workflow.worker")
#: A log line of a task, and the message of its error, are cut to this many characters.
LINE_LIMIT = 16 * 1024
#: The end of the year 9999 (UTC microseconds): nobody waits beyond it.
END_OF_TIME = 253_402_300_799_999_999


class Catalogue(Protocol):
    """Where the worker finds actions."""

    def find(self, type: str, pins: Mapping[str, str]) -> Action:
        """The action of a task's type, of the package versions that ``pins`` name. Raises PluginError."""


class RetryVoice(Protocol):
    """The plugins' say about the pause before a retry."""

    def retry_delay(self, *, workflow: str, task: str, attempt: int, error: Error) -> float | None:
        """Seconds, or None for no opinion."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What every attempt shares. ``line`` takes (attempt, level, message) for the execution's log;
    ``denied`` is told (context, type of action, message) what the egress guard has refused.
    """

    actions: Catalogue
    blobs: Blobs
    egress: Guard
    clock: Clock
    records: Callable[[str], Records]
    env: Mapping[str, str]
    hooks: RetryVoice
    line: Callable[[Attempt, str, str], None]
    denied: Callable[[ActionContext, str, str], None]

    def run(self, attempt: Attempt) -> Outcome:
        """Run the attempt to its end; never raises."""
        try:
            return self._act(attempt)
        except Forbidden as error:
            self.denied(self._context(attempt), attempt.task.type, error.message)
            return self._explained(attempt, error)
        except Cancel:
            return self._stopped(attempt)
        except BaseException as error:
            # What an action raises once it was told to stop is most likely the stop itself.
            return self._stopped(attempt) if attempt.reason else self._explained(attempt, error)

    def _explained(self, attempt: Attempt, error: BaseException) -> Outcome:
        match error:
            case RetryableError():
                return self._failed(attempt, error.kind, error.message, passing=True, after=error.retry_after)
            case TerminalError():
                return self._failed(attempt, error.kind, error.message)
            case OSError(errno=errno.EMFILE | errno.ENFILE):
                why = "the server has too many open files; raise its limit (`ulimit -n`)"
                return self._failed(attempt, Unavailable.code, why, passing=True)
            case WorkflowError():
                untold = error.remedy and error.remedy not in error.message
                remedy = f" ({error.remedy})" if untold else ""
                passing = isinstance(error, Unavailable)
                return self._failed(attempt, error.code, error.message + remedy, passing=passing)
        job = attempt.job
        log.error("task %s of execution %s hit a bug", job.path, job.execution, exc_info=error)
        return self._failed(attempt, "bug", f"{type(error).__name__}: {error}")

    def _act(self, attempt: Attempt) -> Outcome:
        task = attempt.task
        scope = self._scope(attempt)
        if task.condition is not None and not task.condition.evaluate(scope):
            return Skipped()
        inputs = task.inputs.evaluate(scope)
        if not task.type:  # the part that evaluates the workflow's outputs
            return Succeeded(*self._packed(inputs, None))
        action = self.actions.find(task.type, attempt.workflow.plugins)
        context = self._context(attempt)
        context.check()
        value = action.run(check_action_inputs(action.inputs, inputs or {}), context)
        result = value if isinstance(value, Result) else Result(value)
        output, meta, blobs = self._packed(result.output, result.meta)
        if result.wait_until is not None:
            return Suspended(_time(result.wait_until), output, meta, blobs)
        return Succeeded(output, meta, blobs)

    def _context(self, attempt: Attempt) -> ActionContext:
        return ActionContext(attempt, self.egress, self.clock, self.records, self.env, self._line)

    def _packed(self, value: Any, meta: Any) -> tuple[str, str | None, tuple[str, ...]]:
        output, blobs = pack(value, self.blobs)
        if meta is None:
            return output, None, blobs
        side, more = pack(meta, self.blobs)
        return output, side, blobs + more

    def _stopped(self, attempt: Attempt) -> Outcome:
        if attempt.reason == "timeout":
            return self._failed(
                attempt, "timeout", f"took longer than {attempt.task.timeout:g} s", passing=True
            )
        if not attempt.reason:
            return self._failed(attempt, "bug", "the action gave way although nobody had stopped it")
        return Cancelled()

    def _failed(
        self, attempt: Attempt, kind: str, message: str, *, passing: bool = False, after: float | None = None
    ) -> Outcome:
        policy = attempt.task.retry
        kind = str(kind)
        error = Error(kind, _cut(message), attempt.job.path, attempt.job.attempt)
        retry = kind in policy.kinds if policy.kinds else passing
        if not retry or not policy.max:
            return Failed(error)
        try:
            if policy.condition is not None and not self._worth_it(attempt, policy.condition, error):
                return Failed(error)
        except WorkflowError as fault:
            self._line(attempt, "ERROR", f"retry.if cannot be evaluated: {fault}")
            return Failed(error)
        workflow = attempt.workflow.address
        said = self.hooks.retry_delay(
            workflow=workflow, task=attempt.job.path, attempt=attempt.job.attempt, error=error
        )
        return Failed(error, True, _pause(after if said is None else said))

    def _worth_it(self, attempt: Attempt, condition: Expression, error: Error) -> bool:
        scope = self._scope(attempt)
        roots = {**scope.roots, "error": error.to_dict()}
        return bool(condition.evaluate(Scope(roots, scope.now, scope.seed)))

    def _line(self, attempt: Attempt, level: str, message: str) -> None:
        if attempt.await_room():
            self.line(attempt, level if level in LEVELS else "INFO", _cut(message))

    def _scope(self, attempt: Attempt) -> Scope:
        """What the task's expressions see; stored content is read only when one asks for it."""
        record, workflow = attempt.record, attempt.workflow
        roots: dict[str, Any] = {
            "inputs": Lazy(lambda: unpack(record.inputs, self.blobs)),
            "trigger": Lazy(lambda: unpack(record.trigger, self.blobs)),
            "tasks": {name: self._result(task) for name, task in attempt.results.items()},
            "execution": {
                "id": record.id,
                "created_at": datetime.fromtimestamp(record.created_at / SECOND, UTC),
                "trigger": record.trigger_kind,
                "generation": record.generation,
            },
            "workflow": {
                "id": workflow.id,
                "namespace": workflow.namespace,
                "revision": record.revision,
                "labels": dict(workflow.labels),
            },
            "env": self.env,
        }
        if attempt.job.path.startswith("@"):  # in finally it is null when nothing has failed
            roots["error"] = attempt.error
        variables = workflow.vars
        if variables is not None:
            # Evaluated as of the execution's creation, so that every task sees the same.
            outer = Scope(dict(roots), record.created_at, record.id)
            roots["vars"] = Lazy(lambda: variables.evaluate(outer))
        return Scope(roots, attempt.started_at, attempt.job.key)

    def _result(self, task: TaskRecord) -> dict[str, Any]:
        return {
            "output": Lazy(lambda: unpack(task.output, self.blobs)),
            "meta": Lazy(lambda: unpack(task.meta, self.blobs)),
            "state": task.state,
            "attempt": task.attempt,
            "error": json.loads(task.error) if task.error else None,
        }


def _cut(text: Any) -> str:
    """What a plugin gave as text, as text of bounded length."""
    shown = str(text)
    return shown if len(shown) <= LINE_LIMIT else shown[:LINE_LIMIT] + " …"


def _pause(seconds: Any) -> float | None:
    """What a plugin gave as a pause; None when it is no number."""
    if not isinstance(seconds, int | float) or seconds != seconds:
        return None
    return max(0.0, min(seconds, LONGEST))


def _time(until: Any) -> int:
    """What a plugin gave as a time. Raises TerminalError when it is none."""
    if not isinstance(until, int) or not 0 <= until <= END_OF_TIME:
        remedy = "an action gives UTC microseconds within the calendar"
        raise TerminalError(f"the task cannot wait until {until!r}", kind="output", remedy=remedy)
    return until
