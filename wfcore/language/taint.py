"""Secrets in expressions: whatever is computed from one is one, and nothing is learnt of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from wfcore.errors import ExpressionError
from wfcore.language.evaluation import Evaluation, Fault, Missing
from wfcore.model.secret import MASK, Secret, reveal, tainted

#: Operators and filters whose result tells of a value how it compares with another one.
_COMPARING: Final = frozenset({
    "==", "!=", "in", "not in", "contains", "starts_with", "ends_with", "matches", "where", "reject",
    "unique", "group_by", "index_by",
})  # fmt: skip
_ORDERING: Final = frozenset({"<", ">", "<=", ">=", "sort", "min", "max"})
#: Filters that look at a list or a mapping, and not at what is in it.
_OUTSIDE: Final = frozenset({"length"})


def apply(
    evaluation: Evaluation,
    name: str,
    function: Callable[..., Any],
    arguments: list[Any],
    named: Mapping[str, Any],
) -> Any:
    """The function of an operator or a filter on its arguments, whether or not a secret is among them.

    Raises Fault for what would tell of a secret; of a failure it says no more than that.
    """
    if not touched(evaluation, arguments) and not (named and touched(evaluation, named)):
        return function(*arguments, **named)
    if name in ("==", "!=") and None in map(_null, arguments):
        return name == "!="
    if name in _OUTSIDE and not isinstance(arguments[_first(arguments)], Secret):
        return function(*arguments, **named)
    _expect_blind(name)
    try:
        bare = [one if isinstance(one, Evaluation) else reveal(one) for one in arguments]
        return Secret(function(*bare, **reveal(dict(named))), _shown(name, arguments))
    except (Fault, Missing, ArithmeticError, LookupError, TypeError, ValueError):
        raise Fault("it cannot be done with this secret") from None


def touched(evaluation: Evaluation, value: Any) -> bool:
    """Whether there is a secret in the value; cheap where none has been read."""
    taint = evaluation.scope.taint
    return taint is not None and taint.seen and tainted(value)


def truth(value: Any, offset: int) -> bool:
    """Whether a value counts as true. Raises ExpressionError for a secret."""
    if isinstance(value, Secret):
        raise ExpressionError(
            "a secret is neither true nor false; '!= null' and '??' tell whether it is there", offset=offset
        )
    return bool(value)


def _shown(name: str, arguments: list[Any]) -> str:
    """What is shown of a result: of a text that was joined, the parts that are no secrets."""
    if name != "~":
        return MASK
    pieces = arguments[1] if len(arguments) == 2 else arguments[1:]
    return "".join(
        piece if isinstance(piece, str) else piece.shown if isinstance(piece, Secret) else MASK
        for piece in pieces
    )


def _expect_blind(name: str) -> None:
    if name in _COMPARING:
        raise Fault("a secret is compared with null alone")
    if name in _ORDERING:
        raise Fault("a secret has no order")
    if name in _OUTSIDE:
        raise Fault("the length of a secret is not told")


def _null(value: Any) -> Any:
    return None if value is None else ...


def _first(arguments: list[Any]) -> int:
    return 1 if isinstance(arguments[0], Evaluation) else 0
