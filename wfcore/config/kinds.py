"""The kinds of values a configuration key can have: what is accepted, and what it becomes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wfcore.model import duration as durations
from wfcore.model import size as sizes


@dataclass(frozen=True, slots=True)
class Kind:
    """``read`` makes the value in use from a YAML value, ``parse`` the YAML value from a text.

    Both raise ValueError. ``relative`` marks a path that starts from the directory it was given in.
    """

    name: str
    read: Callable[[Any], Any]
    parse: Callable[[str], Any] = str
    relative: bool = False


def anything() -> Kind:
    """Whatever YAML says; the driver whose section it is checks it by its own schema."""
    return Kind("any (checked by the driver)", lambda value: value, _plain)


def text(pattern: str = r"(?s:.+)", like: str = "a text", *, secret: bool = False) -> Kind:
    """A text that ``pattern`` matches as a whole; no error repeats a ``secret`` one."""

    def read(value: Any) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise ValueError(f"must be {like}" + ("" if secret else f", not {_said(value)}"))

    return Kind(like.removeprefix("a "), read)


def integer(low: int, high: int) -> Kind:
    """A whole number within both bounds."""

    def read(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError(f"must be a whole number from {low} to {high}, not {_said(value)}")

    return Kind(f"whole number, {low} to {high}", read, _digits)


def choice(*words: str) -> Kind:
    """One of some words."""

    def read(value: Any) -> str:
        if value in words:
            return str(value)
        raise ValueError(f"must be one of {', '.join(words)}, not {_said(value)}")

    return Kind(" \\| ".join(words), read)


def path() -> Kind:
    """A path of the file system."""

    def read(value: Any) -> str:
        if isinstance(value, str) and value and "\0" not in value:
            return value
        raise ValueError(f"must be a path, not {_said(value)}")

    return Kind("path", read, relative=True)


def address() -> Kind:
    """An IP address; a name would have to be looked up, and might change."""

    def read(value: Any) -> str:
        from ipaddress import ip_address  # few configurations have one

        try:
            return str(ip_address(value if isinstance(value, str) else ""))
        except ValueError:
            raise ValueError(f"must be an IP address, not {_said(value)}") from None

    return Kind("IP address", read)


def duration(low: str = "0s") -> Kind:
    """A duration of at least ``low``; becomes seconds."""

    def read(value: Any) -> float:
        seconds = durations.parse(value)
        if seconds < durations.parse(low):
            raise ValueError(f"must be at least {low}, not {_said(value)}")
        return seconds

    return Kind(f"duration, at least {low}", read)


def size(low: str) -> Kind:
    """A size of at least ``low``; becomes bytes."""

    def read(value: Any) -> int:
        count = sizes.parse(value)
        if count < sizes.parse(low):
            raise ValueError(f"must be at least {low}, not {_said(value)}")
        return count

    return Kind(f"size, at least {low}", read, lambda text: int(text) if text.isdecimal() else text)


def texts(item: Kind, plural: str) -> Kind:
    """A list of texts, each of kind ``item``; as text separated by commas, or a flow list."""

    def read(value: Any) -> list[str]:
        if not isinstance(value, list):
            raise ValueError(f"must be a list, not {_said(value)}")
        return [item.read(one) for one in value]

    return Kind(f"list of {plural}", read, _list)


def optional(kind: Kind) -> Kind:
    """The same, or null; from the environment an empty text is null."""

    def read(value: Any) -> Any:
        return None if value is None else kind.read(value)

    def parse(text: str) -> Any:
        return None if text in ("", "null") else kind.parse(text)

    return Kind(f"{kind.name}, or null", read, parse, kind.relative)


def _said(value: Any) -> str:
    return "null" if value is None else repr(value)


def _digits(text: str) -> Any:
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text


def _list(text: str) -> Any:
    if text.lstrip().startswith("["):
        return _plain(text)
    return [word.strip() for word in text.split(",") if word.strip()]


def _plain(text: str) -> Any:
    from wfcore.config.document import value_of

    return value_of(text)
