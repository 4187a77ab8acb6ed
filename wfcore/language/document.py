"""A YAML document that was read: plain values, and the place in the file of each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wfcore.errors import Problem
from wfcore.language import words
from wfcore.language.scalar import place


@dataclass(slots=True)
class Node:
    """A value and where it stands (0-based). ``size`` and ``height`` count what is below it."""

    value: Any
    line: int
    column: int
    children: dict[Any, Node] = field(default_factory=dict)
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    size: int = 1
    height: int = 1
    start: int = 0
    end: int = 0
    style: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read: its text, its plain value and the place of everything in it."""

    file: str
    text: str
    root: Node

    def problem(
        self, path: tuple[str | int, ...], message: str, *, key: bool = False, offset: int | None = None
    ) -> Problem:
        """A problem at the value (or, with ``key``, at the key) of ``path``, or at its nearest ancestor.

        ``offset`` is a place within a text value.
        """
        node, at = self.root, (self.root.line, self.root.column)
        for part in path:
            below = node.children.get(part)
            if below is None:
                break
            at = (
                node.keys.get(part, (below.line, below.column))
                if isinstance(part, str)
                else (below.line, below.column)
            )
            node = below
        else:
            if not key:
                at = node.line, node.column
            if offset is not None and isinstance(node.value, str):
                at = place(self.text[node.start : node.end], node.style, node.value, offset, at)
        return Problem(at[0] + 1, at[1] + 1, words.path(path), message, self.file)
