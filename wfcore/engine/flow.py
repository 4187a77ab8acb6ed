"""How the end of one task leads to the next, and the end of one part of an execution to the next part."""

from __future__ import annotations

import json

from wfcore.engine.plan import Part
from wfcore.engine.run import Run, Scope
from wfcore.model.execution import (
    CANCELLED,
    EXECUTION_MOVES,
    FAILED,
    LIMIT,
    PENDING,
    RUNNING,
    SKIPPED,
    SUCCESS,
    TASK_MOVES,
    TERMINAL,
    WAITING,
    Error,
    TaskRecord,
)

SECOND = 1_000_000
#: ``on_failure`` and ``finally`` run outside the workflow's timeout, each at most this long from its
#: first task's start, and again when a crash took one: neither a queue nor a night off costs a clean-up.
PART_LIMIT = 600 * SECOND


class IllegalMove(AssertionError):
    """A transition that the tables of moves do not have: always a bug of the engine."""


def move_execution(run: Run, state: str) -> None:
    """Change the execution's state along the table of legal moves."""
    if state not in EXECUTION_MOVES[run.record.state]:
        raise IllegalMove(f"execution {run.record.id}: {run.record.state} -> {state}")
    run.record.state = state


def move_task(run: Run, task: TaskRecord, state: str) -> TaskRecord:
    """Change a task's state along the table of legal moves and mark its row as changed."""
    before = task.state if task.path in run.tasks else None
    if state not in TASK_MOVES[before]:
        raise IllegalMove(f"execution {run.record.id}, task {task.path}: {before} -> {state}")
    task.state, task.waiting, task.due_at = state, None, None
    return run.change(task)


def row(run: Run, path: str) -> TaskRecord:
    """The task's row, or a new one that is not in the run yet."""
    known = run.tasks.get(path)
    if known is not None:
        return known
    definition = run.plan.task(path)
    return TaskRecord(path, PENDING, definition.type if definition else "")


def open_part(run: Run, part: Part, now: int) -> None:
    """Begin a part, or take it up again from the rows that are there."""
    scope = run.scope = Scope(part, dict(part.needs), len(part.tasks))
    for name in part.tasks:
        task = run.tasks.get(part.prefix + name)
        if task is not None and task.state in TERMINAL:
            scope.left -= 1
            if _satisfies(part, task):
                for follower in part.followers[name]:
                    scope.unmet[follower] -= 1
    for name in part.tasks:
        task = run.tasks.get(part.prefix + name)
        if task is not None:
            _take_up(run, task)
    # Only what is free now: an end inside this loop makes its own followers ready.
    for name in [n for n in part.tasks if scope.unmet[n] == 0 and part.prefix + n not in run.tasks]:
        if part.tasks[name].enabled:
            run.ready.append(part.prefix + name)
        else:
            end_task(run, row(run, part.prefix + name), SKIPPED, now)


def present_part(run: Run) -> Part:
    """The part that an execution's rows have come to: the last one that has any."""
    plan = run.plan
    for part in (plan.finally_, plan.on_failure, plan.outputs):
        if any(part.prefix + name in run.tasks for name in part.tasks):
            return part
    return plan.main


def was_stopped(run: Run) -> bool:
    """Whether the open part was told to end: only a stop sets an error, or lifts a limit, before its end."""
    scope, record = run.scope, run.record
    if scope is None or scope.left == 0:
        return False
    return record.deadline is None if is_limited(run) else record.error is not None


def is_limited(run: Run) -> bool:
    """Whether the open part is one that has its own limit: on_failure or finally."""
    return run.scope is not None and run.scope.part in (run.plan.on_failure, run.plan.finally_)


def give_time(run: Run, now: int) -> None:
    """From now on the open part has its whole limit."""
    run.record.deadline = now + PART_LIMIT


def has_begun(run: Run) -> bool:
    """Whether any task of the open part has started."""
    scope = run.scope
    return scope is not None and any(
        task.attempt for name in scope.part.tasks if (task := run.tasks.get(scope.part.prefix + name))
    )


def end_task(run: Run, task: TaskRecord, state: str, now: int) -> None:
    """The task is terminal; who waited for it becomes ready, or is skipped with all that follow."""
    scope = run.scope
    assert scope is not None, "a task can only end in an open part"
    worklist = [(task, state)]
    while worklist:
        ended, state = worklist.pop()
        if ended is not task and row(run, ended.path).state in TERMINAL:
            continue  # it follows a failed task by more than one way
        for members in (run.running, run.waiting, run.queued):
            members.discard(ended.path)
        if ended.path in run.permitted or ended.waiting == LIMIT:
            run.free(ended.path)
        move_task(run, ended, state)
        ended.ended_at = now
        if state == SUCCESS:
            ended.error = None
        _note_end(run, ended, now)
        scope.left -= 1
        worklist.extend(_release_followers(run, scope, ended))


def cancel_rest(run: Run, now: int) -> None:
    """End everything of the present part that is not running."""
    scope = run.scope
    if scope is None:
        return
    run.ready.clear()
    for name in scope.part.tasks:
        task = row(run, scope.part.prefix + name)
        if task.state not in TERMINAL and task.state != RUNNING:
            end_task(run, task, CANCELLED, now)


def settle(run: Run, now: int) -> None:
    """After any event: go on to the next part, say that the execution waits, or end it."""
    while run.scope is not None and run.scope.left == 0:
        _close_part(run, run.scope.part, now)
    busy = run.ready or run.running or run.queued
    if run.record.state == RUNNING and run.waiting and not busy:
        move_execution(run, WAITING)
        run.note(now, "execution.waiting")


def finish_execution(run: Run, now: int) -> None:
    """All parts are done: the execution's end follows from its error alone."""
    run.scope = None
    run.free("")
    error = run.error
    state = SUCCESS if error is None else CANCELLED if error["type"] == "cancelled" else FAILED
    move_execution(run, state)
    run.record.ended_at, run.record.deadline = now, None
    outputs = next(iter(run.plan.outputs.tasks), None)
    if state == SUCCESS and outputs is not None:
        run.record.outputs = run.tasks[outputs].output
    body = {"state": state, "error": error} if error else {"state": state}
    run.note(now, "execution.finished", **body)


def _close_part(run: Run, part: Part, now: int) -> None:
    if run.record.error is None:
        run.record.error = _first_failure(run, part)
    run.stopping = False
    following = _following(run, part)
    if following is None:
        finish_execution(run, now)
        return
    if following is not run.plan.outputs:
        run.record.deadline = now + PART_LIMIT
    open_part(run, following, now)


def _following(run: Run, part: Part) -> Part | None:
    """The next part that has something to do."""
    plan, error = run.plan, run.error
    wanted = {
        id(plan.outputs): error is None,
        id(plan.on_failure): error is not None and error["type"] != "cancelled",
        id(plan.finally_): True,
    }
    order = [plan.main, plan.outputs, plan.on_failure, plan.finally_]
    position = next(i for i, candidate in enumerate(order) if candidate is part)
    return next((p for p in order[position + 1 :] if p.tasks and wanted[id(p)]), None)


def _first_failure(run: Run, part: Part) -> str | None:
    """The error of the first failed task in file order, so that it does not depend on timing."""
    for name, definition in part.tasks.items():
        task = run.tasks[part.prefix + name]
        if task.state == FAILED and not definition.continue_on_error:
            return task.error
    return None


def _take_up(run: Run, task: TaskRecord) -> None:
    if task.state in (PENDING, RUNNING) and task.path in run.record.limits:
        run.permitted.add(task.path)
    if task.state == PENDING:
        run.queued.add(task.path)
        run.ready.append(task.path)
    elif task.state == RUNNING:
        run.running.add(task.path)
    elif task.state == WAITING:
        run.waiting.add(task.path)


def _release_followers(run: Run, scope: Scope, ended: TaskRecord) -> list[tuple[TaskRecord, str]]:
    """Count down who needs the ended task; those that end with it come back with their state."""
    part, ends = scope.part, []
    satisfied = _satisfies(part, ended)
    for name in part.followers[part.name(ended.path)]:
        follower = row(run, part.prefix + name)
        if follower.state in TERMINAL or run.stopping:
            continue
        if not satisfied:
            error = Error("upstream", f"needs {ended.path}, which is {ended.state}", follower.path)
            follower.error = json.dumps(error.to_dict())
            ends.append((follower, SKIPPED))
            continue
        scope.unmet[name] -= 1
        if scope.unmet[name] == 0:
            if part.tasks[name].enabled:
                run.ready.append(follower.path)
            else:
                ends.append((follower, SKIPPED))
    return ends


def _satisfies(part: Part, task: TaskRecord) -> bool:
    """Whether those who need this ended task may run: it succeeded, chose to skip, or may fail."""
    if task.state == SKIPPED:
        return task.error is None
    if task.state == FAILED:
        return part.tasks[part.name(task.path)].continue_on_error
    return task.state == SUCCESS


def _note_end(run: Run, task: TaskRecord, now: int) -> None:
    kind = {SKIPPED: "task.skipped", CANCELLED: "task.cancelled"}.get(task.state, "task.finished")
    body = {"state": task.state}
    if task.error:
        body["error"] = json.loads(task.error)
    run.note(now, kind, task.path, task.attempt, **body)
