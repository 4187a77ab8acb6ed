"""Permits of limits: who holds one, and who waits for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from acme_workflow.journal import Change
from wfcore.api import Message, Permit, Step

DENIED = ("skip", "fail")
#: Told to give way to a newer one.
GONE = "gone"


def post(change: Change, message: Message) -> bool:
    """Put a message into an inbox, unless its twin is there."""
    key = (message.execution, message.kind, message.path, message.attempt)
    if change.get("inbox", *key):
        return False
    id = (change.get("counters", "inbox") or 0) + 1
    change.put("counters", ("inbox",), id)
    change.put("inbox", key, replace(message, id=id))
    return True


def permits(change: Change, steps: Sequence[Step]) -> None:
    """What these accepted steps give back and ask for."""
    asks = {(step.execution.id, each.path): each for step in steps for each in step.asks}
    limits = {each.limit for step in steps for each in (*step.frees, *step.asks)}
    for step in steps:
        for freed in step.frees:
            change.put("permits", (step.execution.id, freed.path), None)
            change.put("inbox", (step.execution.id, "permit", freed.path, 0), None)
            if freed.path not in [each.path for each in step.asks]:
                asks.pop((step.execution.id, freed.path), None)
        for each in step.asks:
            held = getattr(change.get("permits", step.execution.id, each.path), "held", False)
            change.put("permits", (step.execution.id, each.path), replace(each, held=held))
    for asked in asks.values():
        if asked.manner == "cancel_oldest":
            _replace(change, asked)
    for limit in limits:
        _hand_out(change, limit)
    for key, asked in asks.items():
        if asked.manner in DENIED and not change.get("permits", *key).held:
            post(change, Message(key[0], "denied", key[1]))


def of(change: Change, limit: str) -> list[tuple[tuple[Any, ...], Permit]]:
    """Who holds a permit of this limit, or waits for one, in the order in which they come."""
    return sorted((row for row in change.scan("permits") if row[1].limit == limit), key=lambda row: row[0])


def _replace(change: Change, asked: Permit) -> None:
    """The oldest go, once."""
    reason = {"reason": "a newer execution takes its place (on_limit: cancel_oldest)"}
    for key, permit in of(change, asked.limit)[: -asked.most]:
        if permit.manner != GONE:
            post(change, Message(key[0], "cancel", body=reason))
            change.put("permits", key, replace(permit, manner=GONE))


def _hand_out(change: Change, limit: str) -> None:
    rows = of(change, limit)
    held = sum(permit.held for _, permit in rows)
    waiting = [row for row in rows if not row[1].held and row[1].manner != GONE]
    room = max(0, waiting[-1][1].most - held) if waiting else 0
    for key, permit in waiting[:room]:
        change.put("permits", key, replace(permit, held=True))
        post(change, Message(key[0], "permit", key[1]))
