"""Plugin projects on this machine: the runtimes that build and test them need no server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wfcore.cli.session import Session

if TYPE_CHECKING:
    from wfcore.packages.project import Built
    from wfcore.plugins.contracts import Runtime
    from wfcore.service.installed import Installed


@contextmanager
def installation(session: Session) -> Iterator[Installed]:
    """The plugins of this machine without a database; what they make is kept for the user."""
    from wfcore.engine.clock import SystemClock
    from wfcore.service.installed import Installed

    installed = Installed(session.configured({"dataDir": str(_cache())}), SystemClock())
    try:
        yield installed
    finally:
        installed.host.stop(1.0)
        installed.egress.close()


@contextmanager
def runtimes(session: Session) -> Iterator[Callable[[str], Runtime]]:
    """The runtimes of this installation by name, started when asked for and stopped on the way out.

    What they compile is kept for the user, not in the folder where a project happens to be made.
    """
    with installation(session) as installed:
        yield installed.runtime


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "workflow"


@contextmanager
def written(what: str) -> Iterator[None]:
    """While inside, a file that cannot be written is the user's business. Raises UsageError."""
    from wfcore.errors import UsageError

    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{what} cannot be written: {error.strerror}", remedy="choose another place, or make it writable"
        ) from error


def built(session: Session, folder: str) -> Built:
    """The package of a project. Raises as ``packages.project.build``."""
    from wfcore.packages.project import build

    with runtimes(session) as runtime:
        return build(Path(folder), runtime)
