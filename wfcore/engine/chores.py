"""Housekeeping at leisure: retention and sweeping, by the `schedule` library, each run guarded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from wfcore.audit import AuditLog
from wfcore.engine.flow import SECOND
from wfcore.plugins.contracts import Clock, Storage

log = logging.getLogger("workflow.chores")
#: Executions removed in one transaction, so that nobody waits long for it.
PURGE = 200
#: The first round comes so many seconds after the start.
SOON = 60


class Chores:
    """One thread that sleeps until the next chore. ``retention`` is that of executions, ``remembrance`` that
    of the audit log, in seconds."""

    def __init__(
        self, storage: Storage, clock: Clock, audit: AuditLog, retention: float, remembrance: float
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._audit = audit
        self._retention = round(retention * SECOND)
        self._others: list[tuple[float, Callable[[], int]]] = []
        self._remembrance = round(remembrance * SECOND)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="chores", daemon=True)

    def add(self, seconds: float, chore: Callable[[], int]) -> None:
        """Another part's chore, done every so many seconds; to be said before ``start``."""
        self._others.append((seconds, chore))

    def start(self) -> None:
        """Begin; the first round is soon, since a server may not live for an hour."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Finish what is being done, start nothing more."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def retain(self) -> int:
        """Delete the executions whose time is over; how many."""
        before, total = self._clock.now() - self._retention, 0
        while not self._stopped.is_set():
            gone = self._storage.purge(before, PURGE)
            total += gone
            if gone < PURGE:
                break
        if total:
            log.info("deleted %d executions that ended before the retention time", total)
        return total

    def sweep(self) -> int:
        """Delete what nobody refers to any more; how many rows."""
        return self._storage.sweep(self._clock.now())

    def prune(self) -> int:
        """Remove the entries of the audit log whose time is over; how many."""
        return self._audit.prune(self._clock.now() - self._remembrance)

    def _loop(self) -> None:
        import schedule

        scheduler = schedule.Scheduler()
        interval = min(3600, max(1, self._retention // SECOND // 4))
        own = ((interval, act) for act in (self.retain, self.sweep, self.prune))
        for seconds, act in (*own, *self._others):
            chore, pause = self._guarded(act), max(1, round(seconds))
            scheduler.every(pause).seconds.do(chore)
            scheduler.every(min(pause, SOON)).seconds.do(_once, chore)
        while not self._stopped.wait(max(0.0, scheduler.idle_seconds or 0.0)):
            scheduler.run_pending()

    def _guarded(self, chore: Callable[[], int]) -> Callable[[], None]:
        """The library would stop for good at the first exception."""

        def run() -> None:
            try:
                chore()
            except Exception:
                log.exception("chore %s failed; it is tried again next time", chore.__name__)

        return run


def _once(chore: Callable[[], None]) -> object:
    from schedule import CancelJob

    chore()
    return CancelJob
