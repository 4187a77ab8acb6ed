"""Clients of a server that may be gone at any moment, and how to wait for it."""

import threading
import time
from contextlib import contextmanager


def wait(condition, what="it does not come", seconds=60.0):
    """Until the condition is true; what it says."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
    return found


@contextmanager
def clients(server, historian, count):
    """So many clients submit while inside, each with keys, and ask again when nobody answers: ids by key."""
    ids, enough = {}, threading.Event()

    def submit(client):
        for number in range(100_000):
            key = f"{client}-{number}"
            while key not in ids:
                try:
                    ids[key] = server.submit(key=key)
                    historian.accepted.add(ids[key])
                except (OSError, ValueError, AssertionError):  # it is stopping, or gone
                    time.sleep(0.02)
            if enough.wait(0.1):
                return

    threads = [threading.Thread(target=submit, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield ids
    finally:
        enough.set()
    for thread in threads:
        thread.join(30)
