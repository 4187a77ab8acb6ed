"""The storage of the simulation keeps the part of the storage contract that the engine uses.

What the simulation says is worth no more than its model of storage: the suites that hold real
drivers to the contract hold the model to it too.
"""

import pytest

from tests.simulation.memory import Memory
from wfsdk.contracts.storage_commit import CommitContract
from wfsdk.contracts.storage_executions import ExecutionContract


class TestMemory(CommitContract, ExecutionContract):
    @pytest.fixture
    def storage(self):
        return Memory()
