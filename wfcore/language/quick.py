"""Accepts at once what plainly fits its rules; cerberus is asked only where there is more to do or to tell.

Every task that runs has its inputs checked, and nearly always they are right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

_TYPES: Final[Mapping[str, frozenset[type]]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "float": frozenset({int, float}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "list": frozenset({list}),
    "dict": frozenset({dict}),
    "binary": frozenset({bytes}),
}
_PLAIN: Final = frozenset({"required", "nullable", "meta"})
_SCALARS: Final = (str, int, float, bool, type(None))

Test = Callable[[Any, Mapping[str, Any]], bool]


def plain(rules: Mapping[str, Any]) -> bool:
    """Whether these are sound rules beyond doubt; of all others cerberus knows."""
    return isinstance(rules, Mapping) and all(
        isinstance(rule, Mapping) and all(key in _SOUND and _SOUND[key](rule[key]) for key in rule)
        for rule in rules.values()
    )


class Quick:
    """What can be said of a document without cerberus; the rules are sound."""

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self._tests = {name: tests for name, rule in rules.items() if (tests := _tests(rule)) is not None}
        self._needed = [name for name, rule in rules.items() if rule.get("required")]
        self._defaults = {name: rule["default"] for name, rule in rules.items() if "default" in rule}
        self._usable = all(map(_static, rules.values()))

    def accept(self, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """The document with its defaults when it plainly fits, else None."""
        if not self._usable:
            return None
        filled = {**self._defaults, **document}  # cerberus too fills before it tests
        for name, value in filled.items():
            if value is None and name not in document:
                continue
            tests = self._tests.get(name)
            if tests is None or value is None or not all(test(value, filled) for test in tests):
                return None
        if any(name not in filled for name in self._needed):
            return None
        return filled


def _static(rule: Mapping[str, Any]) -> bool:
    """Whether a key that is absent can be left to us."""
    computed = {"default_setter", "rename", "rename_handler", "readonly"} & rule.keys()
    return not computed and isinstance(rule.get("default"), _SCALARS)


def _tests(rule: Mapping[str, Any]) -> list[Test] | None:
    """The tests that a rule stands for; None when it holds something else."""
    tests: list[Test] = []
    for key, limit in rule.items():
        if key in _PLAIN or key == "default":
            continue
        make = _MAKERS.get(key)
        test = make(limit) if make else None
        if test is None:
            return None
        tests.append(test)
    return tests


def _type(limit: Any) -> Test | None:
    names = [limit] if isinstance(limit, str) else list(limit)
    if not all(name in _TYPES for name in names):
        return None
    types = frozenset[type]().union(*(_TYPES[name] for name in names))
    return lambda value, _: type(value) in types


def _allowed(limit: Any) -> Test | None:
    options = list(limit)
    return lambda value, _: type(value) is str and value in options


def _empty(limit: Any) -> Test | None:
    return lambda value, _: bool(limit) or not isinstance(value, (str, list, dict, bytes)) or bool(value)


def _min(limit: Any) -> Test | None:
    return lambda value, _: type(value) in (int, float) and value >= limit


def _max(limit: Any) -> Test | None:
    return lambda value, _: type(value) in (int, float) and value <= limit


def _keysrules(limit: Any) -> Test | None:
    if limit != {"type": "string"}:
        return None
    return lambda value, _: type(value) is dict and all(type(key) is str for key in value)


def _excludes(limit: Any) -> Test | None:
    others = [limit] if isinstance(limit, str) else list(limit)
    return lambda _, document: not any(other in document for other in others)


_MAKERS: Final[Mapping[str, Callable[[Any], Test | None]]] = {
    "type": _type,
    "allowed": _allowed,
    "empty": _empty,
    "min": _min,
    "max": _max,
    "keysrules": _keysrules,
    "excludes": _excludes,
}


def _switch(limit: Any) -> bool:
    return type(limit) is bool


def _scalar(limit: Any) -> bool:
    return isinstance(limit, _SCALARS)


def _number(limit: Any) -> bool:
    return type(limit) in (int, float)


def _listing(limit: Any) -> bool:
    return isinstance(limit, list) and all(map(_scalar, limit))


def _known(limit: Any) -> bool:
    return (_scalar(limit) and limit in _TYPES) or (_listing(limit) and all(name in _TYPES for name in limit))


_SOUND: Final[Mapping[str, Callable[[Any], bool]]] = {
    "type": _known,
    "required": _switch,
    "nullable": _switch,
    "empty": _switch,
    "default": _scalar,
    "allowed": _listing,
    "min": _number,
    "max": _number,
}
