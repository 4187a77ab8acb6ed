"""The contract of dispatchers as tests.

In a test module of yours::

    from wfsdk.contexts import context
    from wfsdk.contracts.dispatchers import DispatcherContract

    class TestMyDispatcher(DispatcherContract):
        def make(self, tmp_path):
            return MyDispatcher({}, context("mine", tmp_path))
"""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from pathlib import Path

from wfcore.api import CONTRACT, Dispatcher, Job

#: Seconds that a job may take to begin.
PATIENCE = 20.0


def job(number: int) -> Job:
    """One of many jobs."""
    return Job(f"execution-{number % 7}", f"task-{number}", 1, f"key-{number}")


class DispatcherContract:
    """A subclass says how a dispatcher is made."""

    @abstractmethod
    def make(self, tmp_path: Path) -> Dispatcher:
        """A dispatcher that is neither attached nor started."""

    def test_it_has_the_number_of_the_contract(self, tmp_path: Path) -> None:
        assert self.make(tmp_path).contract == CONTRACT

    def test_each_job_is_run_once(self, tmp_path: Path) -> None:
        ran: list[Job] = []
        done = threading.Event()

        def run(one: Job) -> None:
            ran.append(one)
            if len(ran) == 200:
                done.set()

        dispatcher = self._started(tmp_path, run)
        jobs = [job(number) for number in range(200)]
        for one in jobs:
            dispatcher.dispatch(one)
        assert done.wait(PATIENCE), f"{len(ran)} of 200 were run"
        dispatcher.stop(PATIENCE)
        assert sorted(ran, key=lambda one: one.key) == sorted(jobs, key=lambda one: one.key)

    def test_jobs_run_side_by_side_and_dispatching_waits_for_none(self, tmp_path: Path) -> None:
        together = threading.Barrier(21)
        dispatcher = self._started(tmp_path, lambda _: together.wait(PATIENCE) and None)
        began = time.monotonic()
        for number in range(20):
            dispatcher.dispatch(job(number))
        assert time.monotonic() - began < PATIENCE / 4
        together.wait(PATIENCE)  # only all of them together come through
        dispatcher.stop(PATIENCE)

    def test_stopping_waits_for_what_runs_but_no_longer_than_it_may(self, tmp_path: Path) -> None:
        begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

        def run(_: Job) -> None:
            begun.set()
            go_on.wait(PATIENCE)
            ended.set()

        dispatcher = self._started(tmp_path, run)
        dispatcher.dispatch(job(1))
        assert begun.wait(PATIENCE)
        before = time.monotonic()
        dispatcher.stop(0.2)
        assert time.monotonic() - before < PATIENCE / 2
        go_on.set()
        assert ended.wait(PATIENCE)

    def test_it_is_well(self, tmp_path: Path) -> None:
        dispatcher = self._started(tmp_path, lambda _: None)
        assert dispatcher.health() == ""
        dispatcher.stop(1.0)

    def _started(self, tmp_path: Path, run: object) -> Dispatcher:
        dispatcher = self.make(tmp_path)
        dispatcher.attach(run)  # type: ignore[arg-type]
        dispatcher.start()
        return dispatcher
