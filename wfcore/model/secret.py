"""A secret as a value: it goes through every computation, and shows itself nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NoReturn

#: What stands where a secret would.
MASK: Final = "***"
#: What may have secrets in it.
_CONTAINERS: Final = (dict, list, tuple)


class Secret:
    """A value that derives from a secret. Only ``reveal`` gives it; it has no text, order or truth.

    ``shown`` is what stands for it where it would be shown.
    """

    __slots__ = ("_value", "shown")

    def __init__(self, value: Any, shown: str = MASK) -> None:
        self._value: Any = value._value if isinstance(value, Secret) else value
        self.shown = shown

    def __repr__(self) -> str:
        return MASK

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError("a secret is neither compared, measured nor copied out")

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __len__ = __iter__ = __contains__ = __reduce_ex__ = _refuse
    __hash__ = None  # type: ignore[assignment]


def reveal(value: Any) -> Any:
    """The value with the plain value of each secret in it; the containers are new where there was one."""
    if isinstance(value, Secret):
        return reveal(value._value)
    if isinstance(value, dict):
        return {key: reveal(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(reveal, value))
    return value


def tainted(value: Any) -> bool:
    """Whether there is a secret in it, at any depth."""
    if not isinstance(value, _CONTAINERS):
        return isinstance(value, Secret)
    waiting, seen = [value], set()
    while waiting:
        found = waiting.pop()
        if id(found) in seen:  # what an action returns may go round in a circle
            continue
        seen.add(id(found))
        for below in found.values() if isinstance(found, dict) else found:
            if isinstance(below, _CONTAINERS):
                waiting.append(below)
            elif isinstance(below, Secret):
                return True
    return False


def secrets_in(value: Any) -> Iterator[Secret]:
    """Every secret in it, at any depth."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, dict):
        for below in value.values():
            yield from secrets_in(below)
    elif isinstance(value, list | tuple):
        for below in value:
            yield from secrets_in(below)


def masked(value: Any) -> Any:
    """The value with MASK in the place of each secret."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, dict):
        return {key: masked(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [masked(below) for below in value]
    return value
