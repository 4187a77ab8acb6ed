"""The part of the contract of shared storage that is about who may let executions run, and who takes them.

``SharedStorageContract`` includes it.
"""

from __future__ import annotations

from functools import partial

import pytest

from wfcore.api import NodeRecord, SharedStorage, Step, Unavailable
from wfsdk.contracts.racing import ROUNDS, race
from wfsdk.contracts.storage_executions import running


def node(id: str, place: str = "") -> NodeRecord:
    """A server that enters."""
    return NodeRecord(id, place or f"place of {id}", f"http://{id}", "1", terms=f"terms={id}")


class SlotsContract:
    """All servers together let so many executions run and no more; what waits is taken once, by age."""

    def test_slots_are_given_out_as_long_as_there_are_some(
        self, storage: SharedStorage, other: SharedStorage
    ) -> None:
        assert storage.slots("a", 0, 3, 10) == 0, "it is no node"
        for name in ("a", "b"):
            storage.join(node(name))
        assert storage.slots("a", 0, 7, 10) == 7
        assert other.slots("b", 0, 7, 10) == 3
        assert {each.id: each.slots for each in other.nodes()} == {"a": 7, "b": 3}
        assert storage.slots("a", 2, 2, 10) == 2
        assert other.slots("b", 3, 20, 10) == 8
        assert other.slots("b", 8, 20, 5) == 8, "what is held stays, whatever the limit is now"
        storage.leave("b")
        assert storage.slots("a", 2, 20, 10) == 10

    def test_slots_are_given_out_once(self, storage: SharedStorage, other: SharedStorage) -> None:
        for name in ("a", "b"):
            storage.join(node(name))
        for n in range(ROUNDS):
            given = race(partial(storage.slots, "a", 0, 6, 7), partial(other.slots, "b", 0, 6, 7))
            assert sorted(given) == [1, 6], (n, given)
            assert (storage.slots("a", 0, 0, 7), storage.slots("b", 0, 0, 7)) == (0, 0)

    def test_the_slots_of_the_dead_go_with_what_they_ran(
        self, storage: SharedStorage, other: SharedStorage
    ) -> None:
        for name in ("a", "b"):
            storage.join(node(name))
        assert storage.slots("a", 0, 5, 5) == 5
        for n in range(3):
            storage.commit([Step(running(f"{n:04}", owner="a"), create=True, admits=True)])
        storage.leave("a")
        assert other.slots("b", 0, 5, 5) == 2, "what runs without an owner has its slots still"
        assert len(other.adopt("b", 10)) == 3
        assert [each.slots for each in other.nodes()] == [5]
        storage.leave("b")
        storage.join(node("b"))
        assert [each.slots for each in other.nodes()] == [3], "it enters with what it runs"

    def test_only_a_node_lets_executions_run(self, storage: SharedStorage) -> None:
        step = Step(running("0001", owner="a"), create=True, admits=True)
        free = Step(running("0002", owner="a"), create=True)
        with pytest.raises(Unavailable):
            storage.commit([step, free])
        assert storage.counts() == {}
        storage.join(node("a"))
        assert storage.commit([step, free]) == frozenset()
        storage.leave("a")
        with pytest.raises(Unavailable):
            storage.commit([Step(running("0001", owner="a", seq=1), admits=True)])
        assert storage.commit([Step(running("0001", owner="a", seq=1))]) == frozenset()

    def test_what_is_queued_is_claimed_oldest_first(
        self, storage: SharedStorage, other: SharedStorage
    ) -> None:
        storage.join(node("a"))
        assert not storage.beat("a", 600).queued
        for n in (3, 1, 2, 4):
            storage.commit([Step(running(f"{n:04}", owner=None, state="PENDING", epoch=0), create=True)])
        assert storage.beat("a", 600).queued
        assert not storage.beat("a", 600).orphans
        assert storage.adopt("a", 10) == []
        assert [record.id for record in storage.claim("a", 2)] == ["0001", "0002"]
        assert [record.id for record in other.claim("b", 10, "0004")] == ["0004"]
        assert other.claim("b", 10, "0004") == other.claim("b", 10, "0001") == []
        (taken,) = other.claim("b", 10)
        assert (taken.id, taken.owner, taken.epoch) == ("0003", "b", 1)
        assert storage.execution("0003") == taken
        assert not storage.beat("a", 600).queued

    def test_what_is_queued_is_claimed_once(self, storage: SharedStorage, other: SharedStorage) -> None:
        for n in range(ROUNDS):
            ids = [f"{n:04}-{m}" for m in range(10)]
            queued = [running(id, owner=None, state="PENDING") for id in ids]
            storage.commit([Step(record, create=True) for record in queued])
            found = race(partial(storage.claim, "a", 7), partial(other.claim, "b", 7))
            taken = [record.id for records in found for record in records]
            rest = [record.id for record in storage.claim("a", 10)]
            assert sorted(taken + rest) == ids, found
