"""Tasks that bring their own code: where it comes from, what it is given, and whether it is well formed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wfcore.errors import SourceFault
from wfcore.language import words
from wfcore.language.draft import Draft
from wfcore.language.expression.template import compile_tree
from wfcore.language.flaw import Path
from wfcore.language.schema import GROUPS
from wfcore.model.values import Expression, Scope, Value
from wfcore.model.workflow import Code

#: The type of such a task, and the one input of that action.
TYPE: Final = "core/code"
DATA: Final = "data"
LANGUAGES: Final = ("ts", "js")
_KEYS: Final = ("language", "source", "file")
#: A file beside the workflow or below: nothing above it, nothing absolute.
_FILE: Final = re.compile(r"(?!.*(^|/)\.\.?(/|$))[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")


@dataclass(frozen=True, slots=True)
class Given:
    """What a code task computes from, as the input ``data`` of its action."""

    inner: Expression

    @property
    def references(self) -> Sequence[str]:
        """See ``Expression``."""
        return self.inner.references

    @property
    def constant(self) -> bool:
        """See ``Expression``."""
        return self.inner.constant

    def evaluate(self, scope: Scope) -> Value:
        """See ``Expression``."""
        return {DATA: self.inner.evaluate(scope)}


def codes(draft: Draft, files: Mapping[str, str], check: Callable[[Code], None] | None) -> dict[Path, Code]:
    """The code of each task that has some. ``check`` raises SourceFault for what is not well formed."""
    found: dict[Path, Code] = {}
    for path, task in _tasks(draft):
        if task.get("type") != TYPE:
            for key in _KEYS:
                if key in task:
                    draft.problem((*path, key), f"goes with the type {TYPE} alone", key=True)
        elif all(draft.sound((*path, key)) for key in _KEYS):
            code = _code(draft, path, task, files)
            if code is not None:
                found[path] = code
                if check is not None:
                    _check(draft, path, code, check)
    return found


def data(given: Expression | None, needs: Sequence[str]) -> Given:
    """What code computes from: the task's ``inputs``, else what it needs, else what the trigger brought."""
    return Given(given if given is not None else compile_tree(_brought(needs)))


def is_file(name: str) -> bool:
    """Whether a task may name this file: it lies beside the workflow or below."""
    return _FILE.fullmatch(name) is not None


def _tasks(draft: Draft) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for group in GROUPS:
        for name, task in draft.mapping(group).items():
            if isinstance(task, dict):
                yield (group, name), task


def _code(draft: Draft, path: Path, task: Mapping[str, Any], files: Mapping[str, str]) -> Code | None:
    if ("source" in task) == ("file" in task):
        both = "source" in task
        message = "does not go together with 'source'" if both else f"{TYPE} needs 'source' or 'file'"
        draft.problem((*path, "file") if both else path, message, key=True)
        return None
    if "source" in task:
        return Code(task.get("language", LANGUAGES[0]), task["source"], f"{path[-1]}.source")
    name = task["file"]
    if not is_file(name):
        draft.problem((*path, "file"), "must lie beside the workflow or below, as in code/enrich.ts")
        return None
    language = task.get("language", name.rpartition(".")[2])
    if language not in LANGUAGES:
        draft.problem((*path, "file"), "ends neither in .ts nor in .js; say which it is by 'language'")
        return None
    if name not in files:
        draft.problem((*path, "file"), f"there is no readable file {words.quoted(name)} beside the workflow")
        return None
    return Code(language, files[name], name, inline=False)


def _check(draft: Draft, path: Path, code: Code, check: Callable[[Code], None]) -> None:
    try:
        check(code)
    except SourceFault as fault:
        if "source" in draft.mapping(str(path[0]))[str(path[1])]:
            offset = _offset(code.source, fault.line, fault.column)
            draft.problem((*path, "source"), fault.message, offset=offset)
        else:
            place = f"{code.file}:{fault.line}:{fault.column}: " if fault.line else ""
            draft.problem((*path, "file"), f"{place}{fault.message}")


def _offset(source: str, line: int, column: int) -> int | None:
    """The place in the text (0-based) of a line and a column (1-based)."""
    if line < 1:
        return None
    lines = source.splitlines(keepends=True)
    return min(sum(map(len, lines[: line - 1])) + max(column, 1) - 1, len(source))


def _brought(needs: Sequence[str]) -> Any:
    outputs = {name: f"{{{{ tasks['{name}'].output }}}}" for name in needs}
    if len(outputs) == 1:
        return outputs[needs[0]]
    return outputs or "{{ trigger.body ?? trigger }}"
