"""Cerberus tamed: flaws as paths with messages of our own, and bounds on what a document may cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Final

import cerberus
from cerberus import errors

from wfcore.errors import PluginError
from wfcore.language import words
from wfcore.language.flaw import MAX_FLAWS, Flaw, Path

_TYPES: Final[Mapping[str, str]] = {
    "string": "text",
    "integer": "a whole number",
    "float": "a number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "dict": "a mapping",
    "binary": "bytes",
    "date": "a date",
    "datetime": "a date",
}


class Validator:
    """Asks cerberus; not for several threads at once. Raises PluginError when the rules are no rules."""

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self._rules = rules
        try:
            self._validator = _Validator(dict(rules), error_handler=_Collector)
        except (cerberus.SchemaError, TypeError, ValueError, AttributeError) as error:
            raise PluginError(
                f"these input rules are not valid: {error}", remedy="correct the plugin"
            ) from None

    def check(self, document: Mapping[str, Any], *, fill: bool) -> tuple[dict[str, Any], list[Flaw]]:
        """The document (with defaults, when ``fill``) and its flaws."""
        try:
            self._validator.validate(document, normalize=fill)
            found = self._validator.errors
            checked = self._validator.document
        except Exception as error:  # a rule of the plugin's own, or a value beyond all rules
            return {}, [Flaw((), f"cannot be checked ({type(error).__name__}: {error})"[:200])]
        flaws = islice((flaw for error in found for flaw in _flaws(error, self._rules)), MAX_FLAWS)
        ordered = sorted(dict.fromkeys(flaws), key=lambda flaw: words.path(flaw.path))
        return checked if isinstance(checked, dict) else dict(document), ordered


class _Validator(cerberus.Validator):  # type: ignore[misc]
    """Takes true and false for no number, and no more errors than anybody reads."""

    types_mapping: ClassVar[dict[str, cerberus.TypeDefinition]] = {
        **cerberus.Validator.types_mapping,
        "integer": cerberus.TypeDefinition("integer", (int,), (bool,)),
        "float": cerberus.TypeDefinition("float", (float, int), (bool,)),
    }

    def _error(self, *args: Any) -> None:
        # Each error is sorted in among all others, so thousands of them would take minutes.
        if len(self._errors) < MAX_FLAWS:
            super()._error(*args)

    def _validate_schema(self, schema: Any, field: Any, value: Any) -> None:
        # Nor is there a reason to look into what comes after so many.
        if len(self._errors) < MAX_FLAWS:
            super()._validate_schema(schema, field, value)

    # Cerberus reads there which schemas the rule takes.
    _validate_schema.__doc__ = cerberus.Validator._validate_schema.__doc__


class _Collector(errors.BaseErrorHandler):  # type: ignore[misc]
    """Hands the errors over as they are."""

    def __call__(self, errors: Sequence[Any]) -> list[Any]:
        return list(errors)

    def add(self, error: Any) -> None:
        """Nothing to do: they are all passed to the call."""


def _flaws(error: Any, rules: Mapping[str, Any]) -> Iterator[Flaw]:
    if error.is_logic_error:
        forms = [below for group in error.definitions_errors.values() for below in group]
        inner = [flaw for below in forms for flaw in _flaws(below, rules)]
        shown = "; or ".join(dict.fromkeys(flaw.message for flaw in inner)) or "fits none of the forms"
        yield Flaw(tuple(error.document_path), shown)
    elif error.is_group_error:
        for below in error.child_errors:
            for flaw in _flaws(below, rules):
                yield Flaw(flaw.path, flaw.message, flaw.at_key or error.code == errors.KEYSRULES.code)
    else:
        path = tuple(error.document_path)
        unknown = error.code == errors.UNKNOWN_FIELD.code
        yield Flaw(path, _unknown(path, rules) if unknown else _message(error), unknown)


def _message(error: Any) -> str:
    limit = error.constraint
    match error.code:
        case errors.REQUIRED_FIELD.code:
            return "is missing"
        case errors.BAD_TYPE.code:
            return (
                f"must be {_alternatives(limit)}, not {words.kind(error.value)}{_advice(limit, error.value)}"
            )
        case errors.NOT_NULLABLE.code:
            return "must not be empty; give a value or leave the key out"
        case errors.EMPTY_NOT_ALLOWED.code:
            return "must not be empty"
        case errors.UNALLOWED_VALUE.code:
            return words.choice(error.value, limit)
        case errors.UNALLOWED_VALUES.code:
            return f"may only have {words.listed(limit)}, not {words.listed(error.info[0])}"
        case errors.MIN_VALUE.code:
            return f"must be at least {limit}"
        case errors.MAX_VALUE.code:
            return f"must be at most {limit}"
        case errors.MIN_LENGTH.code:
            return f"must have at least {limit} elements or characters"
        case errors.MAX_LENGTH.code:
            return f"must have at most {limit} elements or characters"
        case errors.REGEX_MISMATCH.code:
            return f"does not fit the pattern {limit}"
        case errors.EXCLUDES_FIELD.code:
            return f"does not go together with {words.listed(error.info[0].split(', '))}".replace("'", "")
        case errors.DEPENDENCIES_FIELD.code | errors.DEPENDENCIES_FIELD_VALUE.code:
            return f"needs {words.listed([limit] if isinstance(limit, str) else limit)} beside it"
        case errors.CUSTOM.code if error.info:
            return str(error.info[0])
        case errors.COERCION_FAILED.code:
            return f"cannot be converted: {str(error.info[0])[:200]}"
    return f"breaks the rule '{error.rule}'"


def _alternatives(types: Any) -> str:
    names = [types] if isinstance(types, str) else list(types)
    return " or ".join(dict.fromkeys(_TYPES.get(str(name), str(name)) for name in names))


def _advice(types: Any, value: Any) -> str:
    """What to do about the two commonest slips with YAML's types."""
    if types == "string" and isinstance(value, (bool, int, float)):
        return "; put it in quotes"
    if (
        types == "boolean"
        and isinstance(value, str)
        and value.lower() in ("yes", "no", "on", "off", "true", "false")
    ):
        return "; write true or false, without quotes"
    return ""


def _unknown(path: Path, rules: Mapping[str, Any]) -> str:
    known = siblings(path, rules)
    return f"unknown key{words.hint(path[-1], known) or _there(known)}"


def _there(known: Sequence[str]) -> str:
    return f"; there are {words.listed(known)}" if 0 < len(known) <= 12 else ""


def siblings(path: Path, rules: Mapping[str, Any]) -> list[str]:
    """The keys that the rules know beside the last one of ``path``."""
    rule: Any = {"schema": rules}
    for part in path[:-1]:
        below = rule.get("valuesrules") or rule.get("schema") or {}
        rule = below if "valuesrules" in rule or isinstance(part, int) else below.get(part, {})
        if not isinstance(rule, Mapping):
            return []
    known = rule.get("schema")
    return list(known) if isinstance(known, Mapping) else []
