"""Hears what the servers of one database tell each other: LISTEN on a connection and a thread of its own."""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Connection

from wfcore.api import PluginError

from .permits import CHANNEL
from .postgres_faults import line
from .postgres_target import Target

_FIRST_PAUSE: Final = 0.1
_LAST_PAUSE: Final = 10.0


class Listener:
    """``heard`` gets each payload, and an empty text whenever listening begins. It waits, it never polls."""

    def __init__(self, target: Target, heard: Callable[[str], None], logger: logging.Logger) -> None:
        self._target = target
        self._heard = heard
        self._logger = logger
        self._pause = _FIRST_PAUSE
        self._halt, self._halting = os.pipe()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> None:
        """Begin to listen; returns at once."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End the thread; a ``heard`` that does not return within ``timeout`` seconds is left alone."""
        os.write(self._halting, b"x")
        self._thread.join(timeout)
        if not self._thread.is_alive():
            os.close(self._halt)
            os.close(self._halting)

    def _run(self) -> None:
        while not self._halted(0.0):
            try:
                connection = self._target.connect()
                try:
                    self._listen(connection)
                finally:
                    connection.close()
            except (psycopg2.Error, PluginError) as error:
                self._logger.warning(
                    "other servers cannot be heard, trying again in %.1f s: the database %s: %s",
                    self._pause, self._target, line(error),
                )  # fmt: skip
                if self._halted(self._pause):
                    return
                self._pause = min(2 * self._pause, _LAST_PAUSE)

    def _listen(self, connection: Connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"listen {CHANNEL}")
        self._pause = _FIRST_PAUSE
        self._tell("")
        while True:
            for notice in connection.notifies:
                self._tell(notice.payload)
            connection.notifies.clear()
            ready, _, _ = select.select((connection.fileno(), self._halt), (), ())
            if self._halt in ready:
                return
            connection.poll()

    def _tell(self, payload: str) -> None:
        try:
            self._heard(payload)
        except Exception:
            self._logger.exception("a notification could not be handled")

    def _halted(self, timeout: float) -> bool:
        """Whether ``stop`` was called, waiting so long for it."""
        return bool(select.select((self._halt,), (), (), timeout)[0])
