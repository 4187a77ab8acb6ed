"""Which changes are accepted, and what each writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from acme_workflow.journal import Change
from wfcore.api import Conflict, Step, TriggerRecord


def create(change: Change, step: Step) -> bool:
    """Claim the id, the key and the tick of a new execution, or none of them."""
    row, tick = step.execution, step.tick
    claims: list[tuple[str, tuple[Any, ...]]] = [("executions", (row.id,))]
    if row.key is not None:
        claims.append(("keys", (row.namespace, row.workflow, row.key)))
    if tick is not None:
        claims.append(("ticks", (tick.namespace, tick.workflow, tick.trigger, tick.due_at)))
    if any(change.get(table, *key) is not None for table, key in claims):
        return False
    for table, key in claims:
        change.put(table, key, row if table == "executions" else row.id)
    if tick is not None:
        place = (tick.namespace, tick.workflow, tick.trigger)
        trigger = change.get("triggers", *place)
        if trigger is not None and trigger.next_at is not None and trigger.next_at <= tick.due_at:
            change.put("triggers", place, replace(trigger, next_at=tick.next_at))
    return True


def update(change: Change, step: Step) -> bool:
    """Write the row if it still belongs to its writer."""
    before, after = change.get("executions", step.execution.id), step.execution
    if before is None or (before.owner, before.epoch) != (after.owner, after.epoch):
        return False
    change.put("executions", (after.id,), after)
    return True


def write(change: Change, step: Step) -> None:
    """What belongs to an accepted step. Raises ValueError for a fact that is there already."""
    id = step.execution.id
    for task in step.tasks:
        change.put("tasks", (id, task.path), task)
    for fact in step.facts:
        if change.get("facts", id, fact.seq):
            raise ValueError(f"fact {fact.seq} of execution {id} is there already")
        change.put("facts", (id, fact.seq), fact)
    for digest in step.blobs:
        change.put("uses", (id, digest), True)
    for key, message in list(change.scan("inbox", id)):
        if message.id in step.taken:
            change.put("inbox", key, None)


def set_head(
    change: Change, namespace: str, id: str, head: list[Any] | None, triggers: Sequence[TriggerRecord]
) -> None:
    """Make a revision (or none) current, with these triggers."""
    change.put("heads", (namespace, id), head)
    for key, _ in list(change.scan("triggers", namespace, id)):
        change.put("triggers", key, None)
    taken = {row.address: row for _, row in change.scan("triggers") if row.address}
    for trigger in triggers if head and head[1] else ():
        if trigger.address in taken:
            other = taken[trigger.address]
            raise Conflict(f"{trigger.address} belongs to {other.namespace}/{other.workflow}")
        taken |= {trigger.address: trigger} if trigger.address else {}
        change.put("triggers", (namespace, id, trigger.name), trigger)
