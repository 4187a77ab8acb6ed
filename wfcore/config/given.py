"""One setting as somebody gave it, before it is checked, and what to say when no key has its name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from wfcore.config import keys


class Fault(NamedTuple):
    """One line of the error; those of the file come first (``line`` is 0 elsewhere)."""

    line: float
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Given:
    """``source`` is the file, ``environment NAME`` or ``command line``; ``places`` those of the file's keys.

    Relative paths start at ``base``.
    """

    path: tuple[str, ...]
    value: Any
    source: str
    base: Path
    places: Mapping[tuple[str, ...], tuple[int, int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The dotted path."""
        return ".".join(self.path)

    @property
    def origin(self) -> str:
        """As ``config list`` shows it."""
        return f"file {self.source}:{self.places[self.path][0]}" if self.places else self.source

    def fault(self, message: str, path: tuple[str, ...] | None = None) -> Fault:
        """What is wrong with it, or with the section ``path`` above it."""
        path = path or self.path
        name = ".".join(path)
        if not self.places:
            return Fault(float("inf"), 0, f"{self.source}: {name}: {message}")
        line, column = self.places[path]
        return Fault(line, column, f"{self.source}:{line}:{column}: {name}: {message}")


def unknown(one: Given, storage: str) -> Fault | None:
    """What to say about a path that is no key; None for an empty section, which is fine."""
    if keys.is_section(one.path):
        if one.value in (None, {}):
            return None
        return one.fault(f"must be a mapping of keys, not {one.value!r}")
    for end in range(1, len(one.path)):
        if (leaf := keys.find(one.path[:end], storage)) is not None:
            return one.fault(f"must be {leaf.kind.name}, not a mapping", leaf.path)
    depth = next(end for end in range(1, len(one.path) + 1) if not keys.is_section(one.path[:end]))
    return one.fault(f"unknown key{_suggestion(one.path[:depth])}", one.path[:depth])


def _suggestion(path: tuple[str, ...]) -> str:
    by_form = {word.lower(): word for word in keys.siblings(path)}
    word = path[-1].replace("_", "").replace("-", "").lower()
    near = [by_form[form] for form in difflib.get_close_matches(word, by_form, 1, 0.6)]
    plain = (key for key in keys.KEYS if "<" not in key.name)
    elsewhere = [key.name for key in plain if key.path[-1].lower() == word]
    found = [".".join((*path[:-1], name)) for name in near] or elsewhere[:1]
    return f" (did you mean {found[0]}?)" if found else ""
