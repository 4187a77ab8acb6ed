"""The part of the storage contract that is about permits of limits. ``StorageContract`` includes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from wfcore.api import Fact, NodeRecord, Permit, SharedStorage, Step, Storage
from wfsdk.contracts.racing import ROUNDS, race
from wfsdk.contracts.storage_executions import create, ids, running

Letters = Sequence[tuple[str, str, str]]


def letters(storage: Storage, owner: str = "me") -> Letters:
    """What is in the inboxes of an owner: (execution, path, kind)."""
    return [(message.execution, message.path, message.kind) for message in storage.inbox(owner)]


def ask(execution: str, path: str = "a", limit: str = "pay", most: int = 1, manner: str = "wait") -> Step:
    """A step of a running execution that asks for a permit."""
    return Step(running(execution, seq=1), asks=[Permit(limit, most, path, manner)])


def free(execution: str, path: str = "a", limit: str = "pay") -> Step:
    """A step that gives one back."""
    return Step(running(execution, seq=2), frees=[Permit(limit, 1, path)])


def begin(execution: str, limit: str = "pay", most: int = 1, manner: str = "wait") -> Step:
    """A new execution that may not run without a permit."""
    record = running(execution, state="PENDING", waiting="limit", limits={"": [limit, most]})
    return Step(record, create=True, asks=[Permit(limit, most, "", manner)])


def holders(storage: Storage, *executions: str) -> list[str]:
    """Which of these hold a permit."""
    return [id for id in executions if any(permit.held for permit in storage.permits(id))]


class PermitContract:
    """Never more hold a permit than may; who came first is next; whoever gets one hears of it."""

    def test_permits_are_handed_out_until_all_are_in_use(self, storage: Storage) -> None:
        create(storage, *(running(f"000{n}") for n in range(4)))
        for n in range(3):
            storage.commit([ask(f"000{n}", most=2)])
        assert letters(storage) == [("0000", "a", "permit"), ("0001", "a", "permit")]
        assert storage.permits("0002") == [Permit("pay", 2, "a", in_use=2)]
        assert storage.permits("0001") == [Permit("pay", 2, "a", held=True, in_use=2)]
        assert storage.permits("0003") == []
        storage.commit([ask("0003", limit="other")])
        assert holders(storage, "0003") == ["0003"]

    def test_who_gives_one_back_hands_it_on(self, storage: Storage) -> None:
        create(storage, *(running(f"000{n}") for n in range(4)))
        storage.commit([ask("0003")])
        storage.commit([ask("0002"), ask("0001")])
        assert holders(storage, "0001", "0002", "0003") == ["0003"]
        storage.commit([free("0003")])
        assert holders(storage, "0001", "0002", "0003") == ["0001"], "the oldest is next, whoever asked first"
        storage.commit([free("0001"), ask("0000")])
        assert holders(storage, "0000", "0001", "0002") == ["0000"]
        storage.commit([free("0000")])
        storage.commit([free("0002")])
        assert not [permit for n in range(4) for permit in storage.permits(f"000{n}")]

    def test_the_tasks_of_an_execution_come_by_path(self, storage: Storage) -> None:
        create(storage, running("0001"))
        asks = [Permit("pay", 2, path) for path in ("c", "b", "a")]
        storage.commit([Step(running("0001", seq=1), asks=asks)])
        assert [(permit.path, permit.held) for permit in storage.permits("0001")] == [
            ("a", True), ("b", True), ("c", False)
        ]  # fmt: skip

    def test_what_a_step_frees_it_may_ask_for_again(self, storage: Storage) -> None:
        create(storage, running("0001"), running("0002"))
        storage.commit([ask("0002"), ask("0001")])
        assert holders(storage, "0001", "0002") == ["0001"]
        storage.commit([replace(ask("0001"), frees=free("0001").frees)])
        assert holders(storage, "0001", "0002") == ["0001"], "it is the oldest still"
        storage.commit([ask("0001"), free("0001")])
        assert holders(storage, "0001", "0002") == ["0002"], "the last word counts"
        storage.commit([ask("0002", most=5)])
        assert holders(storage, "0001", "0002") == ["0002"], "who holds one and asks has it still"

    def test_a_letter_to_who_gave_the_permit_back_is_withdrawn(self, storage: Storage) -> None:
        create(storage, running("0001"))
        storage.commit([ask("0001")])
        storage.commit([free("0001")])
        assert letters(storage) == []

    def test_a_limit_is_what_the_newest_says_that_waits(self, storage: Storage) -> None:
        create(storage, *(running(f"000{n}") for n in range(5)))
        storage.commit([ask(f"000{n}", most=1) for n in range(3)])
        storage.commit([ask("0003", most=3)])
        assert len(holders(storage, "0000", "0001", "0002", "0003")) == 3, "it was raised"
        storage.commit([ask("0004", most=1)])
        storage.commit([free("0000")])
        storage.commit([free("0001")])
        assert holders(storage, "0002", "0003", "0004") == ["0002"], "it was lowered"
        storage.commit([free("0002")])
        assert holders(storage, "0003", "0004") == ["0003"]

    def test_a_refused_step_asks_and_frees_nothing(self, storage: Storage) -> None:
        create(storage, running("0001"), running("0002"))
        storage.commit([ask("0001")])
        stranger = [replace(free("0001"), execution=running("0001", epoch=7))]
        assert storage.commit(stranger) == {"0001"}
        assert storage.commit([replace(ask("0002"), execution=running("0002", owner="you"))]) == {"0002"}
        assert (holders(storage, "0001"), storage.permits("0002")) == (["0001"], [])

    def test_an_execution_waits_for_its_own_permit(self, storage: Storage) -> None:
        storage.commit([begin("0001")])
        storage.commit([begin("0002")])
        second = storage.execution("0002")
        assert second is not None
        assert (second.waiting, second.limits) == ("limit", {"": ["pay", 1]})
        assert letters(storage) == [("0001", "", "permit")]
        heard = [message.id for message in storage.inbox("me")]
        storage.commit([Step(running("0001", limits={"": ["pay", 1]}), taken=heard)])
        first = storage.execution("0001")
        assert first is not None
        assert (first.state, first.waiting, letters(storage)) == ("RUNNING", None, [])
        over = running("0002", state="CANCELLED", ended_at=5)
        storage.commit([Step(over, facts=[Fact(1, 1, "x")], frees=[Permit("pay", 1)])])
        assert storage.permits("0002") == []

    def test_who_does_not_want_to_wait_is_told_so(self, storage: Storage) -> None:
        storage.commit([begin("0001", manner="skip")])
        assert ("0001", "", "denied") not in letters(storage)
        storage.commit([begin("0002", manner="skip"), begin("0003", manner="fail"), begin("0004")])
        denied = [letter for letter in letters(storage) if letter[2] == "denied"]
        assert denied == [("0002", "", "denied"), ("0003", "", "denied")]

    def test_the_newest_may_take_the_place_of_the_oldest(self, storage: Storage) -> None:
        storage.commit([begin(f"000{n}", most=2) for n in range(3)])
        storage.commit([begin("0004", most=2, manner="cancel_oldest")])
        cancels = [letter for letter in letters(storage) if letter[2] == "cancel"]
        assert cancels == [("0000", "", "cancel"), ("0001", "", "cancel")]
        assert holders(storage, "0000", "0001", "0002", "0004") == ["0000", "0001"], "until they have ended"
        taken = {
            message.execution: [message.id] for message in storage.inbox("me") if message.kind == "cancel"
        }
        for name in ("0000", "0001"):
            storage.commit([Step(running(name, state="PENDING"), taken=taken[name])])
        storage.commit([begin("0005", most=2, manner="cancel_oldest")])
        cancels = [letter for letter in letters(storage) if letter[2] == "cancel"]
        assert cancels == [("0002", "", "cancel")], "each is told once"
        for name in ("0000", "0001"):
            ended = running(name, state="CANCELLED", ended_at=5)
            storage.commit([Step(ended, frees=[Permit("pay", 1)])])
        assert holders(storage, "0002", "0004", "0005") == ["0004", "0005"], "who was told to go gets none"

    def test_permits_go_when_the_execution_is_purged(self, storage: Storage) -> None:
        create(storage, running("0001"))
        storage.commit([ask("0001")])
        storage.commit([Step(running("0001", state="FAILED", ended_at=5))])
        assert storage.purge(10, 10) == 1
        assert storage.permits("0001") == []


class SharedPermitContract:
    """The same among several servers at once."""

    def test_an_execution_that_has_its_permit_may_be_left_to_any_server(
        self, storage: SharedStorage, other: SharedStorage
    ) -> None:
        for name in ("me", "b"):
            storage.join(NodeRecord(name, name, name, "1"))
        storage.commit([begin("0001"), begin("0002")])
        assert ids(other.claim("b", 5)) == []
        heard = [message.id for message in storage.inbox("me")]
        left = running("0001", state="PENDING", seq=1)
        storage.commit([Step(left, facts=[Fact(1, 1, "x")], taken=heard, queues=True)])
        first = storage.execution("0001")
        assert first is not None
        assert (first.owner, first.epoch, first.waiting) == (None, 1, None)
        assert storage.commit([Step(left)]) == {"0001"}, "it is not its own any more"
        assert ids(other.claim("b", 5)) == ["0001"]
        storage.leave("me")
        assert ids(other.adopt("b", 5)) == ["0002"], "what waits for a permit belongs to somebody"
        over = running("0001", owner="b", epoch=2, state="CANCELLED", ended_at=5)
        other.commit([Step(over, frees=[Permit("pay", 1)])])
        assert letters(storage, "b") == [("0002", "", "permit")]

    def test_permits_are_handed_out_once(self, storage: SharedStorage, other: SharedStorage) -> None:
        for n in range(ROUNDS):
            names = [f"{n:04}-{m}" for m in range(4)]
            create(storage, *(running(name) for name in names))
            mine, theirs = names[::2], names[1::2]
            race(
                partial(storage.commit, [ask(name, limit=f"l{n}", most=2) for name in mine]),
                partial(other.commit, [ask(name, limit=f"l{n}", most=2) for name in theirs]),
            )
            held = holders(storage, *names)
            assert len(held) == 2
            race(
                partial(storage.commit, [free(held[0], limit=f"l{n}")]),
                partial(other.commit, [free(held[1], limit=f"l{n}")]),
            )
            assert len(holders(storage, *names)) == 2, "whoever gave one back has handed it on"

    def test_many_limits_at_once_do_not_stop_each_other(
        self, storage: SharedStorage, other: SharedStorage
    ) -> None:
        limits = [f"l{n}" for n in range(6)]
        for n in range(ROUNDS):
            create(storage, running(f"{n}-a"), running(f"{n}-b"))
            asks = [[Permit(name, 1, name) for name in order] for order in (limits, limits[::-1])]
            race(
                partial(storage.commit, [Step(running(f"{n}-a", seq=1), asks=asks[0])]),
                partial(other.commit, [Step(running(f"{n}-b", seq=1), asks=asks[1])]),
            )
            race(
                partial(storage.commit, [Step(running(f"{n}-a", seq=2), frees=asks[0])]),
                partial(other.commit, [Step(running(f"{n}-b", seq=2), frees=asks[1])]),
            )
        assert not [permit for n in range(ROUNDS) for m in "ab" for permit in storage.permits(f"{n}-{m}")]
