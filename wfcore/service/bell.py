"""What wakes the main thread when the server shall stop: a signal, or a request."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_BY_API: Final = 0


class Bell:
    """Hears signals and calls for the stop. The second signal ends the process at once.

    A thread reads the pipe that the interpreter's own signal handler writes to: Python's handlers run
    only when the main thread is not blocked, and the system may give a signal to any thread.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._rung = threading.Event()
        self._reason = ""
        threading.Thread(target=self._listen, name="bell", daemon=True).start()

    @property
    def pipe(self) -> int:
        """Where the number of each signal is written."""
        return self._writer

    def ring(self) -> None:
        """Ask for the stop, from any thread."""
        os.write(self._writer, bytes([_BY_API]))

    def wait(self) -> str:
        """Until somebody asks for the stop; who it was."""
        self._rung.wait()
        return self._reason

    def close(self) -> None:
        """End the thread."""
        os.close(self._writer)

    def _listen(self) -> None:
        signals = 0
        while heard := os.read(self._reader, 1):
            number = heard[0]
            signals += number != _BY_API
            if signals > 1:
                os._exit(128 + number)
            self._reason = "asked through the API" if number == _BY_API else signal.Signals(number).name
            self._rung.set()
        os.close(self._reader)


@contextmanager
def hear_signals() -> Iterator[Bell]:
    """A bell that SIGTERM and SIGINT ring while inside; for the main thread only."""
    bell = Bell()
    pipe = signal.set_wakeup_fd(bell.pipe, warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, _heard) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield bell
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(pipe)
        bell.close()


def _heard(_number: int, _frame: FrameType | None) -> None:
    """The bell has heard it already."""
