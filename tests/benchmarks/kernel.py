"""B1 to B5: the kernel's speed and size, measured from outside against a real server process.

``python tests/benchmarks/kernel.py [ROUNDS]`` prints JSON lines: name, what is measured, median,
spread (lowest, highest), unit. SQLite with synchronous=FULL in a temporary directory.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

WORKFLOW = [sys.executable, "-m", "wfcore"]


def chain(id: str, length: int, head: str = "") -> str:
    """A chain of light tasks, each adding one to the result of the last."""
    lines = [f"id: {id}", head, "tasks:", "  t0: {type: core/set, inputs: {v: 0}}"]
    for i in range(1, length):
        lines.append(f'  t{i}: {{type: core/set, inputs: {{v: "{{{{ tasks.t{i - 1}.output.v + 1 }}}}"}}}}')
    return "\n".join(lines)


def fan(id: str, width: int) -> str:
    """Parallel light tasks and a join."""
    tasks = [f"  t{i}: {{type: core/set, inputs: {{v: {i}}}}}" for i in range(width)]
    needs = ", ".join(f"t{i}" for i in range(width))
    return "\n".join([f"id: {id}", "tasks:", *tasks, f"  join: {{type: core/set, needs: [{needs}]}}"])


HOOK = "trigger: {webhook: {path: /bench, method: POST, auth: none, respond: result}}"


class Client:
    """One kept connection to the server."""

    def __init__(self, address: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(address.removeprefix("http://"))
        self._headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> dict:
        """The decoded answer; anything but 2xx ends the benchmark."""
        self._connection.request(method, path, body, {**self._headers, "Content-Type": kind})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content)


@contextmanager
def server(directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, str, float]]:
    """A server of its own; yields process, address, token and the seconds until it was ready."""
    config = directory / "workflow.config.yaml"
    config.write_text(f"server: {{port: 0}}\nstorage: {{path: {directory}/data/db.sqlite}}\n")
    begun = time.perf_counter()
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*WORKFLOW, "server", "start", "--config", str(config)], stderr=log, stdout=log
        )
    try:
        address = _ready(directory, process)
        yield (
            process,
            address,
            (directory / "data/admin.token").read_text().strip(),
            time.perf_counter() - begun,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _ready(directory: Path, process: subprocess.Popen[bytes]) -> str:
    lock = directory / "data/server.lock"
    while process.poll() is None:
        found = re.search(r'"address": "([^"]+)"', lock.read_text()) if lock.exists() else None
        if found:
            return found[1]
        time.sleep(0.002)
    raise SystemExit((directory / "server.log").read_text())


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def report(name: str, what: str, unit: str, values: list[float]) -> None:
    """One JSON line."""
    shown = {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
    rounded = {key: float(f"{value:.4g}") for key, value in shown.items()}
    print(
        json.dumps({"name": name, "what": what, "unit": unit, **rounded, "rounds": len(values)}), flush=True
    )


def run_to_end(client: Client, workflow: str) -> None:
    """Submit and wait for the end, in one request."""
    answer = client.call("POST", f"/api/v1/workflows/default/{workflow}/executions?wait=10", b"{}")
    if answer["state"] != "SUCCESS":
        raise SystemExit(f"{workflow}: {answer}")


def burst(address: str, token: str, count: int, connections: int = 16) -> float:
    """Submit ``count`` executions at once and wait until all have ended; executions per second."""
    work: SimpleQueue[int] = SimpleQueue()
    for number in range(count):
        work.put(number)
    before = _ended(Client(address, token))

    def submit() -> None:
        client = Client(address, token)
        try:
            while True:
                work.get_nowait()
                client.call("POST", "/api/v1/workflows/default/c3/executions", b"{}")
        except Empty:
            return

    begun = time.perf_counter()
    threads = [threading.Thread(target=submit) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client = Client(address, token)
    while _ended(client) - before < count:
        time.sleep(0.005)
    return count / (time.perf_counter() - begun)


def _ended(client: Client) -> int:
    return client.call("GET", "/api/v1/server")["executions"].get("SUCCESS", 0)


def webhook(client: Client, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds to the first task's start (by the engine's own clock) and to completion (by ours)."""
    started, completed = [], []
    for _ in range(rounds):
        seconds = timed(lambda: client.call("POST", "/hooks/bench", b"{}"))
        completed.append(seconds * 1000)
    listed = client.call("GET", f"/api/v1/executions?workflow=hook&limit={rounds}")["executions"]
    for execution in listed:
        facts = client.call("GET", f"/api/v1/executions/{execution['id']}/facts")["facts"]
        at = {fact["kind"]: fact["at"] for fact in reversed(facts)}
        started.append(_microseconds(at["task.started"], at["execution.created"]) / 1000)
    return started, completed


def _microseconds(later: str, earlier: str) -> float:
    from datetime import datetime

    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds() * 1e6


def proportional_memory(pid: int) -> float:
    """PSS of a process in MB; 0 where the system does not tell."""
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    found = re.search(r"^Pss:\s+(\d+) kB", rollup.read_text(), re.M) if rollup.exists() else None
    return int(found[1]) / 1024 if found else 0.0


def main(rounds: int = 20) -> None:
    """Run everything and print."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with server(directory) as (process, address, token, cold):
            idle = proportional_memory(process.pid)
            client = Client(address, token)
            for source in (chain("b1", 40), fan("b2", 40), chain("c3", 3), chain("hook", 3, HOOK)):
                client.call("POST", "/api/v1/workflows", source.encode(), "application/yaml")
            run_to_end(client, "b1")
            report(
                "B1",
                "chain of 40 light tasks",
                "s",
                [timed(lambda: run_to_end(client, "b1")) for _ in range(rounds)],
            )
            report(
                "B2",
                "40 parallel tasks and a join",
                "s",
                [timed(lambda: run_to_end(client, "b2")) for _ in range(rounds)],
            )
            report(
                "B3",
                "200 executions of a 3-task chain at once",
                "1/s",
                [burst(address, token, 200) for _ in range(5)],
            )
            started, completed = webhook(client, 100)
            report("B4", "webhook accepted to first task started", "ms", started)
            report("B4", "webhook to completed, sequential", "ms", completed)
            report("B5", "memory after the load (PSS)", "MB", [proportional_memory(process.pid)])
        report("B5", "idle memory (PSS)", "MB", [idle])
        colds = [cold]
        for number in range(4):
            again = directory / str(number)
            again.mkdir()
            with server(again) as (_, _, _, cold):
                colds.append(cold)
        report("B5", "cold start to ready", "s", colds)
    helps = [
        timed(lambda: subprocess.run([*WORKFLOW, "--help"], stdout=subprocess.DEVNULL, env=os.environ))
        for _ in range(10)
    ]
    report("B5", "--help", "ms", [seconds * 1000 for seconds in helps])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
