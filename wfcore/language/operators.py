"""What the operators do with values; they raise Fault or Missing and know no places."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from wfcore.language import words
from wfcore.language.evaluation import MAX_INTEGER, Evaluation, Fault, Missing
from wfcore.language.render import text
from wfcore.model.secret import Secret, reveal

_NUMBER: Final = (int, float)


def number(value: Any) -> bool:
    """Whether it is a number; true and false are none."""
    return isinstance(value, _NUMBER) and not isinstance(value, bool)


def bounded(value: Any) -> Any:
    """A result of arithmetic. Raises Fault when it is too large or not finite."""
    if isinstance(value, int) and not -MAX_INTEGER < value < MAX_INTEGER:
        raise Fault("the number is too large")
    if isinstance(value, float) and not math.isfinite(value):
        raise Fault("the result is no finite number")
    return value


def get(value: Any, key: Any) -> Any:
    """``value.key`` and ``value[key]``: a key of a mapping, an index of a list or a text. Raises Missing."""
    if isinstance(key, Secret):
        raise Fault("a secret is no key")
    if isinstance(value, dict):
        try:
            return value[key]
        except KeyError:
            raise Missing(value, key) from None
        except TypeError:
            raise Fault(f"a key of a mapping is text, not {words.kind(key)}") from None
    if value is None:
        raise Missing(None, key)
    if isinstance(value, (list, str)):
        return _item(value, key)
    if isinstance(value, Secret):
        return _inside(value, key)
    raise Fault(f"cannot read {words.quoted(key)} of {words.kind(value)}")


def _inside(value: Secret, key: Any) -> Secret:
    """Part of a secret; whether the part is there is all that is told."""
    try:
        return Secret(get(reveal(value), key))
    except (Fault, Missing):
        raise Missing(value, key) from None


def _item(value: Any, key: Any) -> Any:
    if type(key) is not int:
        what = "'| length' counts" if key in ("length", "size", "count") else "write [0] for the first"
        raise Fault(f"{words.kind(value)} has no key {words.quoted(key)}; {what}")
    if not -len(value) <= key < len(value):
        raise Missing(value, key)
    return value[key]


def cut(evaluation: Evaluation, value: Any, start: Any, stop: Any) -> Any:
    """``value[start:stop]`` of a list or a text."""
    for bound in (start, stop):
        if bound is not None and type(bound) is not int:
            raise Fault(f"a slice takes whole numbers, not {words.kind(bound)}")
    if isinstance(value, list):
        found = value[start:stop]
        evaluation.charge(len(found))
        return found
    if isinstance(value, str):
        evaluation.produce(len(range(*slice(start, stop).indices(len(value)))))
        return value[start:stop]
    raise Fault(f"cannot take a slice of {words.kind(value)}")


def _add(evaluation: Evaluation, left: Any, right: Any) -> Any:
    if number(left) and number(right):
        return bounded(left + right)
    if isinstance(left, str) and isinstance(right, str):
        return join(evaluation, left, right)
    if isinstance(left, list) and isinstance(right, list):
        evaluation.charge(len(left) + len(right))
        return left + right
    if isinstance(right, timedelta) and isinstance(left, (datetime, timedelta)):
        return left + right
    if isinstance(left, timedelta) and isinstance(right, datetime):
        return left + right
    raise _mismatch(
        "+", left, right, "; '~' joins anything as text" if str in (type(left), type(right)) else ""
    )


def _subtract(evaluation: Evaluation, left: Any, right: Any) -> Any:  # noqa: ARG001
    if number(left) and number(right):
        return bounded(left - right)
    if isinstance(left, datetime) and isinstance(right, (datetime, timedelta)):
        return left - right
    if isinstance(left, timedelta) and isinstance(right, timedelta):
        return left - right
    raise _mismatch("-", left, right)


def _multiply(evaluation: Evaluation, left: Any, right: Any) -> Any:  # noqa: ARG001
    if number(left) and number(right):
        return bounded(left * right)
    if isinstance(left, timedelta) and number(right):
        return left * right
    if isinstance(right, timedelta) and number(left):
        return left * right
    raise _mismatch("*", left, right)


def _divide(evaluation: Evaluation, left: Any, right: Any) -> Any:  # noqa: ARG001
    if isinstance(left, timedelta) and (number(right) or isinstance(right, timedelta)) and right:
        return left / right
    if not (number(left) and number(right)):
        raise _mismatch("/", left, right)
    if not right:
        raise Fault("division by zero")
    if isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return bounded(left // right)
    return bounded(left / right)


def _remainder(evaluation: Evaluation, left: Any, right: Any) -> Any:  # noqa: ARG001
    if not (number(left) and number(right)):
        raise _mismatch("%", left, right)
    if not right:
        raise Fault("division by zero")
    return bounded(left % right)


def join(evaluation: Evaluation, left: Any, right: Any) -> str:
    """``left ~ right``: both as text."""
    first = left if isinstance(left, str) else text(evaluation, left)
    second = right if isinstance(right, str) else text(evaluation, right)
    evaluation.produce(len(first) + len(second))
    return first + second


def span(evaluation: Evaluation, left: Any, right: Any) -> list[int]:
    """``left .. right``: the whole numbers from left to right, both included."""
    if type(left) is not int or type(right) is not int:
        raise _mismatch("..", left, right)
    evaluation.charge(max(0, right - left + 1))
    return list(range(left, right + 1))


def equal(evaluation: Evaluation, left: Any, right: Any) -> bool:
    """Whether two values are the same; values of different kinds never are."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        evaluation.charge(len(left))
        pairs = zip(left, right, strict=False)
        return len(left) == len(right) and all(equal(evaluation, *pair) for pair in pairs)
    if isinstance(left, dict) and isinstance(right, dict):
        evaluation.charge(len(left))
        same = left.keys() == right.keys()
        return same and all(equal(evaluation, value, right[key]) for key, value in left.items())
    return bool(left == right)


def order(left: Any, right: Any) -> None:
    """Raises Fault when the two have no order."""
    if number(left) and number(right):
        return
    for types in (str, datetime, timedelta):
        if isinstance(left, types) and isinstance(right, types):
            return
    raise _mismatch("order", left, right)


def _less(evaluation: Evaluation, left: Any, right: Any) -> bool:  # noqa: ARG001
    order(left, right)
    return bool(left < right)


def _contains(evaluation: Evaluation, left: Any, right: Any) -> bool:
    return contains(evaluation, right, left)


def contains(evaluation: Evaluation, value: Any, item: Any) -> bool:
    """Whether a list has an element, a mapping a key, a text a part."""
    if isinstance(value, list):
        evaluation.charge(len(value))
        return any(equal(evaluation, element, item) for element in value)
    if isinstance(value, dict):
        return isinstance(item, str) and item in value
    if isinstance(value, str):
        if not isinstance(item, str):
            raise Fault(f"only text can be in text, not {words.kind(item)}")
        evaluation.scan(len(value))
        return item in value
    raise Fault(f"nothing can be in {words.kind(value)}; it takes a list, a mapping or text")


def negate(value: Any) -> Any:
    """``-value`` of a number or a duration."""
    if number(value) or isinstance(value, timedelta):
        return -value
    raise Fault(f"'-' does not go with {words.kind(value)}")


def _mismatch(operator: str, left: Any, right: Any, advice: str = "") -> Fault:
    both = f"{words.kind(left)} and {words.kind(right)}"
    if operator == "order":
        return Fault(f"{both} have no order{advice}")
    return Fault(f"{operator!r} does not go with {both}{advice}")


#: The infix operators that need both values.
INFIX: Final[Mapping[str, Callable[[Evaluation, Any, Any], Any]]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _remainder,
    "~": join,
    "..": span,
    "==": equal,
    "!=": lambda evaluation, left, right: not equal(evaluation, left, right),
    "<": _less,
    ">": lambda evaluation, left, right: _less(evaluation, right, left),
    "<=": lambda evaluation, left, right: not _less(evaluation, right, left),
    ">=": lambda evaluation, left, right: not _less(evaluation, left, right),
    "in": _contains,
    "not in": lambda evaluation, left, right: not _contains(evaluation, left, right),
}
