"""What all HTTP resources share: the application behind them and the server around them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wfcore.errors import Unavailable
from wfcore.model.actor import Actor

if TYPE_CHECKING:
    from falcon import Request

    from wfcore.service.app import App
    from wfcore.service.auth import Tokens

MAX_BODY: Final = 16 * 1024 * 1024


def actor(request: Request) -> Actor:
    """Who sends a request, as the gate has found it out."""
    found: Actor = request.context.actor
    return found


def listed_namespace(request: Request) -> str | None:
    """The namespace that a list is limited to, as the gate has decided; None: all of them."""
    found: str | None = request.context.namespace
    return found


class Parking:
    """The places for requests that wait: each holds a thread, so at most half the threads may be parked."""

    __slots__ = ("_free", "_lock", "places")

    def __init__(self, places: int) -> None:
        self.places = self._free = places
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self.places - self._free

    def take(self) -> bool:
        """Take a place if one is free; who took it must ``leave``."""
        with self._lock:
            free = self._free > 0
            self._free -= free
            return free

    def leave(self) -> None:
        """Give the place back."""
        with self._lock:
            self._free += 1

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place while inside. Raises Unavailable when all are taken."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Take a place. Raises Unavailable when all are taken."""
        if not self.take():
            raise Unavailable(
                f"all {self.places} places for waiting requests are taken",
                remedy="try again in a second, or raise server.threads",
            )


class Halt(threading.Event):
    """Is set when the server stops or the client of one request has gone; who waits is woken then."""

    def __init__(self, stopping: threading.Event, gone: Callable[[], bool]) -> None:
        super().__init__()
        self._stopping = stopping
        self._gone = gone

    def is_set(self) -> bool:
        """Whether there is nobody left to wait for."""
        return self._stopping.is_set() or self._gone()


@dataclass(slots=True)
class Site:
    """Handed to every resource. ``started_at`` is UTC microseconds, ``max_body`` bytes; ``description`` makes
    the OpenAPI document.

    ``stopping`` ends what waits; ``shut`` asks the server to stop gracefully and returns at once.
    """

    app: App
    tokens: Tokens
    parking: Parking
    address: str
    started_at: int
    shut: Callable[[], None]
    description: Callable[[], Mapping[str, Any]]
    max_body: int = MAX_BODY
    stopping: threading.Event = field(default_factory=threading.Event)

    def halt(self, request: Request) -> Halt:
        """What ends the waiting of this request."""
        return Halt(self.stopping, request.env["waitress.client_disconnected"])
