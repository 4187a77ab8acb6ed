"""Values as storage keeps them: JSON text, or, above 64 KiB, the mark of a content-addressed blob.

Secrets in them are sealed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from wfcore.errors import TerminalError
from wfcore.model.secret import MASK, Secret, tainted
from wfcore.model.values import expect_shallow, json_form
from wfcore.secrets.sealer import MARK

#: Longer JSON text (bytes) goes into a blob.
INLINE_LIMIT = 64 * 1024
#: No single value may be longer than this (bytes of JSON).
SIZE_LIMIT = 64 * 1024 * 1024
#: ``@sha256:DIGEST:SIZE``; no JSON text begins with ``@``.
_MARK = "@sha256:"
#: Stands before a stored form in which there are sealed values, each ``{MARK: ciphertext}``.
_SEALED: Final = "@sealed:"


class Blobs(Protocol):
    """The part of storage that content needs."""

    def put_blob(self, content: bytes) -> str:
        """Store content durably; its sha256 in hex."""

    def get_blob(self, digest: str) -> bytes:
        """The content."""


class Seals(Protocol):
    """Seals the secrets of one execution, and opens them."""

    def seal(self, value: Secret, dumps: Callable[[Any], str]) -> Mapping[str, str]:
        """What stands for the secret in stored JSON: a mapping with the one key MARK."""

    def unseal(self, text: str) -> Secret:
        """The secret behind a mark. Raises SecretError."""


def pack(value: Any, blobs: Blobs, seals: Seals | None = None) -> tuple[str, tuple[str, ...]]:
    """The stored form of a value, its secrets sealed, and the digests it refers to.

    Raises TerminalError when the value has no JSON form or is above SIZE_LIMIT.
    """
    mark = ""
    try:
        if tainted(value):
            value, mark = _sealed(value, seals), _SEALED
        text = _dumps(value)
        expect_shallow(value, text)
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise TerminalError(f"the result cannot be stored as JSON: {reason}", kind="output") from None
    try:
        content = text.encode()
    except UnicodeEncodeError:  # a lone surrogate: only its escape can be stored
        text = json.dumps(value, default=_plain, separators=(",", ":"))
        content = text.encode()
    if len(content) <= INLINE_LIMIT:
        return mark + text, ()
    if len(content) > SIZE_LIMIT:
        raise TerminalError(
            f"the result has {len(content)} bytes, more than {SIZE_LIMIT}", kind="output",
            remedy="return less, or store it elsewhere and return a reference",
        )  # fmt: skip
    digest = blobs.put_blob(content)
    return f"{mark}{_MARK}{digest}:{len(content)}", (digest,)


def unpack(stored: str | None, blobs: Blobs, seals: Seals | None = None) -> Any:
    """The value behind a stored form, with its secrets, or without ``seals`` with MASK in their place.

    null for None. Raises SecretError when a sealed value is not what was stored.
    """
    if stored is None:
        return None
    sealed, text = stored.startswith(_SEALED), stored.removeprefix(_SEALED)
    value = json.loads(blobs.get_blob(_digest(text)) if text.startswith(_MARK) else text)
    return _opened(value, seals) if sealed else value


def raw(stored: str | None, blobs: Blobs) -> bytes:
    """The JSON text behind a stored form, which nobody needs to read; null for None."""
    if stored is None:
        return b"null"
    if stored.startswith(_SEALED):
        return _dumps(unpack(stored, blobs)).encode("utf-8", "backslashreplace")
    return blobs.get_blob(_digest(stored)) if stored.startswith(_MARK) else stored.encode()


def size(stored: str | None) -> int:
    """The bytes of the JSON text behind a stored form; what is inline counts as 0."""
    text = (stored or "").removeprefix(_SEALED)
    return int(text.rpartition(":")[2]) if text.startswith(_MARK) else 0


def _sealed(value: Any, seals: Seals | None) -> Any:
    """The value with its secrets sealed, and with them what looks as if it were one of them."""
    if isinstance(value, Secret) or (isinstance(value, dict) and MARK in value):
        if seals is None:
            raise TerminalError("a secret cannot be stored here", kind="secret")
        return seals.seal(Secret(value), _dumps)
    if isinstance(value, dict):
        return {key: _sealed(below, seals) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_sealed(below, seals) for below in value]
    return value


def _opened(value: Any, seals: Seals | None) -> Any:
    if isinstance(value, dict):
        if MARK in value:
            return seals.unseal(value[MARK]) if seals else MASK
        return {key: _opened(below, seals) for key, below in value.items()}
    if isinstance(value, list):
        return [_opened(below, seals) for below in value]
    return value


def _digest(stored: str) -> str:
    return stored[len(_MARK) :].partition(":")[0]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return {"$bytes": base64.b64encode(value).decode()}
    return json_form(value)


#: One for all values: to make an encoder costs as much as to use it on a small one.
_dumps: Final = json.JSONEncoder(
    default=_plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode
