"""The body of a web request as a plain value; nothing ambiguous gets through."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

from wfcore.api import UsageError

#: Deepest nesting of lists and mappings in a JSON body.
DEEPEST: Final = 64
MOST_FIELDS: Final = 1000
CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "windows-1252"})


def read(body: bytes, content_type: str) -> Any:
    """The value: JSON and forms parsed, text decoded, other content as ``{"$bytes": base64}``.

    An empty body is None. A form's repeated field is a list. Raises UsageError.
    """
    if not body:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return _json(_decoded(body, "utf-8"))
    if kind == "application/x-www-form-urlencoded":
        return _form(_decoded(body, "utf-8"))
    if kind.startswith("text/"):
        return _decoded(body, _charset(content_type))
    return {"$bytes": base64.b64encode(body).decode("ascii")}


def _charset(content_type: str) -> str:
    """The charset that is named first.

    The library's parser is not for strangers: it counts the quotes anew at each semicolon, which takes it a
    quarter of a minute for a header of 60 kB.
    """
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower().startswith("charset"):  # also charset*=, which names none that is known
            return value.strip().strip('"').lower()
    return "utf-8"


def _decoded(body: bytes, charset: str) -> str:
    if charset not in CHARSETS:
        raise UsageError(f"the body's charset {charset!r} is not supported", remedy="send UTF-8")
    try:
        return body.decode(charset)
    except UnicodeDecodeError as error:
        raise UsageError(f"the body is not {charset} at byte {error.start}", remedy="send UTF-8") from None


def _form(text: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError as error:
        raise UsageError(
            f"the body is no form: {error}", remedy="send name=value pairs joined by '&'"
        ) from None
    fields: dict[str, Any] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _json(text: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError:
        raise _not_json(f"it is nested deeper than {DEEPEST}") from None
    except ValueError as error:
        raise _not_json(str(error)) from None
    _walk(value)
    return value


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key[:60]!r} is there twice")
        result[key] = value
    return result


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _walk(root: Any) -> None:
    """Refuse what the parser lets through: depth, numbers beyond all bounds, halves of characters."""
    level, depth = [root], 0
    while level:
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.append((*value, *value.values()))
            elif isinstance(value, list):
                below.append(value)
            else:
                _scalar(value)
        depth += 1
        if below and depth > DEEPEST:
            raise _not_json(f"it is nested deeper than {DEEPEST}")
        level = [value for values in below for value in values]


def _scalar(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise _not_json("a number is too large")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _not_json("a text has half a surrogate pair") from None


def _not_json(reason: str) -> UsageError:
    return UsageError(f"the body is no JSON: {reason}", remedy="send one valid JSON document in UTF-8")
