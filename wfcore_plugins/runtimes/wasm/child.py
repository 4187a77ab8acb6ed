"""A sandbox process: gives up what it can, then does what it is told over its one socket."""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from wfcore_plugins.runtimes.wasm.frames import Channel, Head
from wfcore_plugins.runtimes.wasm.hardening import give_up
from wfcore_plugins.runtimes.wasm.limits import MAX_MADE

if TYPE_CHECKING:
    from wfcore_plugins.runtimes.wasm.machine import Ending, Machine, Work

#: More than wasm may use of it (1 MiB), with room for Python above and below.
_STACK: Final = 4 * 1024 * 1024
_STOPPED: Final = b'{"error":{"type":"cancelled","message":"the call is to stop","retryable":false}}'


def main() -> None:
    """``DESCRIPTOR MEMORY SECONDS`` in ``sys.argv``; never returns."""
    descriptor, memory, seconds = map(int, sys.argv[1:4])
    channel = Channel(socket.socket(fileno=descriptor), MAX_MADE)
    try:
        from wfcore_plugins.runtimes.wasm.machine import Machine

        machine = Machine()
        measures = give_up(memory, seconds)
        threading.stack_size(_STACK)
        machine.start()
        channel.send({"is": "ready", "measures": measures})
        Server(channel, machine).serve()
    except OSError:
        pass  # the server has gone
    except BaseException as error:
        channel.send({"is": "broken", "message": f"{type(error).__name__}: {error}"[:2000]})
    os._exit(0)


class _Talk:
    """What a call and its host say to each other."""

    __slots__ = ("answers", "stopped")

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.stopped = False

    def stop(self) -> None:
        """Whatever the call asks from now on is answered here."""
        self.stopped = True
        self.answers.put(_STOPPED)


#: How a thread is given its next call.
_Given = queue.SimpleQueue[tuple[int, "Work", _Talk]]


class Server:
    """Answers frames; each call has a thread, so that one that waits for its host keeps nobody."""

    def __init__(self, channel: Channel, machine: Machine) -> None:
        self._channel = channel
        self._machine = machine
        self._modules: dict[str, Any] = {}
        self._codes: dict[str, bytes] = {}
        self._talks: dict[int, _Talk] = {}
        #: How to reach the threads that have no call.
        self._idle: list[_Given] = []

    def serve(self) -> None:
        """Until the other end is closed."""
        while frame := self._channel.receive():
            head, body = frame
            match head["is"]:
                case "call":
                    self._begin(head, body)
                case "answer" if talk := self._talks.get(head["call"]):
                    talk.answers.put(body)
                case "stop" if talk := self._talks.get(head["call"]):
                    talk.stop()
                case "module":
                    self._load(head["digest"], body)
                case "code":
                    self._codes[head["digest"]] = body
                case "forget":
                    self._forget(head["digest"])
                case "compile":
                    self._compile(body)
                case "bytecode":
                    self._end(0, self._machine.bytecode(body, self._work(head, b"")))

    def _load(self, digest: str, artefact: bytes) -> None:
        try:
            self._modules[digest] = self._machine.load(artefact)
        except Exception as error:
            self._channel.send({"is": "refused", "message": str(error)[:2000]})

    def _forget(self, digest: str) -> None:
        if module := self._modules.pop(digest, None):
            self._machine.forget(module)
        self._codes.pop(digest, None)

    def _compile(self, content: bytes) -> None:
        try:
            made = self._machine.compile(content)
        except Exception as error:
            self._channel.send({"is": "failed", "message": str(error)[:2000]})
        else:
            self._channel.send({"is": "made"}, made)

    def _begin(self, head: Head, body: bytes) -> None:
        work, call = self._work(head, body), head["call"]
        talk = self._talks[call] = _Talk()
        try:
            given = self._idle.pop()
        except IndexError:
            given = queue.SimpleQueue()
            threading.Thread(target=self._work_on, args=(given,), name="calls", daemon=True).start()
        given.put((call, work, talk))

    def _work_on(self, given: _Given) -> None:
        """Run calls, one after another: a thread for each costs as much as a small call itself."""
        while True:
            self._take_turn(given)

    def _take_turn(self, given: _Given) -> None:
        """Run a call. While its thread clears up it is idle: the next call finds most of that done."""
        call, work, talk = given.get()
        self._run(call, work, talk)
        self._idle.append(given)
        self._machine.tidy()

    def _work(self, head: Head, request: bytes) -> Work:
        from wfcore_plugins.runtimes.wasm.machine import Work

        return Work(
            module=self._modules[head["module"]],
            request=request,
            now=head["now"],
            seed=head["seed"],
            timeout=head["timeout"],
            memory=head["memory"],
            output=head["output"],
            code=self._codes[head["code"]] if head["code"] else b"",
        )

    def _run(self, call: int, work: Work, talk: _Talk) -> None:
        from wfcore_plugins.runtimes.wasm.machine import Ending

        def ask(request: bytes) -> bytes:
            if talk.stopped:
                return _STOPPED
            self._channel.send({"is": "ask", "call": call}, request)
            return talk.answers.get()

        try:
            self._channel.send({"is": "began", "call": call})
            ending = self._machine.run(work, ask)
        except MemoryError:
            ending = Ending("memory", message="the sandbox process has no more memory")
        except Exception as error:
            ending = Ending("trap", message=f"{type(error).__name__}: {error}"[:500])
        del self._talks[call]
        self._end(call, ending)

    def _end(self, call: int, ending: Ending) -> None:
        try:
            head = {"is": "end", "call": call, "kind": ending.kind, "message": ending.message}
            self._channel.send(head, ending.content)
        except OSError:
            os._exit(0)
