"""What a commit is on every database: one step for each execution, and the rows that steps become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from json import JSONEncoder
from operator import attrgetter
from typing import Any, Final

from wfcore.api import EXECUTION_STATES, ExecutionRecord, Step

from .schema import COLUMNS

Row = Sequence[Any]

to_json: Final = JSONEncoder(separators=(",", ":")).encode

#: What most facts say that say anything: how something ended.
_ENDS: Final = {state: to_json({"state": state}) for state in EXECUTION_STATES}

#: What a step may change of an execution; the rest is written once, when it is created.
MUTABLE: Final = (
    "state", "seq", "generation", "started_at", "ended_at", "deadline", "waiting", "outputs", "error"
)  # fmt: skip
#: What a later row of the same task replaces.
MUTABLE_OF_TASK: Final = COLUMNS["task"][2:]

_row_of_execution: Final = attrgetter(*COLUMNS["execution"][:-2])
_row_of_task: Final = attrgetter(*COLUMNS["task"][1:])
#: The values of MUTABLE, and the id, owner and epoch that they are written under.
changes: Final = attrgetter(*MUTABLE, "id", "owner", "epoch")
#: The same when only its number of facts has changed.
advance: Final = attrgetter("seq", "id", "owner", "epoch")


def merge(steps: Sequence[Step]) -> tuple[Sequence[Step], set[str]]:
    """One step per execution, in the order of their first ones, and the ids of contradicting steps.

    Steps of the same execution follow each other: the first decides whether they are accepted, the
    last says how the row and its tasks end up. A later one that creates again or names another owner
    or epoch contradicts; it is left out, and with it those after it.
    """
    if len({step.execution.id for step in steps}) == len(steps):
        return steps, set()
    merged: dict[str, Step] = {}
    contradicting: set[str] = set()
    for step in steps:
        id = step.execution.id
        before = merged.get(id)
        if before is None:
            merged[id] = step
        elif id not in contradicting and not step.create and _lease(step) == _lease(before):
            merged[id] = _join(before, step)
        else:
            contradicting.add(id)
    return list(merged.values()), contradicting


def execution_row(execution: ExecutionRecord) -> Row:
    """The row of a new execution, in the order of its columns."""
    mappings = (to_json(each) if each else "{}" for each in (execution.limits, execution.labels))
    return (*_row_of_execution(execution), *mappings)


def task_rows(steps: Sequence[Step]) -> Iterator[Row]:
    """The rows of the steps' tasks."""
    return ((step.execution.id, *_row_of_task(task)) for step in steps for task in step.tasks)


def fact_rows(steps: Sequence[Step]) -> Iterator[Row]:
    """The rows of the steps' facts."""
    for step in steps:
        for fact in step.facts:
            body = _encoded(fact.body) if fact.body else "{}"
            yield (step.execution.id, fact.seq, fact.at, fact.kind, fact.path, fact.attempt, body)


def _encoded(body: Mapping[str, Any]) -> str:
    state = body.get("state") if len(body) == 1 else None
    return _ENDS[state] if isinstance(state, str) and state in _ENDS else to_json(body)


def reference_rows(steps: Sequence[Step]) -> Iterator[Row]:
    """The rows of the steps' references to large content."""
    return ((digest, step.execution.id) for step in steps for digest in step.blobs)


def _lease(step: Step) -> tuple[str | None, int]:
    return step.execution.owner, step.execution.epoch


def _join(before: Step, step: Step) -> Step:
    freed = {each.path for each in step.frees}
    return replace(
        before,
        execution=step.execution,
        tasks=list({task.path: task for task in (*before.tasks, *step.tasks)}.values()),
        facts=(*before.facts, *step.facts),
        blobs=(*before.blobs, *step.blobs),
        taken=(*before.taken, *step.taken),
        admits=before.admits or step.admits,
        queues=before.queues or step.queues,
        asks=(*(ask for ask in before.asks if ask.path not in freed), *step.asks),
        frees=(*before.frees, *step.frees),
        moved=before.moved or step.moved,
    )
