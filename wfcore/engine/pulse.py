"""The life of this server among others on the same storage: its lease, and what they tell each other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from wfcore.engine.mail import Adopt, Inbox, Mail, Offers, Reload, Room, Want
from wfcore.errors import WorkflowError
from wfcore.model.nodes import NodeRecord
from wfcore.model.terms import differing
from wfcore.plugins.contracts import SharedStorage

log = logging.getLogger("workflow.node")
#: A lease is renewed so many times before it would end.
BEATS = 3
#: Seconds after which nobody is dead.
FOREVER = 1e9


class Alone:
    """A server whose storage belongs to it alone has nobody to tell anything, and no lease."""

    def join(self) -> None:
        """Enter this server: from now on the others know that it lives. Raises Unavailable."""

    def start(self) -> None:
        """Begin to beat and to listen."""

    def stop(self, timeout: float) -> None:
        """Beat no more."""

    def leave(self) -> None:
        """Take this server off and tell the others, who adopt what it has left open."""

    @property
    def alive(self) -> bool:
        """Whether its thread lives, if it needs one."""
        return True

    def nodes(self) -> Sequence[NodeRecord]:
        """The servers that share the storage, this one included; none where there can be no other."""
        return ()

    def tell(self, what: str, *about: str) -> None:
        """Let the other servers know: of a ``workflow`` (namespace, id) that was changed, of ``packages``,
        that it has ``joined``, of a message in the ``inbox`` of a node, of ``room`` that a node has made,
        of what it ``want``s, of ``offers``."""


class Pulse(Alone):
    """Renews the lease from a thread of its own and hands on what it hears.

    ``send`` takes mail for the owner of executions. ``changed`` is told of a workflow (namespace, id) that
    another server has applied, switched or deleted, and without arguments that any may have been, and
    any package.
    """

    def __init__(
        self,
        storage: SharedStorage,
        node: NodeRecord,
        lease: float,
        send: Callable[[Mail], None],
        changed: Callable[..., None],
    ) -> None:
        self._storage = storage
        self._node = node
        self._lease = lease
        self._send = send
        self._changed = changed
        self._wake = threading.Event()
        self._stopped = False
        self._silent = False
        self._beaten = time.monotonic()
        self._lenient_until = 0.0
        self._thread = threading.Thread(target=self._loop, name="pulse", daemon=True)

    def join(self) -> None:
        self._storage.join(self._node)
        self._lenient_until = time.monotonic() + self._lease
        self.tell("joined")
        for other in self._storage.nodes():
            if found := differing(self._node.terms, other.terms):
                log.warning(
                    "the server %s has another %s: what becomes of work depends on which of the two does it",
                    other.address,
                    " and another ".join(found),
                )

    def start(self) -> None:
        self._storage.subscribe(self._heard)
        self._wake.set()  # a beat says whether there are others
        self._thread.start()

    def stop(self, timeout: float) -> None:
        self._stopped = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def leave(self) -> None:
        try:
            self._storage.leave(self._node.id)
            self._storage.announce("left")
        except WorkflowError as error:
            log.warning("the other servers will notice by themselves that this one has gone: %s", error)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def nodes(self) -> Sequence[NodeRecord]:
        return self._storage.nodes()

    def tell(self, what: str, *about: str) -> None:
        text = " ".join((what, *about))
        try:
            self._storage.announce(text)
        except WorkflowError as error:
            log.warning("the other servers could not be told %r: %s", text, error)

    def _loop(self) -> None:
        while not self._stopped:
            self._wake.wait(self._lease / BEATS)
            self._wake.clear()
            if not self._stopped:
                self._beat()

    def _beat(self) -> None:
        try:
            beat = self._storage.beat(self._node.id, self._patience())
            self._beaten = time.monotonic()
            if not beat.known and not self._stopped:
                log.warning("the other servers took this one for dead; it enters again")
                self._send(Reload())  # the owner enters it, since until then it holds what it has no right to
            if beat.orphans:
                self._send(Adopt())
            if beat.mail:
                self._send(Inbox())
            self._send(Room(beat.queued))
            self._send(Offers(beat.offers, beat.others))
            self._silent = False
        except Exception as error:
            if not self._silent:
                log.warning("the lease of this server could not be renewed, trying on: %s", error)
            self._silent = True

    def _patience(self) -> float:
        """For how long others may have been silent, in seconds, until they are dead.

        Whoever has just come, or come back since storage was away, cannot know: the others have a lease to
        come back too.
        """
        now = time.monotonic()
        if now - self._beaten > self._lease / 2:
            self._lenient_until = now + self._lease
        return FOREVER if now < self._lenient_until else self._lease

    def _heard(self, text: str) -> None:
        match text.split(" "):
            case ["workflow", namespace, id]:
                self._changed(namespace, id)
            case ["inbox", owner] if owner == self._node.id:
                self._send(Inbox())
            case ["queued"]:
                self._send(Room(queued=True, slots=False))
            case ["room", node] if node != self._node.id:
                self._send(Room())
            case ["want", node, count, held] if node != self._node.id:
                self._send(Want(int(count), int(held)))
            case ["offers"]:
                self._send(Offers())
            case ["joined" | "left"]:
                self._wake.set()
            case ["" | "packages"]:
                self._changed()
                self._wake.set()
