"""The part of the storage contract that is about finding, adopting and writing to executions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from wfcore.api import ExecutionQuery, ExecutionRecord, Fact, Message, SharedStorage, Step, Storage


def running(id: str, **columns: Any) -> ExecutionRecord:
    """A RUNNING execution of ``default/flow`` that belongs to ``me``."""
    known = {"namespace": "default", "workflow": "flow", "revision": 1, "state": "RUNNING", "owner": "me"}
    return ExecutionRecord(id=id, **{**known, **columns})


def create(storage: Storage, *executions: ExecutionRecord) -> None:
    """Write new executions."""
    assert storage.commit([Step(execution, create=True) for execution in executions]) == frozenset()


def ids(executions: Sequence[ExecutionRecord]) -> list[str]:
    """Their ids, in order."""
    return [execution.id for execution in executions]


class ExecutionContract:
    """Reads see what was committed; adoption leaves every open execution with one owner."""

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            (ExecutionQuery(), "7654321"),
            (ExecutionQuery(limit=2), "76"),
            (ExecutionQuery(limit=2, before="0006"), "54"),
            (ExecutionQuery(namespace="default"), "76421"),
            (ExecutionQuery(namespace="default", workflow="flow"), "7421"),
            (ExecutionQuery(workflow="flow"), "75421"),
            (ExecutionQuery(states=("RUNNING", "PENDING")), "76531"),
            (ExecutionQuery(namespace="default", workflow="flow", states=("SUCCESS",)), "42"),
            (ExecutionQuery(namespace="default", workflow="flow", states=("SUCCESS",), before="0004"), "2"),
            (ExecutionQuery(namespace="none"), ""),
        ],
    )
    def test_executions_newest_first(self, storage: Storage, query: ExecutionQuery, found: str) -> None:
        create(
            storage,
            running("0002", state="SUCCESS"),
            running("0001"),
            running("0003", namespace="team", workflow="other"),
            running("0004", state="SUCCESS"),
            running("0005", namespace="team"),
            running("0006", workflow="other", state="PENDING"),
            running("0007", state="PENDING"),
        )
        assert ids(storage.executions(query)) == [f"000{n}" for n in found]

    def test_pending_oldest_first(self, storage: Storage) -> None:
        create(storage, *(running(f"000{n}", state="PENDING") for n in (3, 1, 2, 4)))
        create(storage, running("0000"), running("0009", state="PENDING", owner="other"))
        assert ids(storage.pending("me", "", 3)) == ["0001", "0002", "0003"]
        assert ids(storage.pending("me", "0002", 3)) == ["0003", "0004"]
        assert storage.pending("nobody", "", 3) == []

    def test_counts_by_state(self, storage: Storage) -> None:
        assert dict(storage.counts()) == {}
        create(storage, running("0001"), running("0002"), running("0003", state="FAILED"))
        assert storage.counts() == {"RUNNING": 2, "FAILED": 1}

    def test_facts_from_a_place(self, storage: Storage) -> None:
        facts = [Fact(n, n, "log" if n % 2 else "task") for n in range(1, 8)]
        storage.commit([Step(running("0001"), create=True, facts=facts)])
        assert storage.facts("0001") == facts
        assert storage.facts("0001", after=5) == facts[5:]
        assert storage.facts("0001", after=1, limit=2) == facts[1:3]
        assert storage.facts("0001", after=1, limit=2, kind="log") == [facts[2], facts[4]]
        assert storage.facts("0002") == []

    def test_facts_keep_their_bodies(self, storage: Storage) -> None:
        bodies: list[dict[str, Any]] = [
            {},
            {"state": "SUCCESS"},
            {"state": "SKIPPED"},
            {"state": ["of", None]},
            {"state": "FAILED", "error": {"type": "http", "message": "née \u2028 'x'"}},
            {"error": "SUCCESS"},
        ]
        facts = [Fact(n, n, "task", "a", 1, body) for n, body in enumerate(bodies, 1)]
        storage.commit([Step(running("0001"), create=True, facts=facts)])
        assert storage.facts("0001") == facts

    def test_adopting_takes_what_is_open_and_not_ours(self, storage: Storage) -> None:
        create(
            storage,
            running("0001", owner="dead", state="PENDING", epoch=3),
            running("0002", owner="dead", state="WAITING"),
            running("0003", owner="gone", state="PENDING"),
            running("0004", owner="dead"),
            running("0005", owner="dead", state="SUCCESS"),
            running("0006"),
        )
        taken = storage.adopt("me", 10)
        assert ids(taken) == ["0002", "0004", "0001", "0003"]
        assert [(e.owner, e.epoch) for e in taken] == [("me", 1), ("me", 1), ("me", 4), ("me", 1)]
        assert storage.execution("0001") == taken[2]
        assert storage.execution("0005") == running("0005", owner="dead", state="SUCCESS")
        assert storage.execution("0006") == running("0006")
        assert storage.adopt("me", 10) == []

    def test_what_nobody_owns_is_adopted_where_no_other_server_may_claim_it(self, storage: Storage) -> None:
        create(storage, running("0001", owner=None, state="PENDING"))
        taken = [] if isinstance(storage, SharedStorage) else ["0001"]
        assert ids(storage.adopt("me", 10)) == taken

    def test_adopting_page_by_page_ends_and_leaves_nobody_out(self, storage: Storage) -> None:
        states = ("PENDING", "RUNNING", "WAITING")
        create(storage, *(running(f"{n:04}", owner="dead", state=states[n % 3]) for n in range(25)))
        pages: list[list[ExecutionRecord]] = []
        while page := storage.adopt("me", 10):
            pages.append(page)
        taken = [execution for page in pages for execution in page]
        assert [len(page) for page in pages] == [10, 10, 5]
        assert len({execution.id for execution in taken}) == 25
        waiting_at = [execution.state == "PENDING" for execution in taken]
        assert waiting_at == sorted(waiting_at)

    def test_a_former_owner_is_fenced_off(self, storage: Storage) -> None:
        before = running("0001", owner="dead")
        create(storage, before)
        (taken,) = storage.adopt("me", 10)
        assert storage.commit([Step(before)]) == {"0001"}
        assert storage.commit([Step(taken)]) == frozenset()

    def test_a_message_is_posted_once(self, storage: Storage) -> None:
        create(storage, running("0001"))
        message = Message("0001", "cancel", "a", 1, {"reason": "ü"})
        assert storage.post(message)
        assert not storage.post(message)
        assert not storage.post(Message("0001", "cancel", "a", 1, {"reason": "another"}))
        assert [m.body for m in storage.inbox("me")] == [{"reason": "ü"}]

    def test_an_inbox_is_its_owners_oldest_first(self, storage: Storage) -> None:
        create(storage, running("0001"), running("0002", owner="other"))
        for message in (
            Message("0001", "b"), Message("0001", "a"), Message("0002", "a"), Message("0001", "a", "p"),
            Message("0001", "a", "p", 2),
        ):  # fmt: skip
            assert storage.post(message)
        inbox = storage.inbox("me")
        assert [(m.kind, m.path, m.attempt) for m in inbox] == [
            ("b", "", 0), ("a", "", 0), ("a", "p", 0), ("a", "p", 2)
        ]  # fmt: skip
        assert len({m.id for m in inbox} - {0}) == 4
        assert len(storage.inbox("other")) == 1
        assert storage.inbox("nobody") == []
