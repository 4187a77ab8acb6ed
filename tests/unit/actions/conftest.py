"""A task context for actions run alone, and a local HTTP site."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cerberus
import pytest

from wfcore.api import Action, Cancel, Context, Guard, Result
from wfcore_plugins.actions.core import CoreActions


@dataclass
class Clock:
    time: int = 1_700_000_000_000_000

    def now(self) -> int:
        return self.time

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class Memory:
    """Records that keep JSON text, as the real ones do."""

    kept: dict[str, str] = field(default_factory=dict)
    ttls: dict[str, float | None] = field(default_factory=dict)

    def get(self, key: str) -> Any | None:
        return json.loads(self.kept.get(key, "null"))

    def set(self, key: str, value: Any, *, ttl: float | None = None) -> None:
        self.kept[key], self.ttls[key] = json.dumps(value), ttl

    def delete(self, key: str) -> bool:
        return self.kept.pop(key, None) is not None


@dataclass
class Task:
    """A task context whose ``cancel`` does what the engine's does."""

    egress: Guard
    execution: str = "0190"
    namespace: str = "default"
    workflow: str = "w"
    task: str = "t"
    attempt: int = 1
    key: str = "0190:t:0"
    deadline: float | None = None
    clock: Clock = field(default_factory=Clock)
    logged: list[tuple[str, str]] = field(default_factory=list)
    stores: dict[str, Memory] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)
    closers: list[Callable[[], None]] = field(default_factory=list)

    def log(self, message: str, level: str = "INFO") -> None:
        self.logged.append((level, message))

    def check(self) -> None:
        if self.cancelled.is_set():
            raise Cancel("cancelled")

    def sleep(self, seconds: float) -> None:
        if self.cancelled.wait(seconds):
            raise Cancel("cancelled")

    def remaining(self, default: float) -> float:
        return default if self.deadline is None else max(0.0, min(default, self.deadline - time.monotonic()))

    @contextmanager
    def on_cancel(self, close: Callable[[], None]) -> Iterator[None]:
        self.closers.append(close)
        try:
            self.check()
            self.waiting.set()
            yield
        finally:
            self.closers.remove(close)

    def mask(self, text: str) -> str:
        return text.replace("s3cret", "***")

    def records(self, namespace: str) -> Memory:
        return self.stores.setdefault(namespace, Memory())

    def cancel(self) -> None:
        self.cancelled.set()
        for close in list(self.closers):
            close()


class Pack:
    """The pack's actions, called as the engine does: inputs checked against the rules first."""

    def __init__(self, driver: CoreActions, task: Task) -> None:
        self.driver, self.task = driver, task
        self.actions: dict[str, Action] = {action.name: action for action in driver.actions()}

    def faults(self, name: str, **inputs: Any) -> Mapping[str, Any]:
        """What the rules say against the inputs."""
        validator = cerberus.Validator(dict(self.actions[name].inputs))
        validator.allow_unknown = not self.actions[name].inputs
        validator.validate(inputs)
        return validator.errors

    def __call__(self, name: str, **inputs: Any) -> Any:
        assert self.faults(name, **inputs) == {}
        return self.actions[name].run(inputs, self.task)

    def output(self, name: str, **inputs: Any) -> Any:
        result = self(name, **inputs)
        return result.output if isinstance(result, Result) else result


@pytest.fixture
def make_pack(tmp_path: Path) -> Iterator[Callable[..., Pack]]:
    opened: list[CoreActions] = []

    def make(guard: Guard | None = None, **connections: str) -> Pack:
        urls = {name: {"url": url} for name, url in connections.items()}
        context = Context("core", logging.getLogger("test"), Clock(), tmp_path, connections=urls)
        driver = CoreActions({}, context)
        driver.start()
        opened.append(driver)
        return Pack(driver, Task(guard or Guard(default="none")))

    yield make
    for driver in opened:
        driver.stop(1.0)


@pytest.fixture
def run(make_pack: Callable[..., Pack]) -> Pack:
    return make_pack()


@dataclass
class Site:
    port: int
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(
        self, body: bytes, kind: str | None = "application/json", status: int = 200, **more: str
    ) -> None:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        self.status, self.body = status, body
        self.headers = {**({"Content-Type": kind} if kind else {}), **named}


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            site.seen.append((self.command, self.path, headers, body))
            if self.path == "/held":
                site.held.wait(10)
            self.send_response(site.status)
            for name, value in {**site.headers, "Content-Length": str(len(site.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(site.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = handle_any

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            pass  # a cancelled client hangs up

    server = Server(("127.0.0.1", 0), Handler)
    site = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield site
    site.held.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def web(make_pack: Callable[..., Pack], site: Site) -> Iterator[Pack]:
    """The pack with a guard that allows the local site."""
    guard = Guard([site.url], default="none")
    yield make_pack(guard)
    guard.close()
