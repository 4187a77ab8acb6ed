"""Values as storage keeps them: JSON text, or, above 64 KiB, the mark of a content-addressed blob."""

from __future__ import annotations

import base64
import json
from typing import Any, Protocol

from wfcore.errors import TerminalError
from wfcore.model.values import json_form

#: Longer JSON text (bytes) goes into a blob.
INLINE_LIMIT = 64 * 1024
#: No single value may be longer than this (bytes of JSON).
SIZE_LIMIT = 64 * 1024 * 1024
#: ``@sha256:DIGEST:SIZE``; no JSON text begins with ``@``.
_MARK = "@sha256:"


class Blobs(Protocol):
    """The part of storage that content needs."""

    def put_blob(self, content: bytes) -> str:
        """Store content durably; its sha256 in hex."""

    def get_blob(self, digest: str) -> bytes:
        """The content."""


def pack(value: Any, blobs: Blobs) -> tuple[str, tuple[str, ...]]:
    """The stored form of a value, and the digests it refers to.

    Raises TerminalError when the value has no JSON form or is above SIZE_LIMIT.
    """
    try:
        text = json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise TerminalError(f"the result cannot be stored as JSON: {reason}", kind="output") from None
    try:
        content = text.encode()
    except UnicodeEncodeError:  # a lone surrogate: only its escape can be stored
        text = json.dumps(value, default=_plain, separators=(",", ":"))
        content = text.encode()
    if len(content) <= INLINE_LIMIT:
        return text, ()
    if len(content) > SIZE_LIMIT:
        raise TerminalError(
            f"the result has {len(content)} bytes, more than {SIZE_LIMIT}", kind="output",
            remedy="return less, or store it elsewhere and return a reference",
        )  # fmt: skip
    digest = blobs.put_blob(content)
    return f"{_MARK}{digest}:{len(content)}", (digest,)


def unpack(stored: str | None, blobs: Blobs) -> Any:
    """The value behind a stored form; null for None."""
    if stored is None:
        return None
    if stored.startswith(_MARK):
        return json.loads(blobs.get_blob(_digest(stored)))
    return json.loads(stored)


def raw(stored: str | None, blobs: Blobs) -> bytes:
    """The JSON text behind a stored form, which nobody needs to read; null for None."""
    if stored is None:
        return b"null"
    return blobs.get_blob(_digest(stored)) if stored.startswith(_MARK) else stored.encode()


def size(stored: str | None) -> int:
    """The bytes of the JSON text behind a stored form; what is inline counts as 0."""
    return int(stored.rpartition(":")[2]) if stored is not None and stored.startswith(_MARK) else 0


def _digest(stored: str) -> str:
    return stored[len(_MARK) :].partition(":")[0]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return {"$bytes": base64.b64encode(value).decode()}
    return json_form(value)
