"""The events of an execution: each, with the time, gives changed rows, facts and ready tasks.

No clock, no randomness, no I/O: the same events give the same states. Every function advances the
Run in place, in time proportional to what changes; whoever cannot commit the step discards the Run.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable

from wfcore.engine import permits
from wfcore.engine.flow import (
    SECOND,
    cancel_rest,
    end_task,
    finish_execution,
    give_time,
    has_begun,
    is_limited,
    move_execution,
    move_task,
    open_part,
    present_part,
    row,
    settle,
    was_stopped,
)
from wfcore.engine.plan import Plan
from wfcore.engine.plan import plan as make_plan
from wfcore.engine.retry import idempotency_key, retry_delay
from wfcore.engine.run import Run
from wfcore.model.execution import (
    CANCELLED,
    FAILED,
    PENDING,
    RUNNING,
    SKIPPED,
    SUCCESS,
    TERMINAL,
    WAITING,
    Error,
    ExecutionRecord,
    TaskRecord,
)
from wfcore.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded, Suspended
from wfcore.model.workflow import Workflow

#: After so many attempts that ended with their server, a task is given up.
MAX_LOSSES = 3


def create(record: ExecutionRecord, workflow: Workflow, plan: Plan, now: int) -> Run:
    """A new execution, PENDING; its first fact is written."""
    run = Run(record, workflow, plan)
    record.created_at = now
    run.note(now, "execution.created")
    return run


def start(run: Run, now: int) -> None:
    """Let a PENDING execution run: its first tasks become ready."""
    move_execution(run, RUNNING)
    run.admits, run.record.started_at = True, now
    if run.workflow.timeout is not None:
        run.record.deadline = now + round(run.workflow.timeout * SECOND)
    run.note(now, "execution.started")
    open_part(run, run.plan.main, now)
    settle(run, now)


def wake(run: Run, now: int) -> None:
    """Let a WAITING execution run again, since some of its tasks are ready."""
    move_execution(run, RUNNING)
    run.admits = True
    run.note(now, "execution.resumed")


def resume(
    record: ExecutionRecord,
    workflow: Workflow,
    plan: Plan,
    tasks: Iterable[TaskRecord],
    alive: Container[str],
    now: int,
) -> Run:
    """Rebuild an execution from its rows. RUNNING attempts whose path is not in ``alive`` were lost."""
    run = Run(record, workflow, plan, {task.path: task for task in tasks})
    if record.state == PENDING:
        return run
    open_part(run, present_part(run), now)
    run.stopping = was_stopped(run)
    settle(run, now)
    lost = [path for path in sorted(run.running) if path not in alive]
    if lost and is_limited(run) and not run.stopping:
        give_time(run, now)
    for path in lost:
        _lose(run, run.tasks[path], now)
    if run.stopping:
        cancel_rest(run, now)
    settle(run, now)
    return run


def begin(run: Run, path: str, now: int) -> TaskRecord:
    """Start the next attempt of a ready task; the caller has a slot for it."""
    if is_limited(run) and not has_begun(run):
        give_time(run, now)
    task = move_task(run, row(run, path), RUNNING)
    task.attempt += 1
    task.started_at = task.started_at or now
    run.queued.discard(path)
    run.waiting.discard(path)
    run.running.add(path)
    run.note(now, "task.started", path, task.attempt)
    return task


def queue(run: Run, path: str) -> None:
    """Remember a ready task for which no slot is free."""
    if path not in run.queued:
        run.queued.add(path)
        run.waiting.discard(path)
        move_task(run, row(run, path), PENDING)


def finish(run: Run, path: str, attempt: int, outcome: Outcome, now: int) -> bool:
    """Record how an attempt ended; False when it is not the current one (it was given up before)."""
    task = run.tasks.get(path)
    if task is None or task.state != RUNNING or task.attempt != attempt:
        return False
    run.running.discard(path)
    match outcome:
        case Succeeded(output, meta, blobs):
            task.output, task.meta = output, meta
            run.refer(blobs)
            end_task(run, task, SUCCESS, now)
        case Skipped():
            task.error = None
            end_task(run, task, SKIPPED, now)
        case Suspended(until, output, meta, blobs):
            task.output, task.meta = output, meta
            run.refer(blobs)
            _wait(run, task, "timer", until, now)
        case Failed(error, retry, after):
            _fail(run, task, error, retry, after, now)
        case Cancelled():
            _release(run, task, now)
    settle(run, now)
    return True


def due(run: Run, path: str, now: int) -> None:
    """A WAITING task's time has come: a timer ends it, a retry makes it ready again."""
    task = run.tasks.get(path)
    if task is None or task.state != WAITING or task.due_at is None or task.due_at > now:
        return
    if task.waiting == "timer":
        end_task(run, task, SUCCESS, now)
    elif permits.lacks(run, path):
        permits.ask(run, path)
    elif path not in run.ready:
        run.ready.append(path)
    settle(run, now)


def cancel(run: Run, reason: str, now: int) -> None:
    """Stop the execution on request: what has not begun is CANCELLED, ``finally`` still runs.

    Attempts that are running are told by the owner. A cancel during ``finally`` stops that too.
    """
    run.note(now, "execution.cancelling", reason=reason)
    stop(run, Error("cancelled", reason or "cancelled on request"), now)


def stop(run: Run, error: Error, now: int) -> None:
    """End the present part for ``error`` (of type cancelled or timeout)."""
    if run.record.error is None:  # a cancel of on_failure or finally does not hide the failure
        run.record.error = json.dumps(error.to_dict())
    if run.record.state == PENDING:
        finish_execution(run, now)
        return
    run.stopping, run.record.deadline = True, None
    cancel_rest(run, now)
    settle(run, now)


def lose(run: Run, path: str, attempt: int, now: int) -> None:
    """A running attempt ended with the server that had taken it."""
    task = run.tasks.get(path)
    if task is not None and task.state == RUNNING and task.attempt == attempt:
        _lose(run, task, now)
        settle(run, now)


def give_up(run: Run, path: str, attempt: int, now: int) -> None:
    """A stopped attempt does not come back: its task ends without it."""
    task = run.tasks.get(path)
    if task is not None and task.state == RUNNING and task.attempt == attempt and run.stopping:
        end_task(run, task, CANCELLED, now)
        settle(run, now)


def abandon(record: ExecutionRecord, tasks: Iterable[TaskRecord], error: Error, now: int) -> Run:
    """End an execution that cannot go on, without its workflow: FAILED, and what was open is CANCELLED."""
    workflow = Workflow(record.namespace, record.workflow, "", "")
    run = Run(record, workflow, make_plan(workflow), {task.path: task for task in tasks})
    for task in list(run.tasks.values()):
        if task.state not in TERMINAL:
            move_task(run, task, CANCELLED).ended_at = now
            run.note(now, "task.cancelled", task.path, task.attempt, state=CANCELLED)
    for path in record.limits:
        run.free(path)
    record.error = json.dumps(error.to_dict())
    finish_execution(run, now)
    return run


def _wait(run: Run, task: TaskRecord, why: str, until: int, now: int) -> None:
    if run.stopping:
        end_task(run, task, CANCELLED, now)
        return
    move_task(run, task, WAITING)
    task.waiting, task.due_at = why, until
    run.free(task.path)
    run.waiting.add(task.path)
    if why != "retry":
        run.note(now, "task.waiting", task.path, task.attempt, until=until)


def _fail(run: Run, task: TaskRecord, error: Error, retry: bool, after: float | None, now: int) -> None:
    task.error = json.dumps(error.to_dict())
    definition = run.plan.task(task.path)
    retries = task.attempt - 1 - task.losses
    if definition is None or run.stopping or not retry or retries >= definition.retry.max:
        end_task(run, task, FAILED, now)
        return
    if after is None:
        seed = f"{idempotency_key(run.record, task.path)}:{task.attempt}"
        after = retry_delay(definition.retry, retries, seed)
    run.note(now, "task.retrying", task.path, task.attempt, error=error.to_dict(), delay=round(after, 6))
    _wait(run, task, "retry", now + round(after * SECOND), now)


def _lose(run: Run, task: TaskRecord, now: int) -> None:
    """An attempt ended with its server: try again without charge, or give the task up."""
    run.running.discard(task.path)
    task.losses += 1
    run.note(now, "task.lost", task.path, task.attempt)
    if run.stopping:
        end_task(run, task, CANCELLED, now)
    elif task.losses >= MAX_LOSSES:
        message = f"{task.losses} attempts were lost with their server"
        task.error = json.dumps(Error("lost", message, task.path, task.attempt).to_dict())
        end_task(run, task, FAILED, now)
    else:
        run.ready.append(task.path)
        queue(run, task.path)


def _release(run: Run, task: TaskRecord, now: int) -> None:
    """The attempt gave way: to a cancel, or to a server that stops and leaves the task to the next one."""
    if run.stopping:
        end_task(run, task, CANCELLED, now)
        return
    task.attempt -= 1
    run.note(now, "task.released", task.path, task.attempt + 1)
    run.ready.append(task.path)
    queue(run, task.path)
