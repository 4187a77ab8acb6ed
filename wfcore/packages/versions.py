"""Versions ``x.y.z[-pre]`` (semver) and ranges of them (``>=0.1,<2``, ``^1.2``, ``~1.2``)."""

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
_SHORT: Final = re.compile(
    rf"([\^~]?)v?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?(-[0-9A-Za-z][0-9A-Za-z.-]{{0,63}})?"
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


def is_version(text: str) -> bool:
    """Whether a text is a whole version."""
    return re.fullmatch(PATTERN, text) is not None


def fits(version: str, wanted: str) -> bool:
    """Whether a version is one that a reference asks for; nothing asked for fits all but pre-releases.

    ``1.2.0`` is that version alone, ``1.2`` and ``~1.2`` any 1.2.x, ``1`` any 1.x, ``^1.2`` what npm means:
    from 1.2.0 to before 2.0.0 (^0.2: before 0.3.0). Raises ValueError for what is no range.
    """
    if not wanted:
        return "-" not in version
    if (short := _SHORT.fullmatch(wanted)) and all(short.groups()[1:4]) and not short[1]:
        return key(version) == key(wanted.removeprefix("v"))
    return within(version, bounds(wanted)) and ("-" in wanted or "-" not in version)


def bounds(wanted: str) -> str:
    """A range as comparisons: ``^1.2`` -> ``>=1.2.0,<2.0.0``. Raises ValueError."""
    short = _SHORT.fullmatch(wanted)
    if not short:
        within("0.0.0", wanted)
        return wanted
    mark, pre = short[1], short[5] or ""
    given = [int(part) for part in short.groups()[1:4] if part is not None]
    low = [*given, 0, 0][:3]
    if mark == "^":
        raised = next((place for place, number in enumerate(given) if number), len(given) - 1)
    else:
        raised = min(len(given), 2) - 1
    high = [*low[:raised], low[raised] + 1, 0, 0][:3]
    return f">={'.'.join(map(str, low))}{pre},<{'.'.join(map(str, high))}"
