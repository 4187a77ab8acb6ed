from types import SimpleNamespace

import pytest

from wfcore.audit import AuditLog
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context


class Clock:
    """Says what it is told; ``now`` in microseconds, ``monotonic`` in seconds."""

    def __init__(self):
        self.at, self.seconds = 1_000_000, 0.0

    def now(self):
        self.at += 1
        return self.at

    def monotonic(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def storage(tmp_path):
    storage = SqliteStorage(
        {"path": str(tmp_path / "db.sqlite"), "synchronous": "normal"}, context("s", tmp_path)
    )
    storage.start()
    yield storage
    storage.stop(5)


@pytest.fixture
def log(storage, clock):
    return AuditLog(storage, clock, "here:/data")


@pytest.fixture
def tamper(storage):
    """Changes the table itself, as whoever has the file could."""

    def execute(statement):
        with storage._writing:
            storage._writer.execute_sql(statement)

    return SimpleNamespace(sql=execute)
