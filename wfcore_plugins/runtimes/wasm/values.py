"""The values of calls as text: JSON with bytes as ``{"$bytes": base64}``."""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Any, Final

#: Levels that a stranger's value may be nested.
MAX_DEPTH: Final = 128
_MARK: Final = "$bytes"


def encode(value: Any) -> bytes:
    """JSON values and bytes as text. Raises ValueError for anything else."""
    try:
        text = json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        try:
            return text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair: only its escape is UTF-8
            return json.dumps(value, default=_plain, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def decode(text: bytes) -> Any:
    """The value of a text that a stranger has written. Raises ValueError."""
    try:
        value = json.loads(text.decode(), object_hook=_revived, parse_constant=_refused, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH:
        _expect_shallow(value)
    return value


def _expect_shallow(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [item for one in level if isinstance(one, dict | list) for item in _items(one)]
        if not level:
            return
    raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")


def _items(value: dict[str, Any] | list[Any]) -> Any:
    return value.values() if isinstance(value, dict) else value


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return {_MARK: base64.b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _revived(value: dict[str, Any]) -> Any:
    if len(value) == 1 and isinstance(text := value.get(_MARK), str):
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"{_MARK} holds no base64") from None
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number in it is too large")
    return number


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
