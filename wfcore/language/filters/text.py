"""Filters for text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from wfcore.language.evaluation import Evaluation, Fault
from wfcore.language.filters import ask

_WORD: Final = re.compile(r"[^a-z0-9]+")
MAX_WIDTH: Final = 10_000


def _made(evaluation: Evaluation, value: Any) -> str:
    """The text, with a result of the same size accounted for."""
    text = ask.text(value)
    evaluation.produce(len(text))
    return text


def upper(evaluation: Evaluation, value: Any) -> str:
    """All letters in upper case."""
    return _made(evaluation, value).upper()


def lower(evaluation: Evaluation, value: Any) -> str:
    """All letters in lower case."""
    return _made(evaluation, value).lower()


def capitalize(evaluation: Evaluation, value: Any) -> str:
    """The first letter in upper case; the others stay."""
    text = _made(evaluation, value)
    return text[:1].upper() + text[1:]


def title(evaluation: Evaluation, value: Any) -> str:
    """The first letter of each word in upper case; the others stay."""
    return re.sub(r"(?<!\S)\S", lambda match: match[0].upper(), _made(evaluation, value))


def trim(evaluation: Evaluation, value: Any, characters: str | None = None) -> str:
    """Without white space, or without these characters, at both ends."""
    return _made(evaluation, value).strip(
        None if characters is None else ask.text(characters, "the characters")
    )


def replace(evaluation: Evaluation, value: Any, old: str, new: str) -> str:
    """Every ``old`` replaced by ``new``, literally."""
    text, old, new = ask.text(value), ask.text(old, "the old text"), ask.text(new, "the new text")
    if not old:
        raise Fault("the old text must not be empty")
    evaluation.scan(len(text))
    evaluation.produce(len(text) + text.count(old) * max(0, len(new) - len(old)))
    return text.replace(old, new)


def split(evaluation: Evaluation, value: Any, separator: str | None = None, most: int = -1) -> list[str]:
    """The parts between separators (default: white space), at most ``most`` splits."""
    text = _made(evaluation, value)
    if separator is not None and not ask.text(separator, "the separator"):
        raise Fault("the separator must not be empty")
    parts = text.split(separator, ask.whole(most, "the number of splits", -1, 1_000_000))
    evaluation.charge(len(parts))
    return parts


def lines(evaluation: Evaluation, value: Any) -> list[str]:
    """The lines, without their ends."""
    parts = _made(evaluation, value).splitlines()
    evaluation.charge(len(parts))
    return parts


def slug(evaluation: Evaluation, value: Any) -> str:
    """Lower-case ASCII letters and digits, everything else as single hyphens: a name for URLs and files."""
    text = unicodedata.normalize("NFKD", _made(evaluation, value)).encode("ascii", "ignore").decode()
    return _WORD.sub("-", text.lower()).strip("-")


def truncate(evaluation: Evaluation, value: Any, width: int, end: str = "…") -> str:
    """At most ``width`` characters, with ``end`` in place of what was cut."""
    text, limit = ask.text(value), ask.whole(width, "the width", 0, 1024 * 1024)
    tail = ask.text(end, "the end")
    evaluation.produce(min(len(text), limit))
    return text if len(text) <= limit else (text[: max(0, limit - len(tail))] + tail)[:limit]


def pad(evaluation: Evaluation, value: Any, width: int, fill: str = " ", left: bool = False) -> str:
    """Filled up to ``width`` characters at the end, or, with ``left=true``, at the beginning."""
    text, limit = ask.text(value), ask.whole(width, "the width", 0, MAX_WIDTH)
    if len(ask.text(fill, "the filling")) != 1:
        raise Fault("the filling must be one character")
    evaluation.produce(max(len(text), limit))
    return text.rjust(limit, fill) if left else text.ljust(limit, fill)


def indent(evaluation: Evaluation, value: Any, width: int = 2) -> str:
    """Every line that is not empty moved to the right by ``width`` spaces."""
    text, prefix = ask.text(value), " " * ask.whole(width, "the width", 0, 200)
    evaluation.scan(len(text))
    evaluation.produce(len(text) + (text.count("\n") + 1) * len(prefix))
    return re.sub(r"(?m)^(?=.)", prefix, text)


def starts_with(evaluation: Evaluation, value: Any, start: str) -> bool:  # noqa: ARG001
    """Whether the text begins with ``start``."""
    return ask.text(value).startswith(ask.text(start, "the start"))


def ends_with(evaluation: Evaluation, value: Any, end: str) -> bool:  # noqa: ARG001
    """Whether the text ends with ``end``."""
    return ask.text(value).endswith(ask.text(end, "the end"))


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "upper": upper,
    "lower": lower,
    "capitalize": capitalize,
    "title": title,
    "trim": trim,
    "replace": replace,
    "split": split,
    "lines": lines,
    "slug": slug,
    "truncate": truncate,
    "pad": pad,
    "indent": indent,
    "starts_with": starts_with,
    "ends_with": ends_with,
}
