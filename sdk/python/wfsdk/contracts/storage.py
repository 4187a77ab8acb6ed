"""The contract of storage drivers as tests.

In a test module of yours::

    from wfsdk.contexts import context
    from wfsdk.contracts.storage import StorageContract

    class TestMyStorage(StorageContract):
        def make(self, tmp_path):
            return MyStorage({"path": str(tmp_path / "data")}, context("mine", tmp_path))
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from wfcore.api import CONTRACT, ExecutionQuery, Fact, Step, Storage, TaskRecord
from wfsdk.contracts.storage_audit import AuditContract
from wfsdk.contracts.storage_commit import CommitContract
from wfsdk.contracts.storage_executions import ExecutionContract, running
from wfsdk.contracts.storage_packages import PackageContract
from wfsdk.contracts.storage_permits import PermitContract
from wfsdk.contracts.storage_secrets import SecretsStorageContract
from wfsdk.contracts.storage_upkeep import UpkeepContract
from wfsdk.contracts.storage_workflows import WorkflowContract


class StorageContract(
    CommitContract,
    ExecutionContract,
    WorkflowContract,
    PackageContract,
    SecretsStorageContract,
    AuditContract,
    PermitContract,
    UpkeepContract,
):
    """What every storage driver must do; a subclass says how one is made."""

    @abstractmethod
    def make(self, tmp_path: Path) -> Storage:
        """A driver that is not started. Made again with the same path, it finds the same data."""

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[Storage]:
        """A started driver on an empty storage."""
        storage = self.make(tmp_path)
        storage.start()
        yield storage
        storage.stop(5.0)

    def test_it_has_every_verb_and_the_contract_number(self, tmp_path: Path) -> None:
        storage = self.make(tmp_path)
        assert isinstance(storage, Storage)
        assert storage.contract == CONTRACT
        assert isinstance(storage.schema, dict)

    def test_it_is_well(self, storage: Storage) -> None:
        assert storage.health() == ""

    def test_a_check_names_the_migrations_and_changes_nothing(self, tmp_path: Path) -> None:
        before = self.make(tmp_path).migrate(check=True)
        assert before
        assert self.make(tmp_path).migrate(check=True) == before
        assert self.make(tmp_path).migrate() == before
        assert self.make(tmp_path).migrate() == []

    def test_a_started_storage_is_migrated(self, storage: Storage) -> None:
        assert storage.migrate(check=True) == []
        assert storage.migrate() == []

    def test_what_was_written_is_there_after_a_restart(self, tmp_path: Path) -> None:
        execution = running("0001", labels={"team": "ünï\n"}, inputs='{"a": [1, "\\u0000"]}')
        first = self.make(tmp_path)
        first.start()
        first.commit(
            [Step(execution, create=True, tasks=[TaskRecord("a", "RUNNING")], facts=[Fact(1, 2, "x")])]
        )
        digest = first.put_blob(b"content")
        first.stop(5.0)
        second = self.make(tmp_path)
        second.start()
        try:
            assert second.execution("0001") == execution
            assert second.tasks("0001") == [TaskRecord("a", "RUNNING")]
            assert second.facts("0001") == [Fact(1, 2, "x")]
            assert second.get_blob(digest) == b"content"
        finally:
            second.stop(5.0)

    def test_threads_commit_at_once(self, storage: Storage) -> None:
        """Whatever they race for, one of them gets it."""
        refused: list[frozenset[str]] = []

        def submit(worker: int) -> None:
            for n in range(20):
                steps = [
                    Step(running(f"{worker}-{n}-{m}", key=f"{n}-{m}"), create=True, facts=[Fact(1, 1, "x")])
                    for m in (range(5) if worker % 2 else reversed(range(5)))
                ]
                refused.append(storage.commit(steps))

        threads = [Thread(target=submit, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 80
        assert sum(map(len, refused)) == 300
        assert storage.counts() == {"RUNNING": 100}

    def test_it_takes_what_is_to_be_told_to_other_servers(self, storage: Storage) -> None:
        storage.subscribe(print)
        storage.announce("x")
        assert storage.commit([Step(running("0001"), create=True)], notify=["0001", "ü"]) == frozenset()
        assert storage.commit([], notify=["x"]) == frozenset()

    def test_threads_read_while_others_commit(self, storage: Storage) -> None:
        faults: list[Exception] = []

        def write(worker: int) -> None:
            for n in range(20):
                refused = storage.commit(
                    [Step(running(f"{n:04}-{worker}"), create=True, facts=[Fact(1, 1, "x")])]
                )
                assert not refused

        def read() -> None:
            for _ in range(20):
                for execution in storage.executions(ExecutionQuery(limit=5)):
                    assert len(storage.facts(execution.id)) == 1

        def guarded(work: object, *arguments: object) -> None:
            try:
                work(*arguments)  # type: ignore[operator]
            except Exception as fault:
                faults.append(fault)

        threads = [Thread(target=guarded, args=(write, n)) for n in range(3)]
        threads += [Thread(target=guarded, args=(read,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        assert storage.counts() == {"RUNNING": 60}
