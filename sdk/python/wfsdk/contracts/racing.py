"""What two servers do at the same moment, again and again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

ROUNDS = 30
#: Seconds after which something that should come will not.
PATIENCE = 60.0


def race(*acts: Callable[[], Any]) -> list[Any]:
    """Do all of them at the same moment; what each returned or raised."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        barrier.wait(PATIENCE)
        try:
            return act()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))
