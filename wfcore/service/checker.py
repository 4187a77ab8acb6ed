"""Checks workflow files with the plugins of this machine; needs no database and no server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wfcore.config import Config
from wfcore.engine.clock import SystemClock
from wfcore.service.installed import Installed
from wfcore.service.loader import Loader


@contextmanager
def local_checker(config: Config) -> Iterator[Loader]:
    """A loader whose ``load(source, file)`` gives the Workflow or raises InvalidWorkflow."""
    installed = Installed(config, SystemClock())
    try:
        installed.read_packages(config)
        installed.listen()
        yield installed.loader()
    finally:
        installed.host.stop(1.0)
