"""Response bodies are read under two caps, as sent and as decoded, so that no small answer grows huge."""

from __future__ import annotations

import zlib
from http.client import HTTPResponse, IncompleteRead

from wfcore.errors import TerminalError

_CHUNK = 65536
#: zlib's window argument that takes both the gzip and the zlib header.
_EITHER = 47


def _too_large(limit: int) -> TerminalError:
    remedy = "raise max_bytes, or ask for less"
    return TerminalError(
        f"the answer is larger than {limit} bytes; {remedy}", kind="too_large", remedy=remedy
    )


class _Inflater:
    """Decodes gzip (also of several members) and deflate, never past ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._stream = zlib.decompressobj(_EITHER)

    def feed(self, data: bytes, into: bytearray) -> None:
        while data:
            if self._stream.eof:
                self._stream = zlib.decompressobj(_EITHER)
            into += self._stream.decompress(data, self._limit - len(into) + 1)
            if len(into) > self._limit:
                raise _too_large(self._limit)
            data = self._stream.unused_data or self._stream.unconsumed_tail

    def end(self) -> None:
        if not self._stream.eof:
            raise zlib.error("it ends too early")


def read_body(response: HTTPResponse, limit: int) -> bytes:
    """The decoded body, at most ``limit`` bytes. Raises TerminalError, IncompleteRead or zlib.error."""
    if (response.length or 0) > limit:
        raise _too_large(limit)
    coded = response.getheader("Content-Encoding", "").strip().lower() in ("gzip", "x-gzip", "deflate")
    inflater = _Inflater(limit) if coded else None
    body, raw = bytearray(), 0
    while chunk := response.read(_CHUNK):
        raw += len(chunk)
        if raw > limit:
            raise _too_large(limit)
        if inflater:
            inflater.feed(chunk, body)
        else:
            body += chunk
    if response.length:
        raise IncompleteRead(b"", response.length)
    if inflater and raw:
        inflater.end()
    return bytes(body)
