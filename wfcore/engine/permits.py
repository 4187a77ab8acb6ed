"""Permits of limits, as an execution asks for them, holds them and gives them back; pure, like the machine.

A task holds its permit from before an attempt begins until that has ended: PENDING or RUNNING. Between asking
and having it is WAITING for its limit. The permit of the execution itself, whose path is empty, is held
from its start to its end; until then it is PENDING and waits for its limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from wfcore.engine.flow import move_task, row
from wfcore.engine.run import Run
from wfcore.model.execution import LIMIT, PENDING, WAITING, Error
from wfcore.model.records import Permit

#: Messages: a permit is there; there is none, for who does not want to wait.
GRANTED: Final = "permit"
DENIED: Final = "denied"


def lacks(run: Run, path: str) -> bool:
    """Whether this task may not begin, because it has no permit yet."""
    return path in run.record.limits and path not in run.permitted


def ask(run: Run, path: str) -> None:
    """Let a ready task wait for its permit."""
    task = row(run, path)
    if task.state == WAITING:  # for its retry, until now
        run.change(task)
    else:
        move_task(run, task, WAITING)
    task.waiting, task.due_at = LIMIT, None
    run.queued.discard(path)
    run.waiting.add(path)
    run.ask(path)


def ask_to_begin(run: Run) -> None:
    """Let a new execution wait for its permit."""
    manner = run.workflow.concurrency.on_limit if run.workflow.concurrency else "wait"
    run.record.waiting = LIMIT
    run.ask("", manner)


def granted(run: Run, path: str) -> None:
    """The permit is there: the task is ready, and remembered as such."""
    task = run.tasks.get(path)
    if task is None or (task.state, task.waiting) != (WAITING, LIMIT):
        return
    run.permitted.add(path)
    run.waiting.discard(path)
    run.queued.add(path)
    move_task(run, task, PENDING)
    run.ready.append(path)


def denial(run: Run) -> Error:
    """Why an execution ends that found no permit."""
    name, most = run.record.limits[""]
    manner = run.workflow.concurrency.on_limit if run.workflow.concurrency else "fail"
    kind = "cancelled" if manner == "skip" else LIMIT
    return Error(kind, f"all permits of the limit {name!r} are in use ({most} of {most}; on_limit: {manner})")


def note_waiting(run: Run, permits: Iterable[Permit], now: int) -> None:
    """Say in the history who has asked and waits."""
    for permit in permits:
        task = run.tasks.get(permit.path)
        waits = run.record.waiting if task is None else task.waiting
        if permit.held or waits != LIMIT:
            continue
        kind = "task.limited" if permit.path else "execution.limited"
        attempt = task.attempt if task else 0
        body = {"limit": permit.limit, "most": permit.most, "in_use": permit.in_use}
        run.note(now, kind, permit.path, attempt, **body)
        message = f"waits for the limit {permit.limit!r} ({permit.in_use} of {permit.most} in use)"
        run.note(now, "log", permit.path, attempt, level="INFO", message=message)
