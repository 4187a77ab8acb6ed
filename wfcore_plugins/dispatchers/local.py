"""The `local` dispatcher: attempts run on threads of the server itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any, ClassVar

from wfcore.api import Context, Job


class LocalDispatcher:
    """Threads that are made when they are first needed and then kept.

    The engine limits what runs at once to ``execution.maxConcurrentTasks``, so there are hardly more
    threads than that, and what is dispatched starts at once.
    """

    contract: ClassVar[int] = 1
    schema: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._lock = threading.Lock()
        self._run: Callable[[Job], None]

    def attach(self, run: Callable[[Job], None]) -> None:
        """Receive the function that runs one attempt; it does not raise."""
        self._run = run

    def start(self) -> None:
        """Threads come when they are needed."""

    def dispatch(self, job: Job) -> None:
        """Hand the attempt to an idle thread, or to a new one."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                name = f"worker-{len(self._threads) + 1}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)
        self._jobs.put(job)

    def stop(self, deadline: float) -> None:
        """Let idle threads end; one that is still in an action is left to the end of the process."""
        until = time.monotonic() + deadline
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def health(self) -> str:
        """Threads of this process are always well."""
        return ""

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._run(job)
            with self._lock:
                self._idle += 1
