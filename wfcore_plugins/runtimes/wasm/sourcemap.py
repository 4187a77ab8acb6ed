"""Source maps (revision 3): from a place in what runs to the place that its author wrote."""

from __future__ import annotations

import base64
import binascii
import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import Final, NamedTuple

#: Characters of mappings that are read: a map is a stranger's, and reading it takes the server's time.
_MOST: Final = 4 * 1024 * 1024
#: Bits of a number in a map.
_BITS: Final = 35
_DIGITS: Final = {
    char: value
    for value, char in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
_INLINE: Final = re.compile(
    r"\n?//[#@] sourceMappingURL=data:application/json(?:;charset=[^;,]*)?;base64,([A-Za-z0-9+/=]+)\s*$"
)


class Place(NamedTuple):
    """A place in a file of the author; line and column count from 1."""

    file: str
    line: int
    column: int


class _Segment(NamedTuple):
    column: int
    source: int
    row: int
    start: int


class SourceMap:
    """``text`` is the map's JSON, read at the first question; what cannot be read maps nothing."""

    def __init__(self, text: str) -> None:
        self._text = text

    def place(self, line: int, column: int) -> Place | None:
        """The author's place of a place in what runs; None when the map does not know it."""
        sources, lines = self._read
        if not 0 < line <= len(lines):
            return None
        segments = lines[line - 1]
        index = bisect_right(segments, column - 1, key=lambda segment: segment.column) - 1
        if index < 0:
            return None
        found = segments[index]
        return Place(sources[found.source], found.row + 1, found.start + 1)

    @cached_property
    def _read(self) -> tuple[list[str], list[list[_Segment]]]:
        try:
            data = json.loads(self._text)
            mappings = data["mappings"]
            if not isinstance(mappings, str) or len(mappings) > _MOST:
                return [], []
            sources = [str(name) for name in data["sources"]]
            return sources, list(_lines(mappings, len(sources)))
        except (ValueError, KeyError, TypeError, RecursionError):
            return [], []


def inline(source: str) -> tuple[str, str]:
    """JavaScript without the map that its last line holds, and that map; empty when there is none."""
    match = _INLINE.search(source)
    if not match:
        return source, ""
    try:
        return source[: match.start()] + "\n", base64.b64decode(match[1]).decode()
    except (binascii.Error, UnicodeDecodeError):
        return source, ""


def _lines(mappings: str, sources: int) -> Iterator[list[_Segment]]:
    source = row = start = 0
    for line in mappings.split(";"):
        column = 0
        segments = []
        for text in line.split(","):
            numbers = _numbers(text)
            if len(numbers) < 4:
                column += numbers[0] if numbers else 0
                continue
            column += numbers[0]
            source += numbers[1]
            row += numbers[2]
            start += numbers[3]
            if not 0 <= source < sources or row < 0 or start < 0:
                raise ValueError("a place that is not there")
            segments.append(_Segment(column, source, row, start))
        yield sorted(segments)


def _numbers(segment: str) -> list[int]:
    """The base64 VLQ numbers of a segment. Raises KeyError, ValueError."""
    numbers, value, shift = [], 0, 0
    for char in segment:
        digit = _DIGITS[char]
        value |= (digit & 31) << shift
        shift += 5
        if shift > _BITS:
            raise ValueError("a number with too many digits")
        if not digit & 32:
            numbers.append(-(value >> 1) if value & 1 else value >> 1)
            value = shift = 0
    return numbers
