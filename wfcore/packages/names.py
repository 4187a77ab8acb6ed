"""Names that somebody may take for others: one slip of the finger away, or alike to the eye."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: What looks alike in many fonts, made one.
_ALIKE: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"))


def confusable(name: str, known: Iterable[str]) -> str:
    """The known name for which ``name`` may be taken, empty when there is none or it is known itself."""
    others = sorted(set(known))
    if name in others:
        return ""
    return next((other for other in others if _alike(name, other)), "")


def skeleton(name: str) -> str:
    """What of a name the eye sees: the same for names that look alike (after Unicode TR39)."""
    text = name.replace("_", "").replace("-", "")
    for odd, plain in _ALIKE:
        text = text.replace(odd, plain)
    return text


def _alike(name: str, other: str) -> bool:
    return skeleton(name) == skeleton(other) or (min(len(name), len(other)) > 4 and _one_slip(name, other))


def _one_slip(a: str, b: str) -> bool:
    """Whether one letter too many, too few, other, or two exchanged make one of the other."""
    if abs(len(a) - len(b)) > 1:
        return False
    start = next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    a, b = a[start:], b[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[2:] == b[2:] and a[:2] == b[1::-1])
