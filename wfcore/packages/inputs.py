"""The cerberus rules that a manifest may have for its inputs and outputs.

They are checked inside the server, so they are of the kinds that cost time in proportion to the value:
nothing that calls code, and no patterns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wfcore.errors import PluginError
from wfcore.language import words
from wfcore.language.flaw import Flaw, Path
from wfcore.language.shape import Rules

TYPES: Final = (
    "string", "integer", "float", "number", "boolean", "list", "dict", "binary", "date", "datetime",
)  # fmt: skip
RULES: Final = (
    "type", "required", "nullable", "default", "allowed", "min", "max", "minlength", "maxlength", "empty",
    "schema", "keysrules", "valuesrules", "items", "excludes", "dependencies", "anyof", "oneof",
    "allow_unknown", "contains", "meta",
)  # fmt: skip
#: Rules of rules are nested at most so deep.
DEPTH: Final = 16


def rules_flaws(rules: Mapping[str, Any]) -> list[Flaw]:
    """What is wrong with the rules of a mapping of fields."""
    found = list(_fields(rules, (), 0))
    if not found:
        try:
            Rules(rules)
        except (PluginError, RecursionError) as error:
            found.append(Flaw((), str(error)))
    return found


def rule_flaws(rule: Mapping[str, Any]) -> list[Flaw]:
    """What is wrong with the rule of one value."""
    found = rules_flaws({"output": rule})
    return [Flaw(flaw.path[1:], flaw.message, flaw.at_key) for flaw in found]


def _fields(rules: Any, path: Path, depth: int) -> Iterator[Flaw]:
    for name, rule in rules.items() if isinstance(rules, Mapping) else ():
        yield from _rule(rule, (*path, name), depth)


def _rule(rule: Any, path: Path, depth: int) -> Iterator[Flaw]:
    if not isinstance(rule, Mapping):
        yield Flaw(path, f"must be a mapping of rules like {{type: string}}, not {words.kind(rule)}")
        return
    if depth > DEPTH:
        yield Flaw(path, f"rules are nested more than {DEPTH} levels deep")
        return
    for key in rule:
        if key not in RULES:
            yield Flaw((*path, key), f"unknown rule{words.hint(key, RULES) or _there()}", at_key=True)
    types = rule.get("type", ())
    for type in [types] if isinstance(types, str) else types if isinstance(types, list) else ():
        if type not in TYPES:
            yield Flaw((*path, "type"), words.choice(type, TYPES))
    yield from _nested(rule, path, depth + 1)


def _nested(rule: Mapping[str, Any], path: Path, depth: int) -> Iterator[Flaw]:
    for key in ("keysrules", "valuesrules"):
        if key in rule:
            yield from _rule(rule[key], (*path, key), depth)
    for key in ("items", "anyof", "oneof"):
        for index, inner in enumerate(rule[key] if isinstance(rule.get(key), list) else ()):
            yield from _rule(inner, (*path, key, index), depth)
    if "schema" in rule:
        one = "list" in _types(rule)
        yield from (_rule if one else _fields)(rule["schema"], (*path, "schema"), depth)


def _types(rule: Mapping[str, Any]) -> list[Any]:
    types = rule.get("type", ())
    return [types] if isinstance(types, str) else list(types) if isinstance(types, list) else []


def _there() -> str:
    return f"; there are {words.listed(RULES, 30)}"
