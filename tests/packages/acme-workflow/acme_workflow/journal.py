"""Tables in memory and every change of them on disk, one line a transaction."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from copy import copy
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from wfcore.api import (
    AuditRecord,
    ExecutionRecord,
    Fact,
    Message,
    PackageRecord,
    Permit,
    SecretRecord,
    TaskRecord,
    TokenRecord,
    TriggerRecord,
    WorkflowRecord,
)

Key = tuple[Any, ...]
ROWS = {
    row.__name__: row
    for row in (
        AuditRecord,
        ExecutionRecord,
        Fact,
        Message,
        PackageRecord,
        Permit,
        SecretRecord,
        TaskRecord,
        TokenRecord,
        TriggerRecord,
        WorkflowRecord,
    )
}


class Change:
    """A transaction: reads see its own writes, and nothing is written before ``Journal.write``."""

    def __init__(self, tables: dict[str, dict[Key, Any]]) -> None:
        self._tables = tables
        self.rows: dict[tuple[str, Key], Any] = {}

    def get(self, table: str, *key: Any) -> Any:
        """A row of one's own, or None."""
        if (table, key) in self.rows:
            return copy(self.rows[table, key])
        return copy(self._tables.get(table, {}).get(key))

    def put(self, table: str, key: Key, row: Any) -> None:
        """Write a row; None deletes it."""
        self.rows[table, key] = copy(row)

    def scan(self, table: str, *prefix: Any) -> Iterator[tuple[Key, Any]]:
        """All rows whose key begins so, by key and row."""
        rows = dict(self._tables.get(table, {}))
        rows.update({key: row for (name, key), row in self.rows.items() if name == table})
        for key, row in rows.items():
            if row is not None and key[: len(prefix)] == prefix:
                yield key, copy(row)


class Journal:
    """The file of all changes; opening it reads them back. A last line that a crash cut off is dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.tables: dict[str, dict[Key, Any]] = {}
        whole = path.read_bytes() if path.exists() else b""
        end = whole.rfind(b"\n") + 1
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.ftruncate(self._file, end)
        for line in whole[:end].splitlines():
            self._apply([(table, tuple(key), _row(row)) for table, key, row in json.loads(line)])

    def write(self, change: Change) -> None:
        """Make a transaction durable, then visible."""
        rows = [(table, key, row) for (table, key), row in change.rows.items()]
        if rows:
            line = json.dumps([(table, key, _plain(row)) for table, key, row in rows]).encode() + b"\n"
            os.write(self._file, line)
            os.fsync(self._file)
            self._apply(rows)

    def close(self) -> None:
        """Nothing is read or written after this."""
        os.close(self._file)

    def _apply(self, rows: list[tuple[str, Key, Any]]) -> None:
        for table, key, row in rows:
            if row is None:
                self.tables.get(table, {}).pop(key, None)
            else:
                self.tables.setdefault(table, {})[key] = row


def _plain(row: Any) -> Any:
    return (
        {"#": type(row).__name__, **asdict(row)} if is_dataclass(row) and not isinstance(row, type) else row
    )


def _row(plain: Any) -> Any:
    if isinstance(plain, dict) and "#" in plain:
        return ROWS[plain["#"]](**{name: value for name, value in plain.items() if name != "#"})
    return plain
