"""Follows an execution to its end: facts come from a thread, the display lives in the main one."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from wfcore.cli.board import Board
from wfcore.cli.view import View

#: Seconds between two drawings of the moving lines.
FRAME = 0.1

Fact = Mapping[str, Any]
#: Facts; an error of the source, or None, comes last.
Arrived = queue.SimpleQueue[Fact | BaseException | None]


class Terminated(KeyboardInterrupt):
    """SIGTERM came: as Ctrl-C, with another exit code."""

    exit_code = 143


def follow(
    source: Iterable[Fact], board: Board, view: View, interrupted: Callable[[int], None] | None = None
) -> None:
    """Show all facts of ``source`` until it ends.

    At the first KeyboardInterrupt ``interrupted`` gets its exit code and following goes on, so that the
    end is still seen; the second one, or the first without ``interrupted``, is raised.
    """
    arrived: Arrived = queue.SimpleQueue()
    thread = threading.Thread(target=_read, args=(source, arrived), daemon=True, name="facts")
    thread.start()
    try:
        while True:
            try:
                if not _show(arrived, board, view) or not (thread.is_alive() or arrived.qsize()):
                    return
            except KeyboardInterrupt as error:
                if interrupted is None:
                    raise
                call, interrupted = interrupted, None
                call(getattr(error, "exit_code", 130))
    finally:
        view.close()


@contextmanager
def terminable() -> Iterator[None]:
    """While inside, SIGTERM raises Terminated in the main thread."""

    def raise_it(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, raise_it)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _read(source: Iterable[Fact], arrived: Arrived) -> None:
    try:
        for fact in source:
            arrived.put(fact)
        arrived.put(None)
    except BaseException as error:
        arrived.put(error)


def _show(arrived: Arrived, board: Board, view: View) -> bool:
    """Take in what has arrived within a frame; False at the end."""
    try:
        item = arrived.get(timeout=FRAME)
    except queue.Empty:
        view.tick()
        return True
    while item is not None:
        if isinstance(item, BaseException):
            raise item
        view.take(item, board.take(item))
        try:
            item = arrived.get_nowait()
        except queue.Empty:
            view.tick()
            return True
    return False
