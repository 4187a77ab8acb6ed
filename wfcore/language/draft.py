"""A workflow while it is being read: the document, what was compiled of it, and every problem so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wfcore.errors import ExpressionError, Problem
from wfcore.language.document import Document
from wfcore.language.expression import Template, Use, compile, compile_condition
from wfcore.language.expression.template import Constant, build
from wfcore.language.filters import Filter
from wfcore.language.flaw import Flaw, Path
from wfcore.language.source import MAX_PROBLEMS
from wfcore.model.values import Expression

#: Characters that all texts with templates of a file may have.
MAX_TEMPLATES: Final = 256 * 1024
Compiler = Callable[[str, Mapping[str, Filter]], Template]

_RUN: Final = frozenset({"inputs", "vars", "tasks", "trigger", "execution", "workflow", "secrets", "env"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a template stands: the roots it may read, and the group and task it belongs to."""

    roots: frozenset[str] = _RUN
    group: str = ""
    task: str = ""


VARS: Final = Place(frozenset({"inputs", "trigger", "execution", "workflow", "env"}))
TRIGGER: Final = Place(frozenset({"trigger", "workflow", "env"}))
#: What is known before an execution exists.
KEY: Final = Place(frozenset({"inputs", "trigger", "workflow"}))
OUTPUTS: Final = Place(group="outputs")


def within(group: str, task: str, *, failing: bool = False) -> Place:
    """A place in a task; ``error`` is there in the groups that handle failures, and where ``failing``."""
    roots = _RUN if group == "tasks" and not failing else _RUN | {"error"}
    return Place(roots, group, task)


class Enough(Exception):
    """There are so many problems that nobody reads more."""


@dataclass(slots=True)
class Draft:
    """What the steps of loading share. ``uses`` are all roots that templates read, with their places."""

    document: Document
    filters: Mapping[str, Filter]
    problems: list[Problem] = field(default_factory=list)
    expressions: dict[Path, Expression] = field(default_factory=dict)
    uses: list[tuple[Path, str, Use, Place]] = field(default_factory=list)
    flawed: set[Path] = field(default_factory=set)
    budget: int = MAX_TEMPLATES

    @property
    def data(self) -> dict[str, Any]:
        """The plain value of the document; empty when it is no mapping."""
        value = self.document.root.value
        return value if isinstance(value, dict) else {}

    def mapping(self, key: str) -> dict[str, Any]:
        """The mapping under a top-level key; empty when there is none."""
        value = self.data.get(key)
        return value if isinstance(value, dict) else {}

    def problem(self, path: Path, message: str, *, key: bool = False, offset: int | None = None) -> None:
        """Take down a problem. Raises Enough when there are too many to go on."""
        if len(self.problems) >= MAX_PROBLEMS:
            raise Enough
        self.problems.append(self.document.problem(path, message, key=key, offset=offset))

    def take(self, flaws: Iterable[Flaw], below: Path = ()) -> None:
        """Take down flaws; what they are about is not looked at again."""
        for flaw in flaws:
            path = (*below, *flaw.path)
            self.flawed.add(path)
            self.problem(path, flaw.message, key=flaw.at_key)

    def sound(self, path: Path) -> bool:
        """Whether the shape of all that is below ``path`` is right."""
        return not any(flaw[: len(path)] == path for flaw in self.flawed)

    def tree(self, path: Path, value: Any, place: Place) -> None:
        """Compile the templates of a tree."""

        def compiled(below: Path, text: str) -> Template:
            found = self._compiled(compile, (*path, *below), text, place)
            return found or Template(text, lambda _: None, ())

        self.expressions[path] = build(value, compiled)

    def condition(self, path: Path, value: Any, place: Place) -> None:
        """Compile a condition: true, false or an expression."""
        if isinstance(value, bool):
            self.expressions[path] = Constant(value)
            return
        template = self._compiled(compile_condition, path, value, place)
        if template is not None:
            self.expressions[path] = template

    def _compiled(self, compiler: Compiler, path: Path, text: str, place: Place) -> Template | None:
        """The template, its uses taken down; None when it has a fault."""
        self.budget -= len(text)
        if self.budget < 0:
            self.problem(path, f"the texts with templates have more than {MAX_TEMPLATES} characters in all")
            raise Enough
        try:
            template = compiler(text, self.filters)
        except ExpressionError as error:
            self.problem(path, error.message, offset=error.offset)
            return None
        self.uses.extend((path, text, use, place) for use in template.uses)
        return template
