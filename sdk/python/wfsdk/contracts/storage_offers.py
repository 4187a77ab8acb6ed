"""The part of the contract of shared storage that is about attempts which servers run for each other.

``SharedStorageContract`` includes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from wfcore.api import Message, NodeRecord, Offer, SharedStorage, Step
from wfsdk.contracts.racing import ROUNDS, race
from wfsdk.contracts.storage_executions import running


def prepare(storage: SharedStorage, *nodes: str, count: int = 3) -> list[Offer]:
    """Nodes, an execution of the first of them, and so many of its attempts, offered."""
    for name in nodes:
        storage.join(NodeRecord(name, f"place of {name}", "", "1", tasks=7))
    storage.commit([Step(running("0001", owner=nodes[0]), create=True)])
    offers = [Offer("0001", f"t{n}", 1) for n in range(count)]
    storage.offer(offers)
    return offers


def about(offer: Offer, kind: str = "outcome", **body: Any) -> Message:
    """A message about an offered attempt."""
    return Message(offer.execution, kind, offer.path, offer.attempt, body)


def keys(offers: Sequence[Offer]) -> list[tuple[str, str, int]]:
    """Their keys, in order."""
    return [offer.key for offer in offers]


class OffersContract:
    """What is offered is run by one server, and its owner hears of it once."""

    def test_offers_are_taken_by_one(self, storage: SharedStorage, other: SharedStorage) -> None:
        offers = prepare(storage, "a", "b")
        assert storage.beat("a", 600).offers
        assert storage.beat("a", 600).others == 7
        storage.offer(offers[:1])
        first = other.take_offers("b", [], 2)
        assert keys(first) == keys(offers[:2])
        assert {offer.node for offer in first} == {"b"}
        assert keys(storage.take_offers("a", [], 10)) == keys(offers[2:])
        assert storage.take_offers("a", [], 10) == []
        assert sorted(keys(other.held_offers("b"))) == keys(offers[:2])
        assert not storage.beat("a", 600).offers

    def test_offers_are_taken_once_by_servers_that_want_the_same(
        self, storage: SharedStorage, other: SharedStorage
    ) -> None:
        prepare(storage, "a", "b", count=0)
        for n in range(ROUNDS):
            offers = [Offer("0001", f"{n:04}-{m}", 1) for m in range(10)]
            storage.offer(offers)
            found = race(partial(storage.take_offers, "a", [], 7), partial(other.take_offers, "b", [], 7))
            rest = storage.take_offers("a", [], 10)
            assert sorted(keys([*found[0], *found[1], *rest])) == keys(offers), found

    def test_a_label_is_for_those_who_have_it(self, storage: SharedStorage) -> None:
        (plain,) = prepare(storage, "a", "b", count=1)
        labelled = replace(plain, path="gpu", label="gpu")
        storage.offer([labelled])
        assert keys(storage.take_offers("a", ["cpu"], 10)) == [plain.key]
        assert keys(storage.take_offers("b", ["cpu", "gpu"], 10)) == [labelled.key]

    def test_one_offer_is_taken_if_it_is_free(self, storage: SharedStorage) -> None:
        offers = prepare(storage, "a", "b")
        assert keys(storage.take_offers("b", [], 1, offers[1])) == [offers[1].key]
        assert storage.take_offers("a", [], 1, offers[1]) == []
        assert storage.take_offers("a", [], 1, replace(offers[0], attempt=2)) == []

    def test_what_a_server_delivers_its_owner_hears(
        self, storage: SharedStorage, other: SharedStorage
    ) -> None:
        offers = prepare(storage, "a", "b")
        other.take_offers("b", [], 2)
        told = [about(offers[0], "lines/1", lines=["x"]), about(offers[1], output="1")]
        assert other.deliver("b", told) == ["a"]
        assert [(m.kind, m.path, m.body) for m in storage.inbox("a")] == [
            ("lines/1", "t0", {"lines": ["x"]}),
            ("outcome", "t1", {"output": "1"}),
        ]
        assert storage.beat("a", 600).mail
        assert keys(other.held_offers("b")) == keys(offers[:1])
        assert other.deliver("b", told[1:]) == [], "it has ended"
        assert storage.deliver("a", [about(offers[0])]) == [], "it is another one's"
        assert storage.deliver("a", [about(offers[2])]) == [], "nobody has taken it"
        assert len(storage.inbox("a")) == 2

    def test_what_is_offered_and_what_was_delivered_is_known(self, storage: SharedStorage) -> None:
        offers = prepare(storage, "a", "b")
        storage.take_offers("b", [], 2)
        storage.deliver("b", [about(offers[0])])
        assert keys(storage.offers("0001")) == keys(offers)
        (message,) = storage.inbox("a")
        storage.commit([Step(running("0001", owner="a", seq=1), taken=[message.id])])
        assert keys(storage.offers("0001")) == keys(offers[1:])
        assert storage.offers("0002") == []

    def test_what_is_stopped_goes_or_is_told(self, storage: SharedStorage, other: SharedStorage) -> None:
        offers = prepare(storage, "a", "b")
        other.take_offers("b", [], 1)
        assert keys(storage.stop_offers(offers[:2], "cancelled")) == [offers[1].key]
        assert storage.stop_offers(offers[:2], "timeout") == []
        assert [offer.stop for offer in other.held_offers("b")] == ["cancelled"]
        assert other.beat("b", 600).offers
        assert keys(storage.offers("0001")) == [offers[0].key, offers[2].key]

    def test_what_died_with_a_server_comes_back_to_the_owner(
        self, storage: SharedStorage, other: SharedStorage
    ) -> None:
        offers = prepare(storage, "a", "b", "c")
        other.take_offers("b", [], 2)
        assert storage.lost_offers("a") == []
        storage.deliver("b", [about(offers[0])])
        storage.leave("b")
        assert storage.beat("a", 600).offers
        assert storage.lost_offers("c") == []
        assert keys(storage.lost_offers("a")) == [offers[1].key]
        assert storage.lost_offers("a") == []
        assert other.deliver("b", [about(offers[1])]) == [], "it comes too late"
        assert [message.path for message in storage.inbox("a")] == ["t0"]
