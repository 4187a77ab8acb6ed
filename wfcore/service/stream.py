"""Following an execution: long-poll and server-sent events over the table of facts, which is the buffer.

Cursors are (execution, seq), so a client that comes back loses nothing and a stream may end at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final

from wfcore.model.execution import TERMINAL, ExecutionRecord
from wfcore.service.answers import dumps
from wfcore.service.site import Halt, Site

#: A stream ends itself after this many seconds; its client comes back after half a second.
STREAM_SECONDS: Final = 30.0
#: Keeps the connection alive, and notices a client that has vanished without a word.
HEARTBEAT_SECONDS: Final = 10.0
_PAGE: Final = 500

Read = Callable[[str, int, int], list[dict[str, Any]]]
Page = dict[str, Any]


def poll(site: Site, halt: Halt, name: str, read: Read, id: str, after: int, limit: int, wait: float) -> Page:
    """{name: entries, "state", "next"}: at once if there are any or it has ended, else in ``wait`` seconds.

    ``read(id, after, limit)`` gives the entries. Raises NotFound, or Unavailable when it would have to
    wait and no place is free.
    """
    executions, seen = site.app.executions, after
    state, entries = executions.state(id), read(id, after, limit)
    if wait and not entries and state not in TERMINAL:
        deadline = time.monotonic() + wait
        with site.parking.place():
            while not entries and state not in TERMINAL and _news(site, halt, id, seen, deadline):
                news = executions.facts(id, seen, _PAGE)
                state, entries = executions.state(id), read(id, after, limit)
                seen = news[-1]["seq"] if news else seen
    return {name: entries, "state": state, "next": entries[-1]["seq"] if entries else seen}


def park_until_end(site: Site, halt: Halt, id: str, seconds: float) -> ExecutionRecord | None:
    """Wait for the end of an execution while a place is free; the execution if it has ended."""
    if halt.is_set() or not site.parking.take():
        return site.app.executions.wait_end(id, 0)
    try:
        return site.app.executions.wait_end(id, seconds, halt)
    finally:
        site.parking.leave()


class EventStream:
    """A WSGI response body of server-sent events; holds a parking place until it is closed.

    Raises NotFound and Unavailable when made, so before anything is answered.
    """

    def __init__(self, site: Site, halt: Halt, id: str, after: int) -> None:
        site.app.executions.state(id)
        site.parking.enter()
        self._parking = site.parking
        self._frames = _frames(site, halt, id, after)
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return self._frames

    def close(self) -> None:
        """Called by the server in any case, also when the client has gone before the first event."""
        if self._open:
            self._open = False
            self._frames.close()
            self._parking.leave()


def _frames(site: Site, halt: Halt, id: str, after: int) -> Generator[bytes, None, None]:
    executions, deadline, seen = site.app.executions, time.monotonic() + STREAM_SECONDS, after
    yield b"retry: 500\n\n"
    while not halt.is_set() and (now := time.monotonic()) < deadline:
        state = executions.state(id)  # before the facts, so that what has ended has all of them
        facts = executions.facts(id, seen, _PAGE)
        if facts:
            seen = facts[-1]["seq"]
            yield b"".join(map(_event, facts))
        elif state in TERMINAL:
            yield b"id: %d\nevent: end\ndata: %s\n\n" % (seen, dumps({"state": state}))
            return
        elif not _news(site, halt, id, seen, min(deadline, now + HEARTBEAT_SECONDS)):
            yield b":\n\n"


def _event(fact: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (fact["seq"], fact["kind"].encode(), dumps(fact))


def _news(site: Site, halt: Halt, id: str, after: int, deadline: float) -> bool:
    """Wait for a fact beyond ``after`` or the end; False at the deadline or when nobody waits any more."""
    left = deadline - time.monotonic()
    return left > 0 and site.app.executions.wait_change(id, after, left, halt)
