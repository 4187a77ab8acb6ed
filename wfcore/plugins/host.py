"""Starts, watches and stops the live drivers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

from wfcore.errors import PluginError, WorkflowError
from wfcore.hooks.calls import Hooks
from wfcore.plugins.contracts import Driver
from wfcore.plugins.kinds import KINDS, Kind

log = logging.getLogger("workflow.plugins")
#: Seconds that all drivers have together when nobody says otherwise.
GRACE = 10.0


@dataclass(frozen=True, slots=True)
class Live:
    """A built driver and what it is called."""

    kind: Kind
    name: str
    driver: Driver

    @property
    def label(self) -> str:
        """``storage.sqlite``."""
        return f"{self.kind.name}.{self.name}"


class Host:
    """The drivers that run. They stop in reverse order; each is also registered with ``hooks``.

    As a context manager it stops everything on the way out.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._stack = ExitStack()
        self._live: dict[str, Live] = {}
        self._deadline = 0.0
        self._lock = threading.RLock()

    def start(self, drivers: Iterable[Live]) -> None:
        """Start them in the order of their kinds. One that fails stops everything; raises its error."""
        try:
            for live in sorted(drivers, key=lambda live: KINDS.index(live.kind)):
                self.add(live)
        except BaseException:
            self.stop(GRACE)
            raise

    def add(self, live: Live) -> None:
        """Start one more; a failure is its own alone. Raises PluginError or the driver's WorkflowError."""
        with self._lock:
            try:
                live.driver.start()
                self._hooks.register(live.label, live.driver)
            except BaseException as error:
                self._stop(live, GRACE)
                if isinstance(error, WorkflowError) or not isinstance(error, Exception):
                    raise
                raise PluginError(
                    f"{live.kind.name} {live.name!r} cannot start: {type(error).__name__}: {error}",
                    remedy="correct its settings, or report it to the author of the plugin",
                ) from error
            self._live[live.label] = live
            self._stack.callback(self._leave, live)

    def stop(self, seconds: float) -> None:
        """Stop all of them, the last one first; ``seconds`` are for all together. Never raises."""
        with self._lock:
            self._deadline = time.monotonic() + seconds
            self._stack.close()

    def health(self) -> Mapping[str, str]:
        """What is wrong with each driver, by label; empty texts when all is well."""
        return {label: _health(live.driver) for label, live in dict(self._live).items()}

    def _leave(self, live: Live) -> None:
        self._hooks.unregister(live.label)
        self._live.pop(live.label, None)
        self._stop(live, max(0.0, self._deadline - time.monotonic()))

    def _stop(self, live: Live, seconds: float) -> None:
        try:
            live.driver.stop(seconds)
        except Exception:
            log.exception("%s %r failed to stop", live.kind.name, live.name)

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(GRACE)


def _health(driver: Driver) -> str:
    try:
        return driver.health()
    except Exception as error:
        return f"cannot tell: {type(error).__name__}: {error}"
