"""What is known of an execution while it runs: its tasks, drawn from its facts alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wfcore.cli import text
from wfcore.model.execution import TERMINAL

_STATES = {
    "task.started": "RUNNING",
    "task.waiting": "WAITING",
    "task.retrying": "WAITING",
    "task.limited": "WAITING",
    "task.skipped": "SKIPPED",
    "task.cancelled": "CANCELLED",
    "task.lost": "PENDING",
    "task.released": "PENDING",
}
_EXECUTION = {
    "execution.created": "PENDING",
    "execution.started": "RUNNING",
    "execution.waiting": "WAITING",
    "execution.resumed": "RUNNING",
    "execution.cancelling": "CANCELLING",
}


@dataclass(slots=True)
class Row:
    """One task. ``spans`` are its attempts, as (start, end or None while it runs); between them it waits."""

    path: str
    type: str = ""
    state: str = "PENDING"
    attempt: int = 0
    note: str = ""
    ended_at: datetime | None = None
    spans: list[tuple[datetime, datetime | None]] = field(default_factory=list)

    def seconds(self, now: datetime) -> float:
        """From its first start to its end."""
        return ((self.ended_at or now) - self.spans[0][0]).total_seconds() if self.spans else 0.0

    def take(self, kind: str, at: datetime, attempt: int, body: Mapping[str, Any]) -> None:
        """Follow a fact of this task."""
        self.state = body.get("state") or _STATES.get(kind, self.state)
        self.attempt = attempt or self.attempt
        self.note = _note(kind, body)
        if kind == "task.started":
            self.spans.append((at, None))
        elif self.spans and self.spans[-1][1] is None:
            self.spans[-1] = (self.spans[-1][0], at)
        if self.state in TERMINAL:
            self.ended_at = at


@dataclass(slots=True)
class Board:
    """An execution and its tasks, in the order of the file, then of appearance; ``types`` by path."""

    title: str
    types: Mapping[str, str] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    state: str = "PENDING"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, title: str, tasks: Iterable[tuple[str, str]]) -> Board:
        """A board for these tasks (path, type), on which those of the main part are already seen."""
        types = dict(tasks)
        return cls(title, types, {path: Row(path, type) for path, type in types.items() if path[0] != "@"})

    @property
    def ended(self) -> bool:
        """Whether the execution has ended."""
        return self.ended_at is not None

    def take(self, fact: Mapping[str, Any]) -> Row | None:
        """Follow a fact; the row it was about."""
        kind, at, body = fact["kind"], text.parse_time(fact["at"]), fact["body"]
        assert at is not None
        if fact["task"]:
            row = self.rows.setdefault(fact["task"], Row(fact["task"], self.types.get(fact["task"], "")))
            if kind != "log":
                row.take(kind, at, fact["attempt"], body)
            return row
        self.state = _EXECUTION.get(kind, self.state)
        if kind == "execution.started":
            self.started_at = at
        elif kind == "execution.finished":
            self.state, self.ended_at, self.error = body["state"], at, body.get("error")
        return None

    def seconds(self, now: datetime) -> float:
        """How long it runs, or ran."""
        return ((self.ended_at or now) - self.started_at).total_seconds() if self.started_at else 0.0


def _note(kind: str, body: Mapping[str, Any]) -> str:
    error = body.get("error")
    said = f"{error['type']}: {error['message']}" if error else ""
    if kind == "task.retrying":
        return f"again in {text.duration(body['delay'])} · {said}"
    if kind == "task.limited":
        return f"waits for the limit {body['limit']!r} ({body['in_use']} of {body['most']} in use)"
    if kind == "task.lost":
        return "lost with its server"
    return said
