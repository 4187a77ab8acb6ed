"""Inputs against what is declared: a workflow's when it starts, an action's before it runs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from wfcore.errors import InvalidInput
from wfcore.language import duration, words
from wfcore.language.flaw import Flaw
from wfcore.language.shape import rules_of
from wfcore.model.values import expect_shallow
from wfcore.model.workflow import Input

#: Whole numbers within these bounds survive every JSON reader and database.
_LARGEST: Final = 2**63 - 1


def coerce(declared: Mapping[str, Input], given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of an execution, one value per declaration; text is converted to the declared type.

    Dates and datetimes are ISO 8601 text (a datetime always with its offset), durations seconds, so
    that all values have a JSON form. What is not given has its default, or null. Raises InvalidInput
    naming all faults.
    """
    faults = [
        f"there is no input {words.quoted(name)}{words.hint(name, declared) or _known(declared)}"
        for name in given
        if name not in declared
    ]
    values: dict[str, Any] = {}
    for name, declaration in declared.items():
        value = given.get(name)
        if value is None:
            if declaration.required and declaration.default is None:
                faults.append(f"input {words.quoted(name)} is required")
            values[name] = declaration.default
            continue
        try:
            values[name] = fitted(declaration, value)
        except ValueError as error:
            faults.append(f"input {words.quoted(name)} {error}")
    if faults:
        raise InvalidInput("; ".join(faults), remedy="`workflow workflow describe` shows the inputs")
    return values


def _known(declared: Mapping[str, Input]) -> str:
    return f"; there are {words.listed(declared)}" if declared else "; the workflow takes none"


def fitted(declaration: Input, value: Any) -> Any:
    """The value in the declared type and within the declared bounds. Raises ValueError."""
    found = converted(declaration.type, value)
    if declaration.type == "array" and declaration.items:
        found = [_element(declaration.items, item, index) for index, item in enumerate(found)]
    if declaration.enum and not any(
        found == allowed and type(found) is type(allowed) for allowed in declaration.enum
    ):
        shown = words.listed(map(_shown, declaration.enum))
        raise ValueError(f"must be one of {shown}{words.hint(found, declaration.enum)}")
    if declaration.pattern is not None:
        from wfcore.language.evaluation import Fault
        from wfcore.language.filters.patterns import compiled

        try:
            fits = compiled(declaration.pattern).fullmatch(found) is not None
        except (Fault, UnicodeError) as error:
            raise ValueError(f"cannot be matched: {error}") from None
        if not fits:
            raise ValueError(f"must fit the pattern {declaration.pattern}")
    _bounds(declaration, found)
    return found


def _element(type: str, value: Any, index: int) -> Any:
    try:
        return converted(type, value)
    except ValueError as error:
        raise ValueError(f"[{index}] {error}") from None


def _bounds(declaration: Input, value: Any) -> None:
    sized = isinstance(value, (str, list, dict))
    measure = len(value) if sized else value
    unit = (" characters" if isinstance(value, str) else " elements") if sized else ""
    verb = "have" if sized else "be"
    if declaration.min is not None and measure < declaration.min:
        raise ValueError(f"must {verb} at least {declaration.min:g}{unit}")
    if declaration.max is not None and measure > declaration.max:
        raise ValueError(f"must {verb} at most {declaration.max:g}{unit}")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def converted(type: str, value: Any) -> Any:
    """The value in a type of the language. Raises ValueError saying what it must be."""
    return _CONVERSIONS[type](value)


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"must be text, not {words.kind(value)}")


def _int(value: Any) -> int:
    if (
        isinstance(value, str)
        and value.strip().lstrip("+-").isdecimal()
        and value.isascii()
        and len(value) <= 40
    ):
        value = _digits(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number, not {_what(value)}")
    if abs(value) > _LARGEST:
        raise ValueError("must be a whole number of at most 64 bits")
    return value


def _digits(value: str) -> Any:
    try:
        return int(value)
    except ValueError:
        return value


def _number(value: Any) -> int | float:
    found = value
    if isinstance(value, str):
        with suppress(ValueError):
            return _int(value)
        with suppress(ValueError):
            found = float(value) if len(value) <= 64 and "_" not in value else value
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
        raise ValueError(f"must be a number, not {_what(value)}")
    return found


def _bool(value: Any) -> bool:
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_what(value)}")
    return value


def _date(value: Any) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    try:
        return date.fromisoformat(value.strip()).isoformat()
    except (ValueError, AttributeError, TypeError):
        raise ValueError(f"must be a date like 2026-01-31, not {_what(value)}") from None


def _datetime(value: Any) -> str:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip())
    except (ValueError, AttributeError, TypeError):
        raise ValueError(f"must be a date and time like 2026-01-31T12:00:00Z, not {_what(value)}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat().replace("+00:00", "Z")


def _duration(value: Any) -> float:
    return duration.parse(value.total_seconds() if isinstance(value, timedelta) else value)


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value, parse_constant=_no_constant)
        expect_shallow(found, value)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ValueError(f"must be JSON: {reason}") from None
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _array(value: Any) -> list[Any]:
    found = _json(value)
    if not isinstance(found, list):
        raise ValueError(f"must be a list, not {_what(found)}")
    return found


def _object(value: Any) -> dict[str, Any]:
    found = _json(value)
    if not isinstance(found, dict):
        raise ValueError(f"must be a mapping, not {_what(found)}")
    return found


def _what(value: Any) -> str:
    return words.quoted(value) if isinstance(value, str) else words.kind(value)


_CONVERSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "string": _string,
    "int": _int,
    "number": _number,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
    "duration": _duration,
    "json": _json,
    "array": _array,
    "object": _object,
}


def check_action_inputs(rules: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """An action's inputs with defaults filled in; empty rules take anything. Raises InvalidInput."""
    if not isinstance(inputs, Mapping):
        raise InvalidInput(f"inputs must be a mapping, not {words.kind(inputs)}")
    if not rules:
        return dict(inputs)
    values, flaws = rules_of(rules).check(inputs)
    if flaws:
        raise InvalidInput("; ".join(map(_told, flaws)))
    return values


def _told(flaw: Flaw) -> str:
    return f"{words.path(('inputs', *flaw.path))}: {flaw.message}"
