"""The world of a test: a task context in which HTTP, records, secrets and other actions answer as told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Final, cast

from wfcore.egress.guard import Guard, Response
from wfcore.errors import RetryableError, TerminalError
from wfcore.model.workflow import Code
from wfcore.packages.trial.compare import request_differences, shown
from wfcore.plugins.contracts import Clock, Records, TaskContext

#: The time in every case that does not say another: 2026-01-01T00:00:00Z, in milliseconds.
NOW: Final = 1_767_225_600_000


class World:
    """The TaskContext of a case: HTTP, records, secrets and other actions answer as the case says."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        self.execution, self.namespace, self.workflow, self.task = "test", "default", "test", "task"
        self.attempt, self.depth = 1, 0
        self.key = "test/task/0"
        self.deadline: float | None = None
        self.clock: Clock = _Clock(case.get("now", NOW) * 1000)
        self.started_at = self.clock.now()
        self.env: Mapping[str, str] = case.get("env", {})
        self.code: Code | None = None
        self.permissions: Mapping[str, Any] | None = None
        self.pins: Mapping[str, str] = {}
        self.egress = cast(Guard, self)
        self.logs: list[str] = []
        self.failures: list[str] = []
        self.kv: dict[str, Any] = dict(case.get("kv", {}))
        self._http = list(case.get("http", ()))
        self._calls = list(case.get("calls", ()))

    def log(self, message: str, level: str = "INFO") -> None:
        """See ``TaskContext``."""
        self.logs.append(f"{level} {message}")

    def check(self) -> None:
        """Nobody cancels a test."""

    def sleep(self, seconds: float) -> None:
        """No pause."""

    def remaining(self, default: float) -> float:
        """All of it."""
        return default

    @contextmanager
    def on_cancel(self, close: Callable[[], None]) -> Iterator[None]:
        """Nobody cancels a test."""
        yield

    def mask(self, text: str) -> str:
        """A test has no secrets of the engine."""
        return text

    def records(self, namespace: str) -> Records:
        """The one set of records."""
        return _Memory(self.kv)

    def nested(self, name: str) -> TaskContext:
        """See ``TaskContext``."""
        below = copy(self)
        below.depth += 1
        below.key = f"{self.key}/{name}"
        return below

    def request(self, method: str, url: str, **given: Any) -> Response:
        """The answer to the next request of the case, if it is that request; stands in for the guard."""
        line = f"{method} {url}"
        if not self._http:
            raise self._unexpected(f"the request {line} is not expected")
        exchange = self._http.pop(0)
        wanted = exchange.get("request", {})
        for difference in request_differences(wanted, method, url, given["headers"], given["body"] or b""):
            self.failures.append(f"{line}: {difference}")
        answer = exchange.get("response", {})
        if "error" in answer:
            raise RetryableError(answer["error"], kind="network")
        headers = {name.lower(): str(value) for name, value in answer.get("headers", {}).items()}
        body = answer.get("body", "")
        if "json" in answer:
            body = json.dumps(answer["json"])
            headers.setdefault("content-type", "application/json")
        return Response(answer.get("status", 200), headers, body.encode(), url)

    def call(self, type: str, inputs: Any, task: Any) -> Any:
        """The output of the next call of the case, if it is that call."""
        if not self._calls:
            raise self._unexpected(f"the call of {type} is not expected")
        call = self._calls.pop(0)
        for name, got in (("type", type), ("inputs", inputs)):
            if name in call and call[name] != got:
                self.failures.append(f"call: {name} should be {shown(call[name])}, is {shown(got)}")
        if "error" in call:
            error = call["error"]
            raise TerminalError(error.get("message", "failed"), kind=error.get("type", "failed"))
        return call.get("output")

    def unasked(self) -> Iterator[str]:
        """What the case expects and the code did not do."""
        for exchange in self._http:
            wanted = exchange.get("request", {})
            yield f"the request {wanted.get('method', 'GET')} {wanted.get('url', '')} was not made"
        for call in self._calls:
            yield f"the call of {call.get('type', 'an action')} was not made"

    def _unexpected(self, what: str) -> TerminalError:
        self.failures.append(what)
        return TerminalError(what, kind="test")


@dataclass(frozen=True, slots=True)
class _Clock:
    """Stands still, but for durations."""

    time: int

    def now(self) -> int:
        return self.time

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class _Memory:
    """Records in memory."""

    kept: dict[str, Any] = field(default_factory=dict)

    def get(self, key: str) -> Any | None:
        return self.kept.get(key)

    def set(self, key: str, value: Any, *, ttl: float | None = None) -> None:
        self.kept[key] = value

    def delete(self, key: str) -> bool:
        return self.kept.pop(key, None) is not None
