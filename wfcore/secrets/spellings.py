"""The forms in which a known text may turn up in another one."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

#: Shorter texts turn up by chance; they are hidden where they are known to be, and not looked for.
LEAST: Final = 4
#: The same for a line of a text of several lines, and for base64, which also begins within other text.
_LEAST_LINE: Final = 8
_LEAST_BASE64: Final = 6


def spellings(value: str) -> frozenset[str]:
    """The text and its usual encodings; none for a text that is too short."""
    if len(value) < LEAST:
        return frozenset()
    found = set(_all(value))
    lines = value.splitlines()
    if len(lines) > 1:
        found.update(line.strip() for line in lines if len(line.strip()) >= _LEAST_LINE)
    return frozenset(one for one in found if len(one) >= LEAST)


def _all(value: str) -> Iterator[str]:
    content = value.encode("utf-8", "surrogatepass")
    yield value
    yield value.strip()
    for escaped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
        yield json.dumps(escaped)[1:-1]
    yield repr(value)[1:-1]
    yield repr(content)[2:-1]
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield value.replace('"', '""')
    yield value.replace("'", "''")
    yield value.replace("'", "'\"'\"'")
    for encoded in (quote(content, safe=""), quote(content), quote_plus(content), _percent(content)):
        yield encoded
        yield _lower(encoded)
        yield quote(encoded, safe="")
    yield content.hex()
    yield content.hex().upper()
    yield content.hex(":")
    yield content.hex(" ")
    yield "".join(f"\\x{byte:02x}" for byte in content)
    yield "".join(f"\\u{ord(character):04x}" for character in value)
    yield base64.b32encode(content).decode().rstrip("=")
    yield from _base64(content)
    yield from _base64(value.encode("utf-16-le", "surrogatepass"))


def _base64(content: bytes) -> Iterator[str]:
    """What is certain of its base64 and base64url (RFC 4648), wherever in other bytes it begins."""
    for before in range(3):
        start = (before * 8 + 5) // 6
        stop = (before + len(content)) * 8 // 6
        core = base64.b64encode(bytes(before) + content).decode()[start:stop]
        if len(core) >= _LEAST_BASE64:
            yield core
            yield core.replace("+", "-").replace("/", "_")


def _percent(content: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in content)


def _lower(encoded: str) -> str:
    """Percent-encoded text with its digits in lower case."""
    head, *rest = encoded.split("%")
    return head + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)
