"""Filters that write and read formats."""

from __future__ import annotations

import base64 as encoding
import json as format
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from wfcore.errors import InvalidWorkflow
from wfcore.language import words
from wfcore.language.evaluation import Evaluation, Fault
from wfcore.language.filters import ask
from wfcore.language.render import measure, text, to_json

#: JSON and CSV texts that are read are charged by their length.
CHARACTERS_PER_STEP: Final = 64


def json(evaluation: Evaluation, value: Any, indent: int | None = None) -> str:
    """The value as JSON (RFC 8259), on one line or indented."""
    return to_json(evaluation, value, None if indent is None else ask.whole(indent, "the indent", 0, 8))


def from_json(evaluation: Evaluation, value: Any) -> Any:
    """The value of a JSON text."""
    content = _text(value)
    evaluation.charge(len(content) // CHARACTERS_PER_STEP)
    try:
        return format.loads(content, parse_constant=_constant)
    except RecursionError:
        raise Fault("the JSON is nested too deeply") from None
    except ValueError as error:
        raise Fault(f"not JSON: {error}") from None


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def yaml(evaluation: Evaluation, value: Any) -> str:
    """The value as YAML, in block style."""
    import yaml as library

    measure(evaluation, value)
    shown = to_json(evaluation, value)
    return str(library.safe_dump(format.loads(shown), allow_unicode=True, sort_keys=False))


def from_yaml(evaluation: Evaluation, value: Any) -> Any:
    """The value of a YAML 1.2 text, under the same rules as a workflow file."""
    from wfcore.language.source import read

    content = _text(value)
    evaluation.charge(len(content) // 4)
    try:
        return read(content, "text").root.value
    except InvalidWorkflow as error:
        raise Fault(f"not YAML: {error.problems[0]}") from None


def csv(evaluation: Evaluation, value: Any, separator: str = ",", header: bool = True) -> str:
    """A list of mappings (with a header line) or of lists as CSV (RFC 4180), with LF line ends."""
    import csv as library
    import io

    rows = ask.elements(evaluation, value)
    measure(evaluation, rows)
    target = io.StringIO()
    writer = library.writer(target, delimiter=_separator(separator), lineterminator="\n")
    if rows and isinstance(rows[0], dict):
        names = list(dict.fromkeys(name for row in rows for name in ask.mapping(evaluation, row, "each row")))
        evaluation.charge(len(names) * len(rows))
        if header:
            writer.writerow(names)
        rows = [[row.get(name) for name in names] for row in rows]
    for row in rows:
        writer.writerow([text(evaluation, cell) for cell in ask.elements(evaluation, row)])
    return target.getvalue()


def from_csv(evaluation: Evaluation, value: Any, separator: str = ",", header: bool = True) -> list[Any]:
    """The rows of a CSV text: mappings by the names in its first line, or lists with ``header=false``."""
    import csv as library

    content = _text(value)
    evaluation.charge(len(content) // CHARACTERS_PER_STEP)
    rows: list[list[str]] = []
    try:
        for row in library.reader(
            content.splitlines(keepends=True), delimiter=_separator(separator), strict=True
        ):
            evaluation.charge(1 + len(row))
            if row:
                rows.append(row)
    except library.Error as error:
        raise Fault(f"not CSV: {error}") from None
    if not header or not rows:
        return rows
    return [_record(rows[0], row, number) for number, row in enumerate(rows[1:], 2)]


def _record(names: list[str], row: list[str], number: int) -> dict[str, str]:
    if len(row) != len(names):
        raise Fault(f"row {number} has {len(row)} fields, the first row {len(names)}")
    return dict(zip(names, row, strict=True))


def _separator(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or value in '"\r\n':
        raise Fault("the separator must be one character")
    return value


def base64(evaluation: Evaluation, value: Any, url: bool = False) -> str:
    """Text (as UTF-8) or bytes in base64 (RFC 4648); with ``url=true`` its URL-safe form without padding."""
    content = octets(evaluation, value)
    evaluation.produce(len(content) * 4 // 3 + 4)
    if url:
        return encoding.urlsafe_b64encode(content).decode().rstrip("=")
    return encoding.b64encode(content).decode()


def from_base64(evaluation: Evaluation, value: Any, binary: bool = False) -> str | bytes:
    """The text of a base64 text, of either form; with ``binary=true`` its bytes."""
    content = "".join(_text(value).split()).rstrip("=")
    evaluation.produce(len(content))
    padded = content.translate({ord("-"): "+", ord("_"): "/"}) + "=" * (-len(content) % 4)
    try:
        decoded = encoding.b64decode(padded, validate=True)
    except ValueError:
        raise Fault("not base64") from None
    return decoded if binary else decoded.decode()


def hex_(evaluation: Evaluation, value: Any) -> str:
    """Text (as UTF-8) or bytes in hexadecimal digits."""
    content = octets(evaluation, value)
    evaluation.produce(2 * len(content))
    return content.hex()


def url_encode(evaluation: Evaluation, value: Any) -> str:
    """Percent-encoded (RFC 3986), safe in any part of a URL; a mapping becomes a query string."""
    if isinstance(value, dict):
        pairs = [
            (name, item)
            for name, below in value.items()
            for item in (below if isinstance(below, list) else [below])
        ]
        evaluation.charge(len(pairs))
        shown = urlencode([(name, text(evaluation, item)) for name, item in pairs], quote_via=quote, safe="")
    else:
        shown = quote(text(evaluation, value), safe="")
    evaluation.produce(len(shown))
    return shown


def url_decode(evaluation: Evaluation, value: Any) -> str:
    """The text of a percent-encoded text."""
    content = _text(value)
    evaluation.produce(len(content))
    return unquote(content, errors="strict")


def from_query(evaluation: Evaluation, value: Any) -> dict[str, Any]:
    """The mapping of a query string; a repeated name has a list."""
    content = _text(value).removeprefix("?")
    evaluation.produce(len(content))
    fields: dict[str, list[str]] = {}
    for name, item in parse_qsl(content, keep_blank_values=True, errors="strict", max_num_fields=10_000):
        evaluation.charge(1)
        fields.setdefault(name, []).append(item)
    return {name: items[0] if len(items) == 1 else items for name, items in fields.items()}


def octets(evaluation: Evaluation, value: Any) -> bytes:
    """The bytes of text (UTF-8) or bytes. Raises Fault for anything else."""
    if isinstance(value, str):
        evaluation.scan(len(value))
        return value.encode()
    if isinstance(value, bytes):
        evaluation.scan(len(value))
        return value
    raise Fault(f"it takes text or bytes, not {words.kind(value)}")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else ask.text(value)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "json": json,
    "from_json": from_json,
    "yaml": yaml,
    "from_yaml": from_yaml,
    "csv": csv,
    "from_csv": from_csv,
    "base64": base64,
    "from_base64": from_base64,
    "hex": hex_,
    "url_encode": url_encode,
    "url_decode": url_decode,
    "from_query": from_query,
}
