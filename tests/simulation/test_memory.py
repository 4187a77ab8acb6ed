"""The storage of the simulation keeps the part of the storage contract that the engine uses.

What the simulation says is worth no more than its model of storage: the suites that hold real
drivers to the contract hold the model to it too.
"""

import threading

import pytest

from tests.simulation.memory import Memory
from wfcore.api import Beat, NodeRecord
from wfsdk.contracts.storage_commit import CommitContract
from wfsdk.contracts.storage_executions import ExecutionContract
from wfsdk.contracts.storage_offers import OffersContract
from wfsdk.contracts.storage_slots import SlotsContract


class TestMemory(CommitContract, ExecutionContract):
    @pytest.fixture
    def storage(self):
        return Memory()


class Shared:
    """The model as several servers see it; the simulation has no threads, and nodes are names to it."""

    def __init__(self):
        self._memory, self._lock, self._tasks = Memory(), threading.Lock(), {}
        self._memory.shared = True

    def __getattr__(self, verb):
        def call(*arguments, **named):
            with self._lock:
                return getattr(self._memory, verb)(*arguments, **named)

        return call

    def join(self, node):
        self._tasks[node.id] = node.tasks
        self._memory.join(node.id)

    def leave(self, node):
        self._memory.alive.discard(node)

    def nodes(self):
        return [
            NodeRecord(id, "", "", "", slots=self._memory.shares[id]) for id in sorted(self._memory.alive)
        ]

    def beat(self, node, lease):
        memory = self._memory
        orphans = any(
            row.state in ("RUNNING", "WAITING") and row.owner not in memory.alive
            for row in memory.rows.values()
        )
        others = sum(tasks for id, tasks in self._tasks.items() if id in memory.alive and id != node)
        return Beat(
            node in memory.alive,
            orphans,
            bool(memory.inbox(node)),
            bool(memory.queue()),
            memory.has_offers(node),
            others,
        )


class TestSharedMemory(OffersContract, SlotsContract):
    @pytest.fixture
    def storage(self):
        return Shared()

    @pytest.fixture
    def other(self, storage):
        return storage
