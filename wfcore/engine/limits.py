"""What limits a new execution: which permits it and its tasks will need, settled before it exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wfcore.engine.plan import Plan
from wfcore.errors import Conflict, InvalidInput, WorkflowError
from wfcore.language import render, words
from wfcore.language.evaluation import Evaluation
from wfcore.model.values import Expression, Scope
from wfcore.model.workflow import Concurrency

#: Characters of a key.
LONGEST: Final = 200
_NO_TEXT: Final = (type(None), list, tuple, dict)


def recorded(plan: Plan, scope: Scope, limits: Mapping[str, int]) -> dict[str, tuple[str, int]]:
    """The limits of an execution and of its tasks, by path: their names, and how many may hold a permit.

    ``limits`` are those of the installation. Raises Conflict for a name that is none of them (any more),
    InvalidInput for a key that cannot be used.
    """
    return {path: _named(own, limit, scope, limits) for path, (own, limit) in plan.limited.items()}


def _named(own: str, concurrency: Concurrency, scope: Scope, limits: Mapping[str, int]) -> tuple[str, int]:
    limit = concurrency.limit
    if isinstance(limit, int):
        name, most = own, limit
    elif limit in limits:
        name, most = limit, limits[limit]
    else:
        raise Conflict(
            f"this installation has no limit {limit!r} any more",
            remedy=f"give it in the configuration of every server: execution.limits.{limit}",
        )
    return (name if concurrency.key is None else f"{name}[{_key(concurrency.key, scope)}]"), most


def _key(key: Expression, scope: Scope) -> str:
    try:
        value = key.evaluate(scope)
    except WorkflowError as error:
        raise InvalidInput(f"the key of 'concurrency' cannot be evaluated: {error.message}") from error
    text = "" if isinstance(value, _NO_TEXT) else render.text(Evaluation(scope), value)
    if not 0 < len(text) <= LONGEST:
        shown = words.quoted(value) if isinstance(value, str) else words.kind(value)
        raise InvalidInput(
            f"the key of 'concurrency' is {shown}",
            remedy=f"it must be text of 1 to {LONGEST} characters, a number, a date, or true or false",
        )
    return text
