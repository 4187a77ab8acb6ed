"""How messages show what a user wrote: quoted, cut, named by its type, and with the nearest known word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final

from wfcore.model.secret import Secret

LONGEST: Final = 60
MOST_CANDIDATES: Final = 500


def quoted(value: object) -> str:
    """The value in quotes, escaped, cut to LONGEST characters."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def hint(name: object, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` when a known name is near, else nothing."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST:
        return ""
    candidates = {
        word.lower(): word
        for word in islice(known, MOST_CANDIDATES)
        if isinstance(word, str) and len(word) <= 2 * LONGEST
    }
    near = get_close_matches(name.lower(), candidates, 1, 0.5 if len(name) <= 3 else 0.6)
    return f" (did you mean {candidates[near[0]]!r}?)" if near else ""


def listed(names: Iterable[object], most: int = 12) -> str:
    """``a, b, c``, cut after ``most`` names."""
    shown = [str(name) for name in islice(names, most + 1)]
    return ", ".join(shown[:most]) + (", …" if len(shown) > most else "")


def choice(value: Any, allowed: Iterable[Any]) -> str:
    """``must be one of a, b, not 'c' (did you mean …)``."""
    options = list(allowed)
    shown = quoted(value) if isinstance(value, str) else kind(value)
    return f"must be one of {listed(options, 30)}, not {shown}{hint(value, options)}"


def kind(value: Any) -> str:
    """What a value is, in the words of the documentation."""
    for types, word in _KINDS:
        if isinstance(value, types):
            return word
    return "a value of an unknown type"


def path(parts: Sequence[str | int]) -> str:
    """``tasks.fetch.needs[0]``; a key that is no plain name stands in brackets and quotes."""
    shown = ""
    for part in parts:
        if isinstance(part, str) and _NAME.fullmatch(part):
            shown += f".{part}" if shown else part
        else:
            shown += f"[{quoted(part) if isinstance(part, str) else part}]"
    return shown if len(shown) <= 4 * LONGEST else shown[: 4 * LONGEST] + "…"


_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (type(None), "null"),
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (bytes, "bytes"),
    (datetime, "a date"),
    (timedelta, "a duration"),
    ((list, tuple), "a list"),
    (dict, "a mapping"),
    (Secret, "a secret"),
)
