"""The parts an expression consists of; ``height`` bounds the recursion of whoever walks them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: Offsets are 0-based places in the text of the template.


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text, true, false or null."""

    value: Any
    offset: int


@dataclass(frozen=True, slots=True)
class Path:
    """A root and the constant keys after it: ``tasks.a.output[0]``; ``offsets`` has the root's first."""

    root: str
    keys: tuple[str | int, ...]
    offsets: tuple[int, ...]

    @property
    def offset(self) -> int:
        """Where the root stands."""
        return self.offsets[0]


@dataclass(frozen=True, slots=True)
class Index:
    """``base.key`` or ``base[key]`` where it is no plain path."""

    base: Syntax
    key: Syntax
    offset: int


@dataclass(frozen=True, slots=True)
class Slice:
    """``base[start:stop]``."""

    base: Syntax
    start: Syntax | None
    stop: Syntax | None
    offset: int


@dataclass(frozen=True, slots=True)
class Operation:
    """A prefix (one part) or infix (two parts) operator; ``? :`` has three parts."""

    operator: str
    parts: tuple[Syntax, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class ListOf:
    """``[a, b]``."""

    items: tuple[Syntax, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class MappingOf:
    """``{a: b}``; the keys are constant."""

    entries: tuple[tuple[str, Syntax], ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """``value | name(arguments)`` and ``name(value, arguments)``."""

    name: str
    arguments: tuple[Syntax, ...]
    named: tuple[tuple[str, Syntax], ...]
    offset: int


Syntax = Literal | Path | Index | Slice | Operation | ListOf | MappingOf | Call


def parts(syntax: Syntax) -> Iterator[Syntax]:
    """The direct parts, in the order they are written."""
    match syntax:
        case Index():
            yield from (syntax.base, syntax.key)
        case Slice():
            yield from (part for part in (syntax.base, syntax.start, syntax.stop) if part is not None)
        case Operation():
            yield from syntax.parts
        case ListOf():
            yield from syntax.items
        case MappingOf():
            yield from (value for _, value in syntax.entries)
        case Call():
            yield from syntax.arguments
            yield from (value for _, value in syntax.named)
