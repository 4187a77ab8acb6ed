"""What is otherwise than a case expects, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl


def request_differences(
    wanted: Mapping[str, Any], method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Iterator[str]:
    """What of a request is not as wanted; it may have more than that."""
    if "method" in wanted and wanted["method"].upper() != method:
        yield f"the method should be {wanted['method']}"
    if "url" in wanted and wanted["url"] != url:
        yield f"the URL should be {wanted['url']}"
    for name, value in wanted.get("headers", {}).items():
        if headers.get(name.lower()) != str(value):
            yield f"the header {name} should be {value!r}, is {headers.get(name.lower())!r}"
    text = body.decode("utf-8", "replace")
    got: dict[str, Callable[[], Any]] = {
        "body": lambda: text,
        "json": lambda: _json(text),
        "form": lambda: dict(parse_qsl(text, keep_blank_values=True)),
    }
    for kind, read_body in got.items():
        if kind in wanted and not _within(wanted[kind], read_body()):
            yield f"the {kind} should have {shown(wanted[kind])}, is {shown(read_body())}"


def differences(
    case: Mapping[str, Any], ended: Mapping[str, Any], logs: list[str], kv: Mapping[str, Any]
) -> Iterator[str]:
    """What of the end of a case is not as expected."""
    expected = case.get("expect", {})
    for kind in ("output", "error"):
        if kind in expected and kind not in ended:
            yield f"it should end with {kind} {shown(expected[kind])}, ended with {shown(ended)}"
        elif kind in expected and not (_within if kind == "output" else _fails)(expected[kind], ended[kind]):
            yield f"the {kind} should be {shown(expected[kind])}, is {shown(ended[kind])}"
    if "error" in ended and "error" not in expected and "output" not in expected:
        yield f"it failed: {shown(ended['error'])}"
    for line in case.get("logs", ()):
        if not any(line in said for said in logs):
            yield f"the log should have {line!r}"
    if "kv_after" in case and case["kv_after"] != kv:
        yield f"the records should be {shown(case['kv_after'])}, are {shown(kv)}"


def _within(wanted: Any, got: Any) -> bool:
    """Whether it has all that is wanted: mappings may have more keys."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return all(key in got and _within(value, got[key]) for key, value in wanted.items())
    return bool(wanted == got)


def _fails(wanted: Mapping[str, Any], got: Mapping[str, Any]) -> bool:
    """Whether an error is as wanted; of its message a part is enough."""
    others = {key: value for key, value in wanted.items() if key != "message"}
    return _within(others, got) and wanted.get("message", "") in got["message"]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def shown(value: Any) -> str:
    """A value for a message."""
    text = json.dumps(value, default=repr, ensure_ascii=False)
    return text if len(text) <= 500 else text[:500] + " …"
