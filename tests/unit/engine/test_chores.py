"""Chores of other parts of the server are done too, and none stops the rest."""

import threading
from types import SimpleNamespace

from wfcore.engine.chores import Chores
from wfcore.engine.clock import SystemClock


def test_a_chore_that_was_added_is_done_again_and_again_whatever_fails():
    storage = SimpleNamespace(purge=lambda *_: 0, sweep=lambda *_: 0)
    audit = SimpleNamespace(prune=lambda *_: 0)
    chores = Chores(storage, SystemClock(), audit, 3600, 3600)
    done, twice = [], threading.Event()

    def act():
        done.append(1)
        if len(done) >= 2:
            twice.set()
        raise OSError("on purpose")

    chores.add(1, act)
    chores.start()
    try:
        assert twice.wait(20)
    finally:
        chores.stop(5)
