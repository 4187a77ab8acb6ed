"""Fixtures for tests of plugins; pytest finds them when this package is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wfcore.api import Context
from wfsdk.contexts import ManualClock, context
from wfsdk.tasks import StubTask


@pytest.fixture
def wf_clock() -> ManualClock:
    """A clock that stands still until it is moved."""
    return ManualClock()


@pytest.fixture
def wf_context(tmp_path: Path, wf_clock: ManualClock) -> Callable[[str], Context]:
    """``wf_context(name)``: what a driver of that name is built with, in a data directory of its own."""
    return lambda name: context(name, tmp_path, wf_clock)


@pytest.fixture
def wf_task(tmp_path: Path) -> StubTask:
    """A task for actions: its log is kept, its records are in memory, it can be cancelled."""
    return StubTask(tmp_path)
