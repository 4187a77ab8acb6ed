"""A sandbox process with the calls that are in it."""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Protocol

from wfcore_plugins.runtimes.wasm.compiling import Ready
from wfcore_plugins.runtimes.wasm.frames import Frame, Head
from wfcore_plugins.runtimes.wasm.process import Process

#: What a process is sent stays there: so many modules and scripts, and so many bytes.
_HELD: Final = 256
_HELD_BYTES: Final = 192 * 1024 * 1024
#: A call says one thing and waits: who has said more than this ahead is no process of ours.
_AHEAD: Final = 4
#: Seconds in which what a process that has ended said at last is read.
_LAST_WORDS: Final = 2.0


class Lost(Exception):
    """The process has ended before the call.

    ``charged`` unless it was killed because of another call; ``refused`` when it could not take a compiled
    module; ``why`` is what it said at last, or empty.
    """

    def __init__(self, charged: bool, refused: bool = False, why: str = "") -> None:
        super().__init__(why or "the sandbox process has ended")
        self.charged = charged
        self.refused = refused
        self.why = why


@dataclass(slots=True, eq=False)
class Seat:
    """A call's place in a process: what comes for it, None when nothing more will.

    ``memory`` is bytes. While its host answers a call ``waits``, and leaves the processor to others.
    """

    worker: Worker
    number: int
    memory: int
    waits: bool = False
    frames: queue.SimpleQueue[Frame | None] = field(default_factory=queue.SimpleQueue)

    def begin(self, ready: Ready, head: Head, body: bytes) -> None:
        """Begin the call, with what the process does not hold yet of its module. Raises Lost."""
        self.worker.begin(self, ready, head, body)

    def send(self, head: Head, body: bytes = b"") -> None:
        """Send a frame for this call. Raises Lost."""
        self.worker.send(self, head, body)

    def next(self, seconds: float) -> Frame:
        """What comes next. Raises queue.Empty when nothing does for so many seconds, and Lost."""
        frame = self.frames.get(timeout=max(0.0, seconds))
        if frame is None:
            raise self.worker.lost(self)
        return frame


class Owner(Protocol):
    """Who keeps the processes."""

    def ready(self, worker: Worker) -> None:
        """It has begun."""

    def retire(self, worker: Worker) -> bool:
        """Nobody has used it for a while: whether it is to end."""

    def gone(self, worker: Worker) -> None:
        """It has ended."""


class Worker:
    """``idle`` is the seconds after which it offers to end. With ``alone`` it is for one single call."""

    def __init__(self, process: Process, idle: float, owner: Owner, *, alone: bool) -> None:
        self.process = process
        self.alone = alone
        self.seats: dict[int, Seat] = {}
        self.begun = False
        #: It is about to end, and takes no more calls.
        self.doomed = False
        #: Whether its system calls are filtered, once it has begun.
        self.filtered = False
        #: What it said when it could not work.
        self.trouble = ""
        self.refused = False
        self._condemned: Seat | None = None
        self._idle = idle
        self._owner = owner
        self._sending = threading.Lock()
        self._held: OrderedDict[str, int] = OrderedDict()
        self.thread = threading.Thread(target=self._read, name=f"sandbox-{process.pid}", daemon=True)
        self.thread.start()

    @property
    def running(self) -> int:
        """How many of its calls do not wait for their hosts."""
        return sum(not seat.waits for seat in list(self.seats.values()))

    def begin(self, seat: Seat, ready: Ready, head: Head, body: bytes) -> None:
        """See ``Seat``. In one go: what another call sends may push out what this one needs."""
        with self._sending:
            self._give(seat, "module", ready.module, ready.artefact)
            if ready.code:
                self._give(seat, "code", ready.code, ready.bytecode)
            self._make_room(seat, {ready.module, ready.code})
            self._send(seat, {**head, "is": "call", "call": seat.number}, body)

    def send(self, seat: Seat, head: Head, body: bytes) -> None:
        """Send a frame for a call. Raises Lost."""
        with self._sending:
            self._send(seat, {**head, "call": seat.number}, body)

    def condemn(self, seat: Seat) -> None:
        """Kill the process because of this call."""
        if self._condemned is None:
            self._condemned = seat
        self.doomed = True
        self.process.kill()

    def lost(self, seat: Seat) -> Lost:
        """What to raise for a call when nothing more will come."""
        return Lost(self._condemned in (None, seat), self.refused, self.trouble)

    def _give(self, seat: Seat, kind: str, digest: str, content: bytes) -> None:
        if digest in self._held:
            self._held.move_to_end(digest)
            return
        self._send(seat, {"is": kind, "digest": digest}, content)
        self._held[digest] = len(content)

    def _make_room(self, seat: Seat, needed: set[str]) -> None:
        while len(self._held) > max(_HELD, len(needed)) or sum(self._held.values()) > _HELD_BYTES:
            oldest = next(iter(self._held))
            if oldest in needed:
                return
            del self._held[oldest]
            self._send(seat, {"is": "forget", "digest": oldest}, b"")

    def _send(self, seat: Seat, head: Head, body: bytes) -> None:
        try:
            self.process.send(head, body)
        except OSError:
            self.doomed = True
            self.thread.join(_LAST_WORDS)  # it hears why the process has ended, if that was said
            raise self.lost(seat) from None

    def _read(self) -> None:
        """Hand on what the process says, until it ends or nobody has used it for a while."""
        try:
            while self._hear():
                continue
        finally:
            self._owner.gone(self)
            for seat in list(self.seats.values()):
                seat.frames.put(None)
            self.process.end()

    def _hear(self) -> bool:
        """Take the next frame; False when there will be no more."""
        if not self.process.readable(self._idle):
            return not self._owner.retire(self)
        frame = self.process.receive()
        if frame is None:
            return False
        if not self._take(frame):
            self.process.kill()
            return False
        return True

    def _take(self, frame: Frame) -> bool:
        """Whether it is one that has its place."""
        head = frame[0]
        match head.get("is"):
            case "ready" if not self.begun:
                measures = head.get("measures")
                self.begun, self.filtered = True, isinstance(measures, list) and "seccomp" in measures
                self._owner.ready(self)
                return True
            case "broken" | "refused" as what:
                self.refused = what == "refused"
                self.trouble = str(head.get("message"))[:500]
                return False
        number = head.get("call")
        if not self.begun or not isinstance(number, int):
            return False
        seat = self.seats.get(number)
        if seat is None:
            return True  # the call has been left
        seat.frames.put(frame)
        return seat.frames.qsize() <= _AHEAD
