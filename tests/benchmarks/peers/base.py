"""What an engine is asked, and how its processes are kept."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness import in_parallel, proportional_memory, timed
from wire import Wire

#: Length of the chain of B1, width of the fan of B2, length of the chain of B3 and B4.
CHAIN, FAN, SHORT = 40, 40, 3


class Peer(ABC):
    """An engine that runs. ``start`` leaves it ready for everything that is asked."""

    name = ""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._processes: list[subprocess.Popen[Any]] = []

    @abstractmethod
    def start(self) -> None:
        """Start it."""

    @abstractmethod
    def run(self, workflow: str) -> float:
        """Run ``chain``, ``fan`` or ``short`` to its end; seconds."""

    @abstractmethod
    def burst(self, number: int) -> float:
        """Run so many ``short`` at once, until all have ended; executions per second."""

    def batch(self, number: int) -> float:
        """The same, submitted by one request. Raises NotImplementedError when there is none for that."""
        raise NotImplementedError

    def memory(self) -> float:
        """PSS (MB) of all its processes and those that they have started."""
        return sum(proportional_memory(pid) for process in self._processes for pid in family(process.pid))

    def spawn(self, command: list[Any], **options: Any) -> subprocess.Popen[Any]:
        """Start one of its processes; what it says goes to a log in its home."""
        with (self.home / "log").open("ab") as log:
            settings = {"stdout": log, "stderr": log, "cwd": self.home, **options}
            words = [str(word) for word in command]
            process = subprocess.Popen(words, start_new_session=True, **settings)
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """End its processes, with all that they have started."""
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class Asked(Peer):
    """A library in an application of its own, that is asked by lines and answers with numbers.

    So it is measured without HTTP between, which an application would add.
    """

    _application: subprocess.Popen[str]

    def ask(self, *words: object) -> float:
        """Send a line; the number that comes back."""
        assert self._application.stdin is not None
        assert self._application.stdout is not None
        self._application.stdin.write(" ".join(map(str, words)) + "\n")
        self._application.stdin.flush()
        line = self._application.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} has ended: {(self.home / 'log').read_text()[-2000:]}")
        return float(json.loads(line))

    def launch(self, python: Path, *words: object, **environment: str) -> None:
        """Start the application and wait until it is ready."""
        self._application = self.spawn(
            [python, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
        self.ask("ready")

    def run(self, workflow: str) -> float:
        """See Peer."""
        return self.ask(workflow)

    def burst(self, number: int) -> float:
        """See Peer."""
        return self.ask("burst", number)


class Called(Peer):
    """An engine that runs a workflow for a request and answers at its end."""

    connections = 200
    _wire: Wire

    @abstractmethod
    def path(self, workflow: str) -> str:
        """Where a workflow is called. Raises NotImplementedError for one that it has not."""

    def opened(self, port: int) -> None:
        """It is ready, and answers at this port."""
        self._port, self._wire = port, Wire(port)

    def call(self, wire: Wire, workflow: str) -> None:
        """Run a workflow to its end."""
        status, content = wire.post(self.path(workflow))
        if status != 200:
            raise SystemExit(f"{self.name}: {workflow} was answered by {status} {content[:300]!r}")

    def run(self, workflow: str) -> float:
        """See Peer."""
        return timed(lambda: self.call(self._wire, workflow))

    def burst(self, number: int) -> float:
        """See Peer: as many requests wait at once as there are connections."""

        def caller(_: int) -> Callable[[], None]:
            wire = Wire(self._port)
            return lambda: self.call(wire, "short")

        return number / timed(lambda: in_parallel(number, self.connections, caller))


def family(pid: int) -> Iterator[int]:
    """A process and those that it and they have started."""
    yield pid
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in listed.read_text().split():
            yield from family(int(child))


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def await_answer(url: str, seconds: float = 120) -> None:
    """Wait until something answers there, whatever the answer is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing answers at {url}")
