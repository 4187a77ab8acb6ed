"""The shape of documents: whether they follow their rules, which are those of cerberus."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wfcore.language.flaw import Flaw
from wfcore.language.quick import Quick, plain

if TYPE_CHECKING:
    from wfcore.language.validator import Validator


class Rules:
    """Rules that may be shared by threads. Raises PluginError when they are none."""

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        self._validator = None if plain(rules) else _validator(rules)
        self._quick = Quick(rules)

    def check(self, document: Mapping[str, Any], *, fill: bool = True) -> tuple[dict[str, Any], list[Flaw]]:
        """The document (with defaults, when ``fill``) and its flaws."""
        accepted = self._quick.accept(document) if fill else None
        if accepted is not None:
            return accepted, []
        with self._lock:
            if self._validator is None:
                self._validator = _validator(self._rules)
            return self._validator.check(document, fill=fill)


def _validator(rules: Mapping[str, Any]) -> Validator:
    """Cerberus is imported when it is needed: most documents are accepted without it."""
    from wfcore.language.validator import Validator

    return Validator(rules)


class _Identity:
    """Makes a rules mapping, which cannot be hashed, a key of the cache."""

    __slots__ = ("rules", "unknown")

    def __init__(self, rules: Mapping[str, Any], unknown: frozenset[str]) -> None:
        self.rules = rules
        self.unknown = unknown

    def __hash__(self) -> int:
        return hash((id(self.rules), self.unknown))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.rules is self.rules and other.unknown == self.unknown


def rules_of(rules: Mapping[str, Any], unknown: frozenset[str] = frozenset()) -> Rules:
    """The validator of these rules; it is made once for each rules object.

    Of the keys in ``unknown`` only their presence is checked; their values may be anything but None.
    """
    return _cached(_Identity(rules, unknown))


@lru_cache(maxsize=1024)
def _cached(identity: _Identity) -> Rules:
    reduced = {
        key: _presence(rule) if key in identity.unknown else rule for key, rule in identity.rules.items()
    }
    return Rules(reduced)


def _presence(rule: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule says of the presence of its key."""
    return {key: rule[key] for key in ("required", "excludes", "dependencies") if key in rule}
