"""Scalars: what a plain one means, and where in the file a place within a text was written.

Which plain scalars are numbers, booleans or null follows the core schema of YAML 1.2 (section
10.3), except that a number with a leading zero stays text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final

MAX_DIGITS: Final = 38

_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_RADIX: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)?\.[0-9]+|(?:0|[1-9][0-9]*)\.?)(?:[eE][-+]?[0-9]+)?")
_INFINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

_ESCAPE: Final = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|.)", re.DOTALL)
#: Escapes that stand for white space, or for nothing at all (an escaped line end).
_BLANK: Final = frozenset(
    ("\\t", "\\\t", "\\n", "\\ ", "\\N", "\\_", "\\L", "\\P", "\\r", "\\v", "\\f", "\\\n", "\\\r", "\\\r\n")
)


def resolved(text: str) -> Any:
    """The value of a plain scalar. Raises ValueError for a number that cannot be held exactly."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text) or _RADIX.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError(f"an integer has at most {MAX_DIGITS} digits")
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _INFINITE.fullmatch(text):
        raise ValueError("a number must be finite")
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
        raise ValueError("the number is too large")
    return text


def place(raw: str, style: str, value: str, offset: int, start: tuple[int, int]) -> tuple[int, int]:
    """(line, column), 0-based, of ``value[offset]``; ``raw`` is the scalar's source, at ``start``.

    A scalar differs from its source in line folds, indentation and escapes only; everything that is
    not white space stands in the same order in both.
    """
    if style in ("", "'", '"') and raw[1 if style else 0 :].startswith(value):
        index = offset + (1 if style else 0)
    else:
        index = _aligned(raw, style, value, offset)
    line = raw.count("\n", 0, index)
    if not line:
        return start[0], start[1] + index
    return start[0] + line, index - raw.rfind("\n", 0, index) - 1


def _aligned(raw: str, style: str, value: str, offset: int) -> int:
    """The index in ``raw`` of the character of ``value`` that is the n-th one of ink."""
    while offset < len(value) and value[offset].isspace():
        offset += 1
    ink = sum(not character.isspace() for character in value[:offset])
    last = 0
    for index in _inked(raw, style):
        last = index
        if not ink:
            return index
        ink -= 1
    return min(last + 1, len(raw))


def _inked(raw: str, style: str) -> Iterator[int]:
    index = raw.find("\n") + 1 if style in ("|", ">") else len(style)
    end = len(raw) - (1 if style in ("'", '"') else 0)
    while index < end:
        width = 1
        blank = raw[index].isspace()
        if style == "'" and raw.startswith("''", index):
            width = 2
        elif style == '"' and (escape := _ESCAPE.match(raw, index)):
            width = escape.end() - index
            blank = escape[0] in _BLANK
        if not blank:
            yield index
        index += width
