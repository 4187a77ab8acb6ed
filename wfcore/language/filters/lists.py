"""Filters for lists, most of which also take the path of what they look at in each element."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cmp_to_key
from itertools import zip_longest
from typing import Any, Final

from wfcore.language import operators, words
from wfcore.language.evaluation import Evaluation, Fault, Missing
from wfcore.language.filters import ask
from wfcore.language.render import text

_OPERATORS: Final = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")


def length(evaluation: Evaluation, value: Any) -> int:  # noqa: ARG001
    """The number of elements, keys or characters; of null 0."""
    if value is None:
        return 0
    if isinstance(value, (list, dict, str, bytes)):
        return len(value)
    raise Fault(f"{words.kind(value)} has no length")


def first(evaluation: Evaluation, value: Any) -> Any:  # noqa: ARG001
    """The first element of a list, or character of a text; missing when it is empty."""
    return _end(value, 0)


def last(evaluation: Evaluation, value: Any) -> Any:  # noqa: ARG001
    """The last element of a list, or character of a text; missing when it is empty."""
    return _end(value, -1)


def _end(value: Any, index: int) -> Any:
    if not isinstance(value, (list, str)):
        raise Fault(f"it takes a list or text, not {words.kind(value)}")
    if not value:
        raise Missing(value, index)
    return value[index]


def slice_(evaluation: Evaluation, value: Any, start: Any = 0, stop: Any = None) -> Any:
    """The elements or characters from ``start`` up to, without, ``stop``; negatives count from the end."""
    return operators.cut(evaluation, value, start, stop)


def reverse(evaluation: Evaluation, value: Any) -> Any:
    """The list or the text backwards."""
    if isinstance(value, str):
        evaluation.produce(len(value))
        return value[::-1]
    return ask.elements(evaluation, value)[::-1]


def map_(evaluation: Evaluation, value: Any, path: str) -> list[Any]:
    """What is below ``path`` in each element."""
    return list(ask.column(evaluation, value, path))


def where(evaluation: Evaluation, value: Any, path: str, *test: Any) -> list[Any]:
    """The elements whose ``path`` is true, equals a value, or compares to one: ``where('age', '>', 30)``."""
    holds = _test(evaluation, path, test)
    return [item for item in ask.elements(evaluation, value) if holds(item)]


def reject(evaluation: Evaluation, value: Any, path: str, *test: Any) -> list[Any]:
    """The elements that ``where`` with the same arguments leaves out."""
    holds = _test(evaluation, path, test)
    return [item for item in ask.elements(evaluation, value) if not holds(item)]


def _test(evaluation: Evaluation, path: str, test: tuple[Any, ...]) -> Callable[[Any], bool]:
    keys = ask.path(path)
    if len(test) > 2 or (len(test) == 2 and test[0] not in _OPERATORS):
        raise Fault(
            f"write ('path'), ('path', value) or ('path', operator, value) with {words.listed(_OPERATORS)}"
        )
    if not test:
        return lambda item: bool(ask.found(item, keys))
    compare = operators.INFIX[test[0] if len(test) == 2 else "=="]
    return lambda item: bool(compare(evaluation, ask.found(item, keys), test[-1]))


def sort(evaluation: Evaluation, value: Any, by: str | None = None, descending: bool = False) -> list[Any]:
    """The elements in order, stable; null comes last. Numbers, texts and dates do not mix."""
    marks = ask.column(evaluation, value, by)
    evaluation.charge(len(marks) * max(1, len(marks).bit_length()) // 4)

    def compare(left: tuple[Any, Any], right: tuple[Any, Any]) -> int:
        if left[0] is None or right[0] is None:
            return (left[0] is None) - (right[0] is None)
        operators.order(left[0], right[0])
        order = int(left[0] > right[0]) - int(left[0] < right[0])
        return -order if descending else order

    return [item for _, item in sorted(zip(marks, value, strict=True), key=cmp_to_key(compare))]


def unique(evaluation: Evaluation, value: Any, by: str | None = None) -> list[Any]:
    """The elements without those that were there before, compared as a whole or by a path."""
    marks = ask.column(evaluation, value, by)
    seen: dict[Any, Any] = {}
    for mark, item in zip(marks, value, strict=True):
        seen.setdefault(ask.key(evaluation, mark), item)
    return list(seen.values())


def _numbers(evaluation: Evaluation, value: Any, by: Any) -> list[Any]:
    marks = ask.column(evaluation, value, by)
    for mark in marks:
        if not operators.number(mark):
            raise Fault(f"it takes numbers, not {words.kind(mark)}")
    return marks


def sum_(evaluation: Evaluation, value: Any, by: str | None = None) -> Any:
    """The sum of numbers; of an empty list 0."""
    numbers = _numbers(evaluation, value, by)
    whole = all(isinstance(number, int) for number in numbers)
    return operators.bounded(sum(numbers) if whole else math.fsum(numbers))


def average(evaluation: Evaluation, value: Any, by: str | None = None) -> Any:
    """The mean of numbers; missing when the list is empty."""
    numbers = _numbers(evaluation, value, by)
    if not numbers:
        raise Missing(numbers)
    return operators.bounded(math.fsum(numbers) / len(numbers))


def min_(evaluation: Evaluation, value: Any, by: str | None = None) -> Any:
    """The least of the elements, or of what is below a path; missing when the list is empty."""
    return _extreme(ask.column(evaluation, value, by), lambda new, old: new < old)


def max_(evaluation: Evaluation, value: Any, by: str | None = None) -> Any:
    """The greatest of the elements, or of what is below a path; missing when the list is empty."""
    return _extreme(ask.column(evaluation, value, by), lambda new, old: new > old)


def _extreme(marks: list[Any], better: Callable[[Any, Any], bool]) -> Any:
    if not marks:
        raise Missing(marks)
    best = marks[0]
    operators.order(best, best)
    for mark in marks[1:]:
        operators.order(mark, best)
        if better(mark, best):
            best = mark
    return best


def flatten(evaluation: Evaluation, value: Any, levels: int = 1) -> list[Any]:
    """The elements of the lists in a list, so many levels deep."""
    items = ask.elements(evaluation, value)
    for _ in range(ask.whole(levels, "the number of levels", 1, 16)):
        if not any(isinstance(item, list) for item in items):
            break
        evaluation.charge(sum(len(item) for item in items if isinstance(item, list)))
        items = [below for item in items for below in (item if isinstance(item, list) else [item])]
    return list(items)


def compact(evaluation: Evaluation, value: Any) -> list[Any]:
    """The elements without null, empty text, empty lists and empty mappings."""
    return [item for item in ask.elements(evaluation, value) if item is not None and item not in ("", [], {})]


def chunk(evaluation: Evaluation, value: Any, size: int) -> list[Any]:
    """Lists of ``size`` elements each, the last one with the rest."""
    items, step = ask.elements(evaluation, value), ask.whole(size, "the size", 1, 1_000_000)
    return [items[start : start + step] for start in range(0, len(items), step)]


def zip_(evaluation: Evaluation, value: Any, other: Any) -> list[Any]:
    """Pairs of the elements of two lists; the shorter one is filled up with null."""
    return [
        list(pair) for pair in zip_longest(ask.elements(evaluation, value), ask.elements(evaluation, other))
    ]


def contains(evaluation: Evaluation, value: Any, item: Any) -> bool:
    """Whether a list has the element, a mapping the key, a text the part; the same as ``item in value``."""
    return operators.contains(evaluation, value, item)


def join(evaluation: Evaluation, value: Any, separator: str = "") -> str:
    """The elements as one text, with ``separator`` between them."""
    pieces = [text(evaluation, item) for item in ask.elements(evaluation, value)]
    between = ask.text(separator, "the separator")
    evaluation.produce(sum(map(len, pieces)) + len(between) * max(0, len(pieces) - 1))
    return between.join(pieces)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "length": length,
    "first": first,
    "last": last,
    "slice": slice_,
    "reverse": reverse,
    "map": map_,
    "where": where,
    "reject": reject,
    "sort": sort,
    "unique": unique,
    "sum": sum_,
    "average": average,
    "min": min_,
    "max": max_,
    "flatten": flatten,
    "compact": compact,
    "chunk": chunk,
    "zip": zip_,
    "contains": contains,
    "join": join,
}
