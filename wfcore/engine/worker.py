"""Runs one attempt: condition, inputs, action, outcome. Everything of a task that is not bookkeeping."""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from wfcore.engine.attempt import ActionContext, Attempt
from wfcore.engine.content import Blobs, Seals, pack, unpack
from wfcore.engine.flow import SECOND
from wfcore.errors import Cancel, Forbidden, RetryableError, TerminalError, Unavailable, WorkflowError
from wfcore.language.evaluation import Unset
from wfcore.language.inputs import check_action_inputs
from wfcore.model.duration import LONGEST
from wfcore.model.execution import Error, ExecutionRecord, TaskRecord
from wfcore.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded, Suspended
from wfcore.model.secret import Secret, reveal, secrets_in, tainted
from wfcore.model.values import Expression, Lazy, Scope
from wfcore.model.workflow import Workflow
from wfcore.plugins.contracts import LEVELS, Action, Clock, Records, Result

if TYPE_CHECKING:
    from wfcore.egress.guard import Guard
    from wfcore.secrets.desk import Desk

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
    secrets: Desk | None = None

    def run(self, attempt: Attempt) -> Outcome:
        """Run the attempt to its end; never raises."""
        try:
            return self._act(attempt)
        except Forbidden as error:
            self.denied(self._context(attempt), attempt.task.type, attempt.masks.mask(error.message))
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
        log.error(
            "task %s of execution %s hit a bug", job.path, job.execution,
            exc_info=error, extra={"mask": attempt.masks.mask},
        )  # fmt: skip
        return self._failed(attempt, "bug", f"{type(error).__name__}: {error}")

    def _act(self, attempt: Attempt) -> Outcome:
        task = attempt.task
        scope = self._scope(attempt)
        if task.condition is not None and not task.condition.evaluate(scope):
            return Skipped()
        inputs = task.inputs.evaluate(scope)
        if not task.type:  # the part that evaluates the workflow's outputs
            return Succeeded(*self._packed(attempt, inputs, None))
        action = self.actions.find(task.type, attempt.workflow.plugins)
        context = self._context(attempt)
        context.check()
        given = _given(attempt, action, inputs or {})
        value = action.run(check_action_inputs(action.inputs, given), context)
        result = value if isinstance(value, Result) else Result(value)
        output, meta, blobs = self._packed(attempt, result.output, result.meta)
        if result.wait_until is not None:
            return Suspended(_time(result.wait_until), output, meta, blobs)
        return Succeeded(output, meta, blobs)

    def _context(self, attempt: Attempt) -> ActionContext:
        return ActionContext(attempt, self.egress, self.clock, self.records, self.env, self._line)

    def _packed(self, attempt: Attempt, value: Any, meta: Any) -> tuple[str, str | None, tuple[str, ...]]:
        seals = self._seals(attempt)
        output, blobs = pack(_hidden(attempt, value), self.blobs, seals)
        if meta is None:
            return output, None, blobs
        side, more = pack(_hidden(attempt, meta), self.blobs, seals)
        return output, side, blobs + more

    def _seals(self, attempt: Attempt) -> Seals | None:
        return self.secrets.seals(attempt.record.id, attempt.masks.note) if self.secrets else None

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
        mask = attempt.masks.mask
        error = Error(mask(kind), _cut(mask(str(message))), attempt.job.path, attempt.job.attempt)
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
        return bool(condition.evaluate(replace(scope, roots=roots)))

    def _line(self, attempt: Attempt, level: str, message: str) -> None:
        if attempt.await_room():
            shown = _cut(attempt.masks.mask(str(message)))
            self.line(attempt, level if level in LEVELS else "INFO", shown)

    def _scope(self, attempt: Attempt) -> Scope:
        """What the task's expressions see; most of it is made, or read, only when one asks for it."""
        record, workflow, seals = attempt.record, attempt.workflow, self._seals(attempt)
        roots: dict[str, Any] = {
            "inputs": Lazy(lambda: unpack(record.inputs, self.blobs, seals)),
            "trigger": Lazy(lambda: unpack(record.trigger, self.blobs, seals)),
            "tasks": {name: self._result(task, seals) for name, task in attempt.results.items()},
            "execution": Lazy(lambda: _about_execution(record)),
            "workflow": Lazy(lambda: _about_workflow(record, workflow)),
            "env": self.env,
        }
        if attempt.job.path.startswith("@"):  # in finally it is null when nothing has failed
            roots["error"] = attempt.error
        variables = workflow.vars
        if variables is not None:
            # Evaluated as of the execution's creation, so that every task sees the same.
            outer = Scope(dict(roots), record.created_at, record.id, attempt.masks)
            roots["vars"] = Lazy(lambda: variables.evaluate(outer))
        roots["secrets"] = {name: Lazy(partial(self._secret, attempt, name)) for name in _readable(attempt)}
        return Scope(roots, attempt.started_at, attempt.job.key, attempt.masks)

    def _secret(self, attempt: Attempt, name: str) -> Secret:
        value = self.secrets.read(name, attempt.workflow.address) if self.secrets else None
        if value is None:
            raise Unset(None, name)
        attempt.masks.note(value)
        return Secret(value)

    def _result(self, task: TaskRecord, seals: Seals | None) -> dict[str, Any]:
        return {
            "output": Lazy(lambda: unpack(task.output, self.blobs, seals)),
            "meta": Lazy(lambda: unpack(task.meta, self.blobs, seals)),
            "state": task.state,
            "attempt": task.attempt,
            "error": json.loads(task.error) if task.error else None,
        }


def _about_execution(record: ExecutionRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "created_at": datetime.fromtimestamp(record.created_at / SECOND, UTC),
        "trigger": record.trigger_kind,
        "generation": record.generation,
    }


def _about_workflow(record: ExecutionRecord, workflow: Workflow) -> dict[str, Any]:
    return {
        "id": workflow.id,
        "namespace": workflow.namespace,
        "revision": record.revision,
        "labels": dict(workflow.labels),
    }


def _readable(attempt: Attempt) -> frozenset[str]:
    """The secrets that the task's expressions may read."""
    own, all = attempt.task.secrets, attempt.workflow.secrets
    return all if own is None else all & own


def _given(attempt: Attempt, action: Action, inputs: Any) -> Any:
    """The inputs as the action takes secrets. Raises TerminalError when it takes none."""
    if action.secrets == "kept" or not tainted(inputs):
        return inputs
    if action.secrets != "plain":
        raise TerminalError(
            f"{attempt.task.type} takes no secrets as inputs; code gets them by its permissions",
            kind="secret",
        )
    for secret in secrets_in(inputs):
        attempt.masks.note(secret)
    return reveal(inputs)


def _hidden(attempt: Attempt, value: Any) -> Any:
    """A result with its secrets as such: all of it when the task is sensitive, else what is known of them."""
    if attempt.task.sensitive and value is not None:
        return Secret(value)
    try:
        return attempt.masks.hide(value) if attempt.masks.seen else value
    except RecursionError:
        raise TerminalError("the result is nested too deeply", kind="output") from None


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
    if type(until) is not int or not 0 <= until <= END_OF_TIME:
        remedy = "an action gives UTC microseconds within the calendar"
        raise TerminalError(f"the task cannot wait until {until!r}", kind="output", remedy=remedy)
    return until
