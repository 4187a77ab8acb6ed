"""The part of the storage contract that is about records, blobs, retention and clearing up."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from wfcore.api import Fact, Message, NotFound, Step, Storage, TaskRecord
from wfsdk.contracts.storage_commit import TICK, with_trigger
from wfsdk.contracts.storage_executions import create, running

DAY = 86_400_000_000


def now() -> int:
    """UTC, microseconds: blobs may carry the times of a file system."""
    return time.time_ns() // 1000


class UpkeepContract:
    """Records expire, content outlives nobody who refers to it, and what is purged is gone wholly."""

    def test_records(self, storage: Storage) -> None:
        assert storage.get_record("a", "k", 0) is None
        storage.set_record("a", "k", '"ü"', None)
        storage.set_record("b", "k", "2", None)
        assert storage.get_record("a", "k", 10**18) == '"ü"'
        storage.set_record("a", "k", "3", 100)
        assert storage.get_record("a", "k", 99) == "3"
        assert storage.get_record("a", "k", 100) is None
        assert storage.get_record("b", "k", 100) == "2"
        assert storage.delete_record("b", "k")
        assert not storage.delete_record("b", "k")
        assert storage.get_record("b", "k", 0) is None

    def test_sweeping_removes_expired_records_only(self, storage: Storage) -> None:
        storage.set_record("a", "old", "1", 100)
        storage.set_record("a", "young", "1", 101)
        storage.set_record("a", "eternal", "1", None)
        assert storage.sweep(100) == 1
        assert storage.sweep(100) == 0
        assert storage.get_record("a", "old", 0) is None
        assert storage.get_record("a", "young", 100) == "1"
        assert storage.get_record("a", "eternal", 100) == "1"

    def test_what_has_ended_has_no_inbox_and_a_sweep_clears_it(self, storage: Storage) -> None:
        storage.commit([Step(running("0001", state="SUCCESS", ended_at=5), create=True)])
        storage.post(Message("0001", "cancel"))
        storage.post(Message("none", "cancel"))
        assert storage.inbox("me") == []
        assert storage.sweep(0) == 2

    @pytest.mark.parametrize(
        "content", [b"", b"\x00\xff" * 3, b"x" * 300_000, bytes(2**21), bytes(2**21 + 1)]
    )
    def test_content_by_its_digest(self, storage: Storage, content: bytes) -> None:
        digest = storage.put_blob(content)
        assert len(digest) == 64
        assert storage.put_blob(content) == digest
        assert storage.get_blob(digest) == content

    @pytest.mark.parametrize("digest", ["0" * 64, "", "../../etc/passwd", "0" * 62 + "/x"])
    def test_unknown_content(self, storage: Storage, digest: str) -> None:
        storage.put_blob(b"something")
        with pytest.raises(NotFound):
            storage.get_blob(digest)

    def test_sweeping_keeps_content_that_is_referred_to_or_young(self, storage: Storage) -> None:
        used, lost = storage.put_blob(b"used"), storage.put_blob(b"lost")
        storage.commit([Step(running("0001"), create=True, blobs=[used])])
        storage.sweep(now())
        assert storage.get_blob(lost) == b"lost"
        assert storage.sweep(now() + DAY) == 1
        assert storage.get_blob(used) == b"used"
        with pytest.raises(NotFound):
            storage.get_blob(lost)

    def test_content_goes_after_its_last_execution(self, storage: Storage) -> None:
        digest = storage.put_blob(b"shared")
        for n in (1, 2):
            ended = running(f"000{n}", state="SUCCESS", ended_at=n)
            storage.commit([Step(ended, create=True, blobs=[digest, digest])])
        storage.purge(2, 10)
        storage.sweep(now() + DAY)
        assert storage.get_blob(digest) == b"shared"
        storage.purge(3, 10)
        storage.sweep(now() + DAY)
        with pytest.raises(NotFound):
            storage.get_blob(digest)

    def test_purging_takes_the_oldest_that_have_ended(self, storage: Storage) -> None:
        create(
            storage,
            running("0001", state="SUCCESS", ended_at=30),
            running("0002", state="FAILED", ended_at=10),
            running("0003", state="CANCELLED", ended_at=20),
            running("0004", state="SUCCESS", ended_at=40),
            running("0005", ended_at=5),  # ended once, and was then retried
        )
        assert storage.purge(40, 2) == 2
        assert {id for id in ("0001", "0002", "0003", "0004", "0005") if storage.execution(id)} == {
            "0001", "0004", "0005"
        }  # fmt: skip
        assert storage.purge(40, 2) == 1
        assert storage.purge(40, 2) == 0
        assert storage.counts() == {"SUCCESS": 1, "RUNNING": 1}

    def test_a_purged_execution_leaves_nothing(self, storage: Storage) -> None:
        ended = running("0001", state="SUCCESS", ended_at=5, key="k")
        step = Step(ended, create=True, tasks=[TaskRecord("a", "SUCCESS")], facts=[Fact(1, 1, "x")])
        other = Step(
            running("0002"), create=True, tasks=[TaskRecord("a", "RUNNING")], facts=[Fact(1, 1, "x")]
        )
        storage.commit([step, other])
        message = Message("0001", "cancel")
        storage.post(message)
        assert storage.purge(6, 10) == 1
        assert (storage.execution("0001"), storage.tasks("0001"), storage.facts("0001")) == (None, [], [])
        assert storage.execution_by_key("default", "flow", "k") is None
        assert storage.post(message)
        assert (len(storage.tasks("0002")), len(storage.facts("0002"))) == (1, 1)

    def test_old_ticks_go_but_never_the_newest_of_a_trigger(self, storage: Storage) -> None:
        with_trigger(storage)
        ticks = [replace(TICK, due_at=n * DAY, next_at=None) for n in range(1, 4)]
        for n, tick in enumerate(ticks):
            storage.commit([Step(running(f"000{n}"), create=True, tick=tick)])
        assert storage.sweep(400 * DAY) == 2
        again = [Step(running(f"001{n}"), create=True, tick=tick) for n, tick in enumerate(ticks)]
        assert storage.commit(again) == {"0012"}
