"""The part of the storage contract for storage that several servers use at once.

Beside ``StorageContract``, for a driver that lets several be started on the same data::

    class TestMyStorage(SharedStorageContract, StorageContract):
        def make(self, tmp_path): ...
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from wfcore.api import (
    Conflict,
    ExecutionQuery,
    Fact,
    Message,
    SharedStorage,
    Step,
    Storage,
    TaskRecord,
)
from wfsdk.contracts.racing import PATIENCE, ROUNDS, race
from wfsdk.contracts.storage_commit import TICK, with_trigger
from wfsdk.contracts.storage_executions import running
from wfsdk.contracts.storage_offers import OffersContract, keys, prepare
from wfsdk.contracts.storage_permits import SharedPermitContract
from wfsdk.contracts.storage_slots import SlotsContract, node
from wfsdk.contracts.storage_workflows import revision, webhook


def submissions(owner: str, numbers: Sequence[int]) -> list[Step]:
    """Steps that create one execution for each number, with a key that tells the number alone."""
    return [
        Step(running(f"{owner}-{n:04}", owner=owner, key=f"k{n:04}"), create=True, facts=[Fact(1, 1, "x")])
        for n in numbers
    ]


class SharedStorageContract(OffersContract, SharedPermitContract, SlotsContract):
    """Two started drivers on the same data are two servers: neither harms the other or waits for ever."""

    @abstractmethod
    def make(self, tmp_path: Path) -> Storage:
        """A driver that is not started. Made again with the same path, it finds the same data."""

    @pytest.fixture
    def other(self, storage: Storage, tmp_path: Path) -> Iterator[Storage]:
        """A second started driver on the data of ``storage``."""
        other = self.make(tmp_path)
        other.start()
        yield other
        other.stop(5.0)

    def test_servers_that_start_at_once_migrate_once(self, tmp_path: Path) -> None:
        expected = self.make(tmp_path).migrate(check=True)
        found = race(*[self.make(tmp_path).migrate for _ in range(4)])
        assert all(isinstance(names, list) for names in found), found
        applied = [name for names in found for name in names]
        assert sorted(applied) == expected

    def test_each_sees_what_the_other_commits(self, storage: Storage, other: Storage) -> None:
        for n in range(ROUNDS):
            writer, reader = (storage, other) if n % 2 else (other, storage)
            writer.commit([Step(running(f"{n:04}"), create=True, tasks=[TaskRecord("a", "RUNNING")])])
            assert reader.execution(f"{n:04}") == running(f"{n:04}")
            assert reader.tasks(f"{n:04}") == [TaskRecord("a", "RUNNING")]

    def test_a_key_is_used_once_by_all_servers(self, storage: Storage, other: Storage) -> None:
        for n in range(ROUNDS):
            numbers = range(10 * n, 10 * n + 10)
            ours, theirs = submissions("a", numbers), submissions("b", numbers[::-1])
            refused = race(partial(storage.commit, ours), partial(other.commit, theirs))
            assert all(isinstance(one, frozenset) for one in refused), refused
            assert sorted(id[2:] for ids in refused for id in ids) == [f"{number:04}" for number in numbers]
        assert storage.counts() == {"RUNNING": 10 * ROUNDS}

    def test_a_tick_fires_once_on_all_servers(self, storage: Storage, other: Storage) -> None:
        with_trigger(storage)

        def fire(driver: Storage, owner: str, due: Sequence[int]) -> frozenset[str]:
            ticks = [replace(TICK, due_at=at, next_at=at + 1) for at in due]
            return driver.commit(
                [Step(running(f"{owner}-{t.due_at:04}", owner=owner), create=True, tick=t) for t in ticks]
            )

        for n in range(ROUNDS):
            due = range(10 * n, 10 * n + 10)
            refused = race(
                partial(fire, storage, "a", due),
                partial(fire, other, "b", due[::-1]),
            )
            assert all(isinstance(one, frozenset) for one in refused), refused
            assert sorted(id[2:] for ids in refused for id in ids) == [f"{at:04}" for at in due]
        assert storage.counts() == {"RUNNING": 10 * ROUNDS}

    def test_of_two_writers_of_an_execution_one_has_it(self, storage: Storage, other: Storage) -> None:
        ids = [f"{n:04}" for n in range(20)]
        storage.commit([Step(running(id, owner="a"), create=True) for id in ids])

        def write(driver: Storage, seq: int, order: Sequence[str]) -> list[frozenset[str]]:
            steps = [
                Step(
                    running(id, owner="a", seq=seq),
                    tasks=[TaskRecord("t", "RUNNING", attempt=seq)],
                    facts=[Fact(seq, 1, "x")],
                )
                for id in order
            ]
            return [driver.commit(steps)]

        for n in range(ROUNDS):
            found = race(
                partial(write, storage, 2 * n + 1, ids),
                partial(write, other, 2 * n + 2, ids[::-1]),
            )
            assert found == [[frozenset()]] * 2
            last = {record.seq for record in storage.executions(ExecutionQuery())}
            assert len(last) == 1, "half of one group lies over half of another"
            assert {storage.tasks(id)[0].attempt for id in ids} == last
        assert {len(storage.facts(id)) for id in ids} == {2 * ROUNDS}

    def test_an_adopted_execution_is_lost_to_its_owner(self, storage: Storage, other: Storage) -> None:
        storage.commit([Step(running("0001", owner="a", epoch=1), create=True)])
        (taken,) = other.adopt("b", 10)
        assert (taken.owner, taken.epoch) == ("b", 2)
        late = Step(running("0001", owner="a", epoch=1, state="FAILED"), facts=[Fact(1, 1, "late")])
        assert storage.commit([late]) == {"0001"}
        assert other.commit([Step(replace(taken, seq=1), facts=[Fact(1, 1, "ours")])]) == frozenset()
        assert [fact.kind for fact in storage.facts("0001")] == ["ours"]

    def test_adopting_at_once_gives_an_execution_to_one(self, storage: Storage, other: Storage) -> None:
        ids = [f"{n:04}" for n in range(60)]
        storage.commit([Step(running(id, owner="dead"), create=True) for id in ids])
        race(partial(storage.adopt, "a", 30), partial(other.adopt, "b", 30))
        for record in storage.executions(ExecutionQuery(limit=100)):
            assert (record.owner, record.epoch > 0) in {("a", True), ("b", True), ("dead", False)}

    def test_a_revision_is_stored_once(self, storage: Storage, other: Storage) -> None:
        for n in range(1, ROUNDS + 1):
            found = race(
                partial(storage.put_workflow, revision(n), [webhook("POST /a")]),
                partial(other.put_workflow, replace(revision(n), source="other"), [webhook("POST /b")]),
            )
            assert sorted(map(type, found), key=str) == [type(None), Conflict], found
            (row,) = storage.triggers()
            record = storage.workflow("default", "flow")
            assert record is not None
            assert (row.address == "POST /b") == (record.source == "other")

    def test_an_address_is_given_once(self, storage: Storage, other: Storage) -> None:
        for n in range(ROUNDS):
            found = race(
                partial(storage.put_workflow, revision(1, f"a{n}"), [webhook(f"POST /{n}", f"a{n}")]),
                partial(other.put_workflow, revision(1, f"b{n}"), [webhook(f"POST /{n}", f"b{n}")]),
            )
            assert sorted(map(type, found), key=str) == [type(None), Conflict], found

    def test_the_same_content_from_all_sides(self, storage: Storage, other: Storage) -> None:
        for n in range(5):
            content = bytes([n]) * 2_500_000
            digests = race(
                partial(storage.put_blob, content),
                partial(other.put_blob, content),
            )
            assert len(set(digests)) == 1, digests
            assert storage.get_blob(str(digests[0])) == other.get_blob(str(digests[0])) == content

    def test_a_message_is_posted_once(self, storage: Storage, other: Storage) -> None:
        storage.commit([Step(running("0001"), create=True)])
        for n in range(ROUNDS):
            message = Message("0001", "cancel", f"{n}")
            found = race(partial(storage.post, message), partial(other.post, message))
            assert sorted(map(bool, found)) == [False, True], found
        assert len(storage.inbox("me")) == ROUNDS

    def test_what_one_announces_all_hear(self, storage: Storage, other: Storage) -> None:
        heard: list[SimpleQueue[str]] = [SimpleQueue(), SimpleQueue()]
        for driver, queue in zip((storage, other), heard, strict=True):
            driver.subscribe(queue.put)
            assert queue.get(timeout=PATIENCE) == "", "listening has begun"
        payloads = ["one", "zwei ü", "x" * 7999]
        for n, payload in enumerate(payloads):
            (storage, other)[n % 2].announce(payload)
        for queue in heard:
            assert [queue.get(timeout=PATIENCE) for _ in payloads] == payloads

    def test_what_a_commit_notifies_is_there_when_it_is_heard(self, storage: Storage, other: Storage) -> None:
        heard: SimpleQueue[Any] = SimpleQueue()
        other.subscribe(lambda payload: heard.put((payload, bool(payload) and other.execution(payload))))
        assert heard.get(timeout=PATIENCE)[0] == ""
        for n in range(ROUNDS):
            id = f"{n:04}"
            storage.commit([Step(running(id), create=True)], notify=[id])
            assert heard.get(timeout=PATIENCE) == (id, running(id))

    def test_a_group_that_is_refused_notifies_nobody(self, storage: Storage, other: Storage) -> None:
        heard: SimpleQueue[str] = SimpleQueue()
        other.subscribe(heard.put)
        assert storage.commit([Step(running("0001"))], notify=["nothing"]) == {"0001"}
        storage.commit([Step(running("0002"), create=True, facts=[Fact(1, 1, "x")])])
        twice = Step(running("0002"), facts=[Fact(1, 1, "x")])
        with pytest.raises(Exception):  # noqa: B017  (which one is the driver's business)
            storage.commit([twice], notify=["a fault"])
        assert heard.get(timeout=PATIENCE) == ""
        storage.announce("end")
        assert heard.get(timeout=PATIENCE) == "end"

    def test_a_listener_that_raises_hears_on(self, storage: Storage, other: Storage) -> None:
        heard: SimpleQueue[str] = SimpleQueue()

        def hear(payload: str) -> None:
            heard.put(payload)
            raise RuntimeError("on purpose")

        other.subscribe(hear)
        assert heard.get(timeout=PATIENCE) == ""
        for payload in ("1", "2"):
            storage.announce(payload)
            assert heard.get(timeout=PATIENCE) == payload

    def test_nodes_enter_and_leave(self, storage: SharedStorage, other: SharedStorage) -> None:
        storage.join(node("a"))
        other.join(node("b"))
        storage.join(node("a"))
        assert [each.id for each in other.nodes()] == ["a", "b"]
        (first, second) = storage.nodes()
        assert (first.place, first.address, first.version) == ("place of a", "http://a", "1")
        assert (first.terms, second.terms) == ("terms=a", "terms=b")
        assert 0 < first.started_at <= first.heartbeat_at
        assert first.started_at < second.started_at
        other.leave("a")
        assert [each.id for each in storage.nodes()] == ["b"]

    def test_of_two_nodes_at_one_place_the_first_is_dead(self, storage: SharedStorage) -> None:
        storage.join(node("a", place="here"))
        storage.join(node("b", place="there"))
        storage.join(node("c", place="here"))
        assert {each.id for each in storage.nodes()} == {"b", "c"}

    def test_a_beat_renews_one_lease_and_ends_those_that_are_over(
        self, storage: SharedStorage, other: SharedStorage
    ) -> None:
        storage.join(node("a"))
        other.join(node("b"))
        before = {each.id: each.heartbeat_at for each in storage.nodes()}
        assert storage.beat("a", 600).known
        after = {each.id: each.heartbeat_at for each in storage.nodes()}
        assert after["a"] > before["a"]
        assert after["b"] == before["b"]
        assert storage.beat("a", 0).known, "one's own lease does not end by one's own beat"
        assert [each.id for each in storage.nodes()] == ["a"]
        assert not other.beat("b", 600).known

    def test_who_was_silent_itself_buries_nobody_for_that(
        self, storage: SharedStorage, other: SharedStorage
    ) -> None:
        storage.join(node("a"))
        other.join(node("b"))
        time.sleep(0.5)
        assert storage.beat("a", 0.1).known
        assert [each.id for each in storage.nodes()] == ["a", "b"]
        assert storage.beat("a", 0.1).known
        assert [each.id for each in storage.nodes()] == ["a"], "it has been here, and the other one has not"

    def test_only_what_no_living_node_owns_is_adopted(
        self, storage: SharedStorage, other: SharedStorage
    ) -> None:
        for name in ("a", "b"):
            storage.join(node(name))
        ids = {"a": "0001", "b": "0002", "dead": "0003"}
        storage.commit([Step(running(id, owner=name), create=True) for name, id in ids.items()])
        assert other.beat("b", 600).orphans
        assert [record.id for record in other.adopt("b", 10)] == ["0003"]
        assert not other.beat("b", 600).orphans
        assert other.adopt("b", 10) == []
        storage.leave("a")
        assert other.beat("b", 600).orphans
        (adopted,) = other.adopt("b", 10)
        assert (adopted.id, adopted.owner, adopted.epoch) == ("0001", "b", running("0001").epoch + 1)

    def test_a_beat_tells_of_messages(self, storage: SharedStorage, other: SharedStorage) -> None:
        for name in ("a", "b"):
            storage.join(node(name))
        storage.commit([Step(running("0001", owner="a"), create=True)])
        assert not storage.beat("a", 600).mail
        other.post(Message("0001", "cancel"))
        assert storage.beat("a", 600).mail
        assert not other.beat("b", 600).mail

    def test_what_nobody_takes_is_told_again(self, storage: SharedStorage) -> None:
        offers = prepare(storage, "a", "b")
        storage.take_offers("b", [], 1)
        assert storage.idle_offers("a", 600) == storage.idle_offers("b", 0) == []
        assert keys(storage.idle_offers("a", 0)) == keys(offers[1:])
        assert storage.idle_offers("a", 600) == []

    def test_offers_go_with_their_execution(self, storage: SharedStorage) -> None:
        prepare(storage, "a", "b")
        storage.commit([Step(running("0001", owner="a", state="FAILED", ended_at=1))])
        assert storage.purge(2, 10) == 1
        assert storage.offers("0001") == storage.take_offers("b", [], 10) == []
