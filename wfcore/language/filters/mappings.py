"""Filters for mappings, and the ones that make or search them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from wfcore.language import words
from wfcore.language.evaluation import Evaluation, Fault
from wfcore.language.filters import ask
from wfcore.language.render import text


def keys(evaluation: Evaluation, value: Any) -> list[str]:
    """The keys, in their order."""
    return list(ask.mapping(evaluation, value))


def values(evaluation: Evaluation, value: Any) -> list[Any]:
    """The values, in the order of the keys."""
    return list(ask.mapping(evaluation, value).values())


def entries(evaluation: Evaluation, value: Any) -> list[Any]:
    """A list of ``{key, value}``."""
    return [{"key": key, "value": below} for key, below in ask.mapping(evaluation, value).items()]


def from_entries(evaluation: Evaluation, value: Any) -> dict[str, Any]:
    """The mapping of a list of ``{key, value}`` or of pairs; the last one of a key wins."""
    result: dict[str, Any] = {}
    for item in ask.elements(evaluation, value):
        match item:
            case {"key": str(key), "value": below}:
                result[key] = below
            case [str(key), below]:
                result[key] = below
            case _:
                raise Fault("each element must be {key, value} or [key, value] with text as key")
    return result


def get(evaluation: Evaluation, value: Any, path: str, otherwise: Any = None) -> Any:  # noqa: ARG001
    """What is below a dotted path, or ``otherwise`` where it is missing or null."""
    found = ask.found(value, ask.path(path))
    return otherwise if found is None else found


def merge(evaluation: Evaluation, value: Any, other: Any) -> dict[str, Any]:
    """Both mappings in one; the keys of ``other`` win. Mappings inside are not merged."""
    return {**ask.mapping(evaluation, value), **ask.mapping(evaluation, other, "the other value")}


def pick(evaluation: Evaluation, value: Any, *names: str) -> dict[str, Any]:
    """The mapping with these keys only, as far as they are there."""
    there = ask.mapping(evaluation, value)
    return {name: there[name] for name in names if isinstance(name, str) and name in there}


def omit(evaluation: Evaluation, value: Any, *names: str) -> dict[str, Any]:
    """The mapping without these keys."""
    return {key: below for key, below in ask.mapping(evaluation, value).items() if key not in names}


def group_by(evaluation: Evaluation, value: Any, path: str) -> dict[str, list[Any]]:
    """The elements of a list in lists, by what is below ``path``, as text."""
    groups: dict[str, list[Any]] = {}
    for mark, item in zip(ask.column(evaluation, value, path), value, strict=True):
        groups.setdefault(_key(evaluation, mark), []).append(item)
    return groups


def index_by(evaluation: Evaluation, value: Any, path: str) -> dict[str, Any]:
    """The elements of a list by what is below ``path``, as text; the last one of a key wins."""
    marks = ask.column(evaluation, value, path)
    return {_key(evaluation, mark): item for mark, item in zip(marks, value, strict=True)}


def jmespath(evaluation: Evaluation, value: Any, query: str) -> Any:
    """The result of a JMESPath query (jmespath.org/specification)."""
    from wfcore.language.filters.search import run

    return run(evaluation, value, ask.text(query, "the query"))


def _key(evaluation: Evaluation, mark: Any) -> str:
    if isinstance(mark, (list, dict, bytes)):
        raise Fault(f"{words.kind(mark)} cannot be a key")
    return text(evaluation, mark)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "keys": keys,
    "values": values,
    "entries": entries,
    "from_entries": from_entries,
    "get": get,
    "merge": merge,
    "pick": pick,
    "omit": omit,
    "group_by": group_by,
    "index_by": index_by,
    "jmespath": jmespath,
}
