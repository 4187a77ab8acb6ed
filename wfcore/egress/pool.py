"""Idle connections, kept for the next request to the same origin at the same checked address."""

from __future__ import annotations

import select
import threading
import time
from collections import OrderedDict
from http.client import HTTPConnection

#: (scheme, host, port, address): a connection verified for one host serves no other.
Key = tuple[str, str, int, str]


class Pool:
    """Bounded per key and in all; the longest idle goes first. Safe to share between threads."""

    def __init__(self, per_key: int = 8, total: int = 64, idle: float = 30.0) -> None:
        self._per_key, self._total, self._idle = per_key, total, idle
        self._lock = threading.Lock()
        self._kept: OrderedDict[HTTPConnection, tuple[Key, float]] = OrderedDict()

    def take(self, key: Key) -> HTTPConnection | None:
        """The connection for ``key`` that was used last and is still open, or None."""
        with self._lock:
            stale = [c for c, (_, since) in self._kept.items() if time.monotonic() - since > self._idle]
            found = [c for c, (kept, _) in self._kept.items() if kept == key and c not in stale]
            for connection in [*stale, *found]:
                if connection in stale or not _open(connection):
                    del self._kept[connection]
                    connection.close()
            alive = [c for c in found if c in self._kept]
            if alive:
                del self._kept[alive[-1]]
        return alive[-1] if alive else None

    def give(self, key: Key, connection: HTTPConnection) -> None:
        """Keep ``connection``; what is over the bounds is closed."""
        with self._lock:
            self._kept[connection] = (key, time.monotonic())
            same = [c for c, (kept, _) in self._kept.items() if kept == key]
            excess = same[: max(0, len(same) - self._per_key)]
            excess = excess or list(self._kept)[: max(0, len(self._kept) - self._total)]
            for old in excess:
                del self._kept[old]
                old.close()

    def close(self) -> None:
        """Close everything that is idle."""
        with self._lock:
            while self._kept:
                self._kept.popitem()[0].close()


def _open(connection: HTTPConnection) -> bool:
    """False when the other side has closed, or has sent what nobody asked for."""
    if connection.sock is None:
        return False
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN | select.POLLPRI)
    return not poll.poll(0)
