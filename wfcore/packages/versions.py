"""Versions ``x.y.z[-pre]`` (semver) and ranges of them (``>=0.1,<2``)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Final

_NUMBER: Final = r"(?:0|[1-9][0-9]{0,8})"
PATTERN: Final = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-[0-9A-Za-z][0-9A-Za-z.-]{{0,63}})?"
_BOUND: Final = re.compile(
    rf"(>=|<=|==|!=|>|<)\s*({_NUMBER}(?:\.{_NUMBER}){{0,2}}(?:-[0-9A-Za-z][0-9A-Za-z.-]{{0,63}})?)"
)
_TESTS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
Key = tuple[tuple[int, ...], bool, tuple[tuple[int, int, str], ...]]


def key(version: str) -> Key:
    """What versions are ordered by (semver 2.0, section 11); missing numbers are zeros."""
    plain, _, pre = version.partition("-")
    numbers = [int(part) for part in plain.split(".")]
    parts = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in pre.split(".") if part)
    return (*numbers, *([0] * (3 - len(numbers)))), not pre, parts


def within(version: str, bounds: str) -> bool:
    """True when the version fits all comma-separated comparisons; no bounds fit all. Raises ValueError."""
    tests = []
    for text in bounds.split(",") if bounds.strip() else ():
        match = _BOUND.fullmatch(text.strip())
        if not match:
            raise ValueError(f"{text.strip()!r} is no comparison of versions; write a range like >=0.1,<2")
        tests.append((_TESTS[match[1]], key(match[2])))
    found = key(version)
    return all(test(found, bound) for test, bound in tests)
