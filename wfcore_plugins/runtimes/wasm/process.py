"""A sandbox process as the server sees it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

from wfcore_plugins.runtimes.wasm.frames import BadFrame, Channel, Frame, Head

_ROOT: Final = str(Path(__file__).parents[3])
_BOOT: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from wfcore_plugins.runtimes.wasm.child import main; main()"
)
#: Seconds that it has to take what it is sent.
_PATIENCE: Final = 5


class Process:
    """Started at once, in a session of its own, with an empty environment and one open socket.

    ``memory`` is bytes, of the whole process; ``seconds`` the processor time that it may use, 0 for no
    limit; ``most`` the bytes that it may send at once. Raises OSError when none can be started.
    """

    def __init__(self, memory: int, most: int, seconds: int = 0) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and code)
                    [sys.executable, "-I", "-c", _BOOT, _ROOT]
                    + [str(number) for number in (theirs.fileno(), memory, seconds)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={},
                    cwd="/",
                    close_fds=True,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        self._channel = Channel(ours, most, _PATIENCE)
        #: Whether it was ended here, and not by itself.
        self.killed = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def send(self, head: Head, body: bytes = b"") -> None:
        """Send a frame. Raises OSError when the process has ended; one that does not read is killed."""
        try:
            self._channel.send(head, body)
        except OSError:
            self._process.kill()
            raise

    def receive(self) -> Frame | None:
        """The next frame, None when the process has ended or says nonsense (and is killed then)."""
        try:
            return self._channel.receive()
        except (OSError, BadFrame):
            self._process.kill()
            return None

    def readable(self, seconds: float) -> bool:
        """Whether it says something, or ends, within so many seconds."""
        return self._channel.readable(seconds)

    def kill(self) -> None:
        """End it now, whatever it does."""
        self.killed = True
        self._process.kill()

    def end(self) -> None:
        """Kill it, which has nothing to lose, and clear up after it."""
        self._process.kill()
        self._channel.close()
        self._process.wait()
