"""What filters demand of their arguments; each answer is a Fault in the words of the language."""

from __future__ import annotations

from typing import Any

from wfcore.language import operators, words
from wfcore.language.evaluation import Evaluation, Fault, Missing

MAX_PATH = 256


def text(value: Any, what: str = "it") -> str:
    """The text. Raises Fault for anything else."""
    if not isinstance(value, str):
        raise Fault(f"{what} must be text, not {words.kind(value)}")
    return value


def elements(evaluation: Evaluation, value: Any) -> list[Any]:
    """The list, accounted for. Raises Fault for anything else."""
    if not isinstance(value, list):
        raise Fault(f"it takes a list, not {words.kind(value)}")
    evaluation.charge(len(value))
    return value


def mapping(evaluation: Evaluation, value: Any, what: str = "it") -> dict[str, Any]:
    """The mapping, accounted for. Raises Fault for anything else."""
    if not isinstance(value, dict):
        raise Fault(f"{what} must be a mapping, not {words.kind(value)}")
    evaluation.charge(len(value))
    return value


def whole(value: Any, what: str, least: int, most: int) -> int:
    """The integer between the bounds. Raises Fault for anything else."""
    if type(value) is not int or not least <= value <= most:
        raise Fault(f"{what} must be a whole number from {least} to {most}")
    return value


def path(value: Any) -> list[str]:
    """The keys of a dotted path. Raises Fault."""
    parts = text(value, "the path").split(".")
    if not all(parts) or len(value) > MAX_PATH:
        raise Fault(f"{words.quoted(value)} is no path; write key or key.key")
    return parts


def follow(value: Any, keys: list[str]) -> Any:
    """The value below ``keys``; digits are an index of a list. Raises Missing or Fault."""
    for key in keys:
        index = int(key) if isinstance(value, list) and key.isdecimal() and len(key) < 10 else key
        value = operators.get(value, index)
    return value


def found(value: Any, keys: list[str]) -> Any:
    """The value below ``keys``, null where it is missing."""
    try:
        return follow(value, keys)
    except Missing:
        return None


def column(evaluation: Evaluation, value: Any, by: Any) -> list[Any]:
    """The elements of a list, or what is below ``by`` in each of them."""
    items = elements(evaluation, value)
    if by is None:
        return items
    keys = path(by)
    evaluation.charge(len(items) * len(keys))
    return [follow(item, keys) for item in items]


def key(evaluation: Evaluation, value: Any) -> Any:
    """Something hashable that is the same for equal values."""
    if isinstance(value, (list, dict)):
        from wfcore.language.render import to_json

        return "json", to_json(evaluation, value)
    return type(value) is bool, value
