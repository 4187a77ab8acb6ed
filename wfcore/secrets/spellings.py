"""The forms in which a known text may turn up in another one."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

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
    yield value.strip()
    yield unquote(value)
    yield unquote_plus(value)
    for written in dict.fromkeys(_written(value)):
        yield written
        yield written.replace("/", "\\/")
        yield from _base64(written.encode("utf-8", "surrogatepass"))
    yield json.dumps(json.dumps(value)[1:-1])[1:-1]
    yield json.dumps(json.dumps(value, ensure_ascii=False)[1:-1])[1:-1]
    yield quote(quote(content, safe=""), safe="")
    yield html.escape(value, quote=False)
    yield value.replace('"', '""')
    yield value.replace("'", "''")
    yield value.replace("'", "'\"'\"'")
    yield _lower(quote(content, safe=""))
    yield _percent(content)
    yield _lower(_percent(content))
    yield content.hex()
    yield content.hex().upper()
    yield content.hex(":")
    yield content.hex(" ")
    yield "".join(f"\\x{byte:02x}" for byte in content)
    yield "".join(f"\\u{ord(character):04x}" for character in value)
    yield base64.b32encode(content).decode().rstrip("=")
    yield from _base64(value.encode("utf-16-le", "surrogatepass"))


def _written(value: str) -> Iterator[str]:
    """As it stands within the usual documents, which may be encoded as a whole."""
    content = value.encode("utf-8", "surrogatepass")
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield repr(content)[2:-1]
    yield html.escape(value)
    yield quote(content, safe="")
    yield quote(content)
    yield quote_plus(content)


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
