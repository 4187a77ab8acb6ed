"""Messages between the server and its sandbox processes: a JSON head and raw bytes, each with its length.

The standard library only: both sides use it.
"""

from __future__ import annotations

import contextlib
import json
import math
import select
import socket
import struct
import threading
import time
from typing import Any, Final

_LENGTHS: Final = struct.Struct("!II")
_TIMEVAL: Final = struct.Struct("ll")
#: A body of so many bytes is sent together with its head.
_SMALL: Final = 64 * 1024
#: Bytes of a head: more is no message of ours.
MAX_HEAD: Final = 64 * 1024

Head = dict[str, Any]
Frame = tuple[Head, bytes]


class BadFrame(Exception):
    """What came is no frame, or too large."""


class Channel:
    """One end of a socket pair. Any thread may ``send``; one thread alone may ``receive``.

    A body that comes may have ``most`` bytes. The other side gets ``patience`` seconds to take what is
    sent, or for ever.
    """

    def __init__(self, connection: socket.socket, most: int, patience: int = 0) -> None:
        self._socket = connection
        self._most = most
        self._sending = threading.Lock()
        self._patience = patience
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(patience, 0))

    def send(self, head: Head, body: bytes = b"") -> None:
        """Send a frame whole. Raises OSError when the other side is gone, or does not take it in time."""
        text = json.dumps(head).encode()
        start = _LENGTHS.pack(len(text), len(body)) + text
        parts = (start + body,) if len(body) <= _SMALL else (start, body)  # small ones in one packet
        with self._sending:
            for part in parts:
                self._write(part)

    def receive(self) -> Frame | None:
        """The next frame, None at the end. Raises BadFrame, OSError."""
        lengths = self._read(_LENGTHS.size)
        if lengths is None:
            return None
        head, body = _LENGTHS.unpack(lengths)
        if head > MAX_HEAD or body > self._most:
            raise BadFrame(f"a frame of {head} and {body} bytes")
        content = self._read(head + body)
        if content is None:
            return None
        try:
            read = json.loads(content[:head])
        except (ValueError, RecursionError):
            raise BadFrame("a head that is no JSON") from None
        if not isinstance(read, dict):
            raise BadFrame("a head that is no object")
        return read, bytes(memoryview(content)[head:])

    def readable(self, seconds: float) -> bool:
        """Whether something comes, or the end, within so many seconds."""
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        return bool(waiting.poll(math.ceil(seconds * 1000)))

    def close(self) -> None:
        """Close this end; who reads at the other sees the end."""
        with contextlib.suppress(OSError):  # the other side was first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _write(self, content: bytes) -> None:
        began, left = time.monotonic(), memoryview(content)
        while left:  # the socket's own limit begins anew with each byte that is taken
            left = left[self._socket.send(left) :]
            if self._patience and time.monotonic() - began > self._patience:
                raise TimeoutError("what was sent is not taken")

    def _read(self, size: int) -> bytearray | None:
        content = bytearray(size)
        view, got = memoryview(content), 0
        while got < size:
            count = self._socket.recv_into(view[got:])
            if not count:
                return None
            got += count
        return content
