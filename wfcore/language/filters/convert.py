"""Filters from one kind of value to another, and for single numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from wfcore.language import operators, words
from wfcore.language.evaluation import Evaluation, Fault
from wfcore.language.render import text

_INTEGER: Final = re.compile(r"\s*([-+]?[0-9]{1,38})\s*")
_NUMBER: Final = re.compile(r"\s*[-+]?[0-9]{1,38}(?:\.[0-9]{1,38})?(?:[eE][-+]?[0-9]{1,3})?\s*")


def string(evaluation: Evaluation, value: Any) -> str:
    """The value as text, as in the middle of a template."""
    shown = text(evaluation, value)
    evaluation.produce(len(shown))
    return shown


def integer(evaluation: Evaluation, value: Any) -> int:  # noqa: ARG001
    """A whole number: of text its digits, of a number its whole part, of true 1, of false 0."""
    if isinstance(value, str) and (match := _INTEGER.fullmatch(value)):
        return int(match[1])
    if isinstance(value, (bool, int, float)) and math.isfinite(value):
        return int(operators.bounded(int(value)))
    raise Fault(f"{_shown(value)} is no whole number")


def number(evaluation: Evaluation, value: Any) -> int | float:  # noqa: ARG001
    """A number, whole or not, of text or of a number."""
    if operators.number(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str):
        if match := _INTEGER.fullmatch(value):
            return int(match[1])
        if _NUMBER.fullmatch(value):
            return operators.bounded(float(value))  # type: ignore[no-any-return]
    raise Fault(f"{_shown(value)} is no number")


def boolean(evaluation: Evaluation, value: Any) -> bool:  # noqa: ARG001
    """``true yes on 1`` and ``false no off 0`` of text; of others whether they are more than empty or 0."""
    if not isinstance(value, str):
        return bool(value)
    word = value.strip().lower() if len(value) < 20 else value
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0", ""):
        return False
    raise Fault(f"{_shown(value)} is neither true nor false")


def absolute(evaluation: Evaluation, value: Any) -> Any:  # noqa: ARG001
    """The number without its sign."""
    if not operators.number(value):
        raise Fault(f"it takes a number, not {words.kind(value)}")
    return abs(value)


def round_(evaluation: Evaluation, value: Any, digits: int = 0) -> Any:  # noqa: ARG001
    """Rounded to so many digits after the point, halves away from zero; with 0 digits a whole number."""
    if not operators.number(value):
        raise Fault(f"it takes a number, not {words.kind(value)}")
    if type(digits) is not int or not 0 <= digits <= 15:
        raise Fault("the number of digits must be a whole number from 0 to 15")
    if isinstance(value, int):
        return value
    from decimal import ROUND_HALF_UP, Decimal, localcontext

    with localcontext(prec=350):
        rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return operators.bounded(float(rounded) if digits else int(rounded))


def floor(evaluation: Evaluation, value: Any) -> int:  # noqa: ARG001
    """The greatest whole number that is not above it."""
    return _whole(value, math.floor)


def ceil(evaluation: Evaluation, value: Any) -> int:  # noqa: ARG001
    """The least whole number that is not below it."""
    return _whole(value, math.ceil)


def _whole(value: Any, function: Callable[[Any], int]) -> int:
    if not operators.number(value):
        raise Fault(f"it takes a number, not {words.kind(value)}")
    return int(operators.bounded(function(value)))


def type_(evaluation: Evaluation, value: Any) -> str:  # noqa: ARG001
    """The kind of the value: null, bool, number, text, bytes, date, duration, list or mapping."""
    return {"true or false": "bool"}.get(words.kind(value), words.kind(value).removeprefix("a "))


def _shown(value: Any) -> str:
    return words.quoted(value) if isinstance(value, (str, int, float)) else words.kind(value)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "string": string,
    "int": integer,
    "number": number,
    "bool": boolean,
    "abs": absolute,
    "round": round_,
    "floor": floor,
    "ceil": ceil,
    "type": type_,
}
