"""The `local` dispatcher: attempts run on threads of the server itself."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, ClassVar

from wfcore.api import Context, Job


class LocalDispatcher:
    """Threads that are made when they are first needed and then kept.

    The engine limits what runs at once to ``execution.maxConcurrentTasks``, so there are hardly more
    threads than that, and what is dispatched starts at once. One thread at a time is on its way to what
    waits, and calls the next when it has taken a job: so of many jobs that take no time one thread does
    most, where a thread for each would only wake to wait for the interpreter.
    """

    contract: ClassVar[int] = 1
    schema: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._jobs: deque[Job] = deque()
        #: Whether a thread is on its way to take a job: while there are jobs, one is.
        self._coming = False
        self._idle = 0
        self._calls: SimpleQueue[bool] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._run: Callable[[Job], None]

    def attach(self, run: Callable[[Job], None]) -> None:
        """Receive the function that runs one attempt; it does not raise."""
        self._run = run

    def start(self) -> None:
        """Threads come when they are needed."""

    def dispatch(self, job: Job) -> None:
        """Let a thread come for the attempt: one that is on its way, an idle one, or a new one."""
        with self._lock:
            self._jobs.append(job)
            try:
                self._call()
            except RuntimeError:  # the system gives no more threads
                self._jobs.pop()
                raise

    def stop(self, deadline: float) -> None:
        """Let idle threads end; one that is still in an action is left to the end of the process."""
        until = time.monotonic() + deadline
        for _ in self._threads:
            self._calls.put(False)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def health(self) -> str:
        """Threads of this process are always well."""
        return ""

    def _call(self) -> None:
        """Let a thread come, unless one does; with the lock held. Raises RuntimeError when there is none."""
        if self._coming:
            return
        if self._idle:
            self._idle -= 1
            self._calls.put(True)
        else:
            name = f"worker-{len(self._threads) + 1}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        self._coming = True

    def _work(self) -> None:
        called = True
        while called:
            job = self._take(arrived=True)
            while job is not None:
                self._run(job)
                job = self._take()
            called = self._calls.get()

    def _take(self, *, arrived: bool = False) -> Job | None:
        """The next job, whose successor another thread comes for; without one, this thread is idle."""
        with self._lock:
            if arrived:
                self._coming = False
            if not self._jobs:
                self._idle += 1
                return None
            job = self._jobs.popleft()
            if self._jobs:
                with suppress(RuntimeError):  # then who has done his job comes for it
                    self._call()
            return job
