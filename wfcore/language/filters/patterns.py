"""Filters with regular expressions, by RE2: linear in the text whatever the pattern.

The grammar is that of https://github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from wfcore.language import words
from wfcore.language.evaluation import Evaluation, Fault
from wfcore.language.filters import ask

MAX_PATTERN: Final = 1000
#: Characters times instructions of the pattern's program for one step: at its worst RE2 does 5 ns for each.
WORK_PER_STEP: Final = 1000
STEPS_PER_MATCH: Final = 4
_GROUP: Final = re.compile(r"\\(\\|[0-9]|g<(\w{1,64})>)", re.ASCII)


def compiled(pattern: Any) -> Any:
    """The pattern as RE2 understands it. Raises Fault."""
    import re2

    if len(ask.text(pattern, "the pattern")) > MAX_PATTERN:
        raise Fault(f"a pattern has at most {MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "not valid"
        shown = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        line = "".join(one if one.isprintable() else "\ufffd" for one in shown)  # it repeats of the pattern
        raise Fault(f"the pattern {words.quoted(pattern)} is not valid: {line}") from None


def _ready(evaluation: Evaluation, value: Any, pattern: Any) -> Any:
    """The compiled pattern, once over the text accounted for at its worst: text times program."""
    found = compiled(pattern)
    evaluation.charge(len(ask.text(value)) * found.programsize // WORK_PER_STEP + 1)
    return found


def _places(evaluation: Evaluation, value: Any, pattern: Any) -> Iterator[Any]:
    """All matches, from left to right."""
    evaluation.watch()
    for match in _ready(evaluation, value, pattern).finditer(value):
        evaluation.charge(STEPS_PER_MATCH)
        evaluation.watch()
        yield match


def matches(evaluation: Evaluation, value: Any, pattern: str) -> bool:
    """Whether the whole text fits the pattern."""
    return _ready(evaluation, value, pattern).fullmatch(value) is not None


def regex_find(evaluation: Evaluation, value: Any, pattern: str, group: int | str = 0) -> str | None:
    """The first place that fits, or a group of it, by number or name; null when nothing fits."""
    match = _ready(evaluation, value, pattern).search(value)
    if match is None:
        return None
    found: str | None = _group(match, group)
    evaluation.produce(len(found or ""))
    return found


def regex_find_all(
    evaluation: Evaluation, value: Any, pattern: str, group: int | str = 0
) -> list[str | None]:
    """All places that fit, from left to right, or a group of each."""
    found: list[str | None] = []
    for match in _places(evaluation, value, pattern):
        found.append(_group(match, group))
        evaluation.produce(len(found[-1] or ""))
    return found


def regex_replace(evaluation: Evaluation, value: Any, pattern: str, replacement: str) -> str:
    """Every place that fits replaced; ``\\\\1`` and ``\\\\g<name>`` in the replacement are groups."""
    text, position = ask.text(value), 0
    template = _template(replacement)
    pieces: list[str] = []
    for match in _places(evaluation, text, pattern):
        new = "".join(part if isinstance(part, str) else _group(match, part[0]) or "" for part in template)
        evaluation.produce(len(new) + match.start() - position)
        pieces += (text[position : match.start()], new)
        position = match.end()
    evaluation.produce(len(text) - position)
    return "".join([*pieces, text[position:]])


def _template(replacement: Any) -> list[str | tuple[int | str]]:
    """Literal text, and one-element tuples with a group's number or name."""
    text, position = ask.text(replacement, "the replacement"), 0
    parts: list[str | tuple[int | str]] = []
    for match in _GROUP.finditer(text):
        parts.append(text[position : match.start()])
        position = match.end()
        if match[1] == "\\":
            parts.append("\\")
        else:
            name = match[2] or match[1]
            parts.append((int(name) if name.isdigit() else name,))
    return [*parts, text[position:]]


def _group(match: Any, group: Any) -> str | None:
    if type(group) not in (int, str):
        raise Fault(f"a group is a number or a name, not {words.kind(group)}")
    try:
        found = match.group(group)
    except (IndexError, KeyError):
        raise Fault(f"the pattern has no group {words.quoted(group)}") from None
    return None if found is None else str(found)


def regex_split(evaluation: Evaluation, value: Any, pattern: str) -> list[str]:
    """The parts between the places that fit."""
    text, position = ask.text(value), 0
    evaluation.produce(len(text))
    parts: list[str] = []
    for match in _places(evaluation, text, pattern):
        if match.end() > match.start():
            parts.append(text[position : match.start()])
            position = match.end()
    return [*parts, text[position:]]


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "matches": matches,
    "regex_find": regex_find,
    "regex_find_all": regex_find_all,
    "regex_replace": regex_replace,
    "regex_split": regex_split,
}
