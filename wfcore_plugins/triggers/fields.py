"""What the triggers share: reading a spec key by key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from wfcore.api import TriggerFault, parse_duration, parse_size

#: How late a tick may be and still fire whatever ``catchup`` says, in seconds.
MAX_LATENESS: Final = 60.0
CATCHUP: Final = ("none", "last", "all")


def suggestion(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` or nothing."""
    close = difflib.get_close_matches(word, known, 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def mapping(spec: Any, keys: Sequence[str]) -> Mapping[str, Any]:
    """``spec`` itself, when it is a mapping with no other keys than ``keys``. Raises TriggerFault."""
    if not isinstance(spec, Mapping):
        raise TriggerFault(f"expected a mapping with {', '.join(keys)}")
    for key in spec:
        if key not in keys:
            raise TriggerFault(
                f"unknown key{suggestion(str(key), keys)}; known are {', '.join(keys)}", (str(key),)
            )
    return spec


def text(spec: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """The text under ``key``, which must be there unless there is a default. Raises TriggerFault."""
    value = spec.get(key, default)
    if value is None and key not in spec:
        raise TriggerFault(f"needs the key {key!r}")
    if not isinstance(value, str) or not value.strip():
        raise TriggerFault("expected a text", (key,))
    return value.strip()


def choice(spec: Mapping[str, Any], key: str, known: Sequence[str], default: str) -> str:
    """One of ``known``. Raises TriggerFault."""
    value = spec.get(key, default)
    if value not in known:
        raise TriggerFault(f"expected one of {', '.join(known)}{suggestion(str(value), known)}", (key,))
    return str(value)


def duration(spec: Mapping[str, Any], key: str, default: float) -> float:
    """Seconds. Raises TriggerFault."""
    try:
        return parse_duration(spec.get(key, default))
    except ValueError as error:
        raise TriggerFault(str(error), (key,)) from None


def size(spec: Mapping[str, Any], key: str, default: int) -> int:
    """Bytes, of a whole number or a text like ``512KiB``; at least 1. Raises TriggerFault."""
    try:
        found = parse_size(spec.get(key, default))
    except ValueError as error:
        raise TriggerFault(str(error), (key,)) from None
    if found < 1:
        raise TriggerFault("expected a size of at least one byte", (key,))
    return found


def policy(spec: Mapping[str, Any], lateness: float = MAX_LATENESS) -> dict[str, Any]:
    """The part that every timed trigger has: {jitter, catchup, max_lateness}, times in seconds."""
    return {
        "jitter": duration(spec, "jitter", 0.0),
        "catchup": choice(spec, "catchup", CATCHUP, "none"),
        "max_lateness": duration(spec, "max_lateness", lateness),
    }
