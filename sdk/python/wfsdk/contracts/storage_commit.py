"""The part of the storage contract that is about ``commit``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wfcore.api import (
    ExecutionRecord,
    Fact,
    Message,
    Step,
    Storage,
    TaskRecord,
    Tick,
    TriggerRecord,
    WorkflowRecord,
)
from wfsdk.contracts.storage_executions import running

DUE, NEXT = 1_000_000, 2_000_000
TICK = Tick("default", "flow", "hourly", DUE, NEXT)
TRIGGER = TriggerRecord("default", "flow", "hourly", "cron", next_at=DUE)


def with_trigger(storage: Storage, next_at: int = DUE) -> None:
    """Apply the workflow ``flow`` with one timed trigger."""
    record = WorkflowRecord("default", "flow", 1, "source", "digest")
    storage.put_workflow(record, [replace(TRIGGER, next_at=next_at)])


class CommitContract:
    """Steps are written whole or refused whole, durably, without harm to their neighbours."""

    def test_an_execution_comes_back_as_it_went_in(self, storage: Storage) -> None:
        execution = ExecutionRecord(
            id="0001", namespace="team.a", workflow="flow", revision=3, state="FAILED",
            trigger_kind="webhook", trigger='{"n": 1}', inputs='{"x": "ü"}', labels={"a": "b"},
            key="k", parent="0000", owner="me", epoch=2, seq=4, generation=1,
            created_at=5, started_at=6, ended_at=7, deadline=8,
            outputs='{"o": null}', error='{"type": "x"}',
        )  # fmt: skip
        assert storage.commit([Step(execution, create=True)]) == frozenset()
        assert storage.execution("0001") == execution
        assert storage.execution("0002") is None

    def test_an_update_writes_what_a_step_may_change(self, storage: Storage) -> None:
        storage.commit([Step(running("0001"), create=True)])
        content = {"outputs": '{"a": 1}', "error": "{}"}
        times = {"started_at": 2, "ended_at": 3, "deadline": 4}
        after = running("0001", state="SUCCESS", seq=9, generation=2, **times, **content)
        assert storage.commit([Step(after)]) == frozenset()
        assert storage.execution("0001") == after

    def test_a_step_that_has_not_moved_writes_the_number_of_its_facts(self, storage: Storage) -> None:
        storage.commit([Step(running("0001"), create=True)])
        after = running("0001", seq=2)
        assert storage.commit([Step(after, facts=[Fact(2, 9, "log")], moved=False)]) == frozenset()
        assert storage.execution("0001") == after
        for stale in ({"owner": "other"}, {"epoch": 8}):
            late = Step(running("0001", **{"seq": 3, **stale}), facts=[Fact(3, 9, "log")], moved=False)
            assert storage.commit([late]) == {"0001"}
        assert (storage.execution("0001"), len(storage.facts("0001", 0, 9))) == (after, 1)

    @pytest.mark.parametrize("first", [True, False])
    def test_of_several_steps_one_that_moves_is_enough(self, storage: Storage, first: bool) -> None:
        storage.commit([Step(running("0001"), create=True)])
        after = running("0001", state="SUCCESS", seq=3, ended_at=3)
        steps = [Step(replace(after, seq=2), moved=first), Step(after, moved=not first)]
        assert storage.commit(steps) == frozenset()
        assert storage.execution("0001") == after

    def test_no_steps_are_no_work(self, storage: Storage) -> None:
        assert storage.commit([]) == frozenset()

    def test_rows_of_a_step(self, storage: Storage) -> None:
        late = TaskRecord("a", "SUCCESS", "core/log", 2, 1, None, None, 30, 40, '{"o": 1}', "{}", None)
        early = TaskRecord("b[3]/c", "WAITING", "core/wait", 1, 0, "timer", 99, 20, None, None, None, "{}")
        none = TaskRecord("a0", "SKIPPED")
        facts = [Fact(1, 10, "a", "p", 2, {"deep": [1, {"x": None}]}), Fact(2, 11, "b")]
        storage.commit([Step(running("0001"), create=True, tasks=[none, late, early], facts=facts)])
        assert storage.tasks("0001") == [early, late, none]
        assert storage.facts("0001") == facts
        ended = replace(early, state="SUCCESS", waiting=None, due_at=None, ended_at=50, output="[]")
        storage.commit([Step(running("0001"), tasks=[ended])])
        assert storage.tasks("0001") == [ended, late, none]

    @pytest.mark.parametrize("stale", [{"owner": "other"}, {"epoch": 8}, {"epoch": 6}, {"owner": None}])
    def test_a_fenced_off_owner_writes_nothing(self, storage: Storage, stale: dict[str, object]) -> None:
        before = running("0001", epoch=7)
        storage.commit([Step(before, create=True)])
        storage.post(Message("0001", "cancel"))
        (message,) = storage.inbox("me")
        late = running("0001", **{"epoch": 7, "state": "FAILED", "seq": 5, **stale})
        tasks, facts = [TaskRecord("a", "RUNNING")], [Fact(1, 1, "x")]
        refused = storage.commit([Step(late, tasks=tasks, facts=facts, taken=[message.id])])
        assert refused == {"0001"}
        assert storage.execution("0001") == before
        assert (storage.tasks("0001"), storage.facts("0001")) == ([], [])
        assert storage.inbox("me") == [message]

    def test_an_update_of_nothing_is_refused(self, storage: Storage) -> None:
        assert storage.commit([Step(running("0001"), facts=[Fact(1, 1, "x")])]) == {"0001"}
        assert storage.facts("0001") == []

    def test_an_id_is_used_once(self, storage: Storage) -> None:
        storage.commit([Step(running("0001"), create=True)])
        again = running("0001", state="FAILED", workflow="other")
        assert storage.commit([Step(again, create=True, facts=[Fact(1, 1, "x")])]) == {"0001"}
        assert storage.execution("0001") == running("0001")
        assert storage.facts("0001") == []

    def test_a_key_is_used_once_per_workflow(self, storage: Storage) -> None:
        storage.commit([Step(running("0001", key="k"), create=True)])
        steps = [
            Step(running("0002", key="k"), create=True, facts=[Fact(1, 1, "x")]),
            Step(running("0003", key="k", workflow="other"), create=True),
            Step(running("0004", key="k", namespace="other"), create=True),
            Step(running("0005", key="j"), create=True),
            Step(running("0006", key="j"), create=True),
            Step(running("0007"), create=True),
            Step(running("0008"), create=True),
        ]
        assert storage.commit(steps) == {"0002", "0006"}
        assert storage.execution("0002") is None
        assert storage.facts("0002") == []
        assert storage.execution_by_key("default", "flow", "j") == running("0005", key="j")
        assert storage.execution_by_key("default", "flow", "none") is None

    def test_a_refused_step_harms_no_other(self, storage: Storage) -> None:
        storage.commit([Step(running("0001"), create=True), Step(running("0003"), create=True)])
        steps = [
            Step(running("0001", seq=1), facts=[Fact(1, 1, "x")]),
            Step(running("0002", seq=1), facts=[Fact(1, 1, "x")]),
            Step(running("0003", seq=1), facts=[Fact(1, 1, "x")]),
            Step(running("0004"), create=True),
        ]
        assert storage.commit(steps) == {"0002"}
        assert [len(storage.facts(id)) for id in ("0001", "0002", "0003")] == [1, 0, 1]
        assert storage.execution("0004") is not None

    def test_a_fault_writes_nothing_of_the_group(self, storage: Storage) -> None:
        storage.commit([Step(running("0001"), create=True, facts=[Fact(1, 1, "x")])])
        twice = Step(running("0001", seq=9), facts=[Fact(1, 1, "x")])
        with pytest.raises(Exception):  # noqa: B017  (which one is the driver's business)
            storage.commit([Step(running("0002"), create=True), twice])
        assert storage.execution("0001") == running("0001")
        assert storage.execution("0002") is None
        assert storage.commit([Step(running("0002"), create=True)]) == frozenset()

    def test_a_tick_fires_once(self, storage: Storage) -> None:
        with_trigger(storage)
        first, second = running("0001"), running("0002")
        assert storage.commit([Step(first, create=True, tick=TICK)]) == frozenset()
        assert storage.triggers() == [replace(TRIGGER, next_at=NEXT)]
        again = Step(
            second, create=True, tick=TICK, tasks=[TaskRecord("a", "RUNNING")], facts=[Fact(1, 1, "x")]
        )
        assert storage.commit([again]) == {"0002"}
        assert storage.execution("0002") is None
        assert (storage.tasks("0002"), storage.facts("0002")) == ([], [])

    def test_a_tick_fires_once_in_a_group(self, storage: Storage) -> None:
        with_trigger(storage)
        steps = [Step(running(id), create=True, tick=TICK) for id in ("0001", "0002")]
        later = replace(TICK, due_at=NEXT, next_at=None)
        assert storage.commit([*steps, Step(running("0003"), create=True, tick=later)]) == {"0002"}
        assert storage.triggers() == [replace(TRIGGER, next_at=None)]

    def test_a_refused_execution_does_not_use_up_its_tick(self, storage: Storage) -> None:
        with_trigger(storage)
        storage.commit([Step(running("0001", key="k"), create=True)])
        assert storage.commit([Step(running("0002", key="k"), create=True, tick=TICK)]) == {"0002"}
        assert storage.triggers() == [TRIGGER]
        assert storage.commit([Step(running("0003"), create=True, tick=TICK)]) == frozenset()

    def test_a_tick_does_not_move_a_trigger_that_was_set_anew(self, storage: Storage) -> None:
        with_trigger(storage, next_at=DUE + 500)
        storage.commit([Step(running("0001"), create=True, tick=TICK)])
        assert storage.triggers() == [replace(TRIGGER, next_at=DUE + 500)]

    def test_a_tick_moves_its_trigger_over_what_was_skipped(self, storage: Storage) -> None:
        with_trigger(storage, next_at=DUE - 500)
        storage.commit([Step(running("0001"), create=True, tick=TICK)])
        assert storage.triggers() == [replace(TRIGGER, next_at=NEXT)]

    def test_taken_messages_go_with_the_step(self, storage: Storage) -> None:
        storage.commit([Step(running("0001"), create=True)])
        storage.post(Message("0001", "cancel"))
        storage.post(Message("0001", "signal", "a"))
        first, second = storage.inbox("me")
        storage.commit([Step(running("0001"), taken=[first.id])])
        assert storage.inbox("me") == [second]

    def test_steps_of_one_execution_follow_each_other(self, storage: Storage) -> None:
        pending = running("0001", state="PENDING", seq=1)
        a, b = TaskRecord("a", "RUNNING"), TaskRecord("b", "RUNNING")
        done = replace(a, state="SUCCESS")
        steps = [
            Step(pending, create=True, tasks=[a, b], facts=[Fact(1, 1, "created")]),
            Step(running("0002"), create=True),
            Step(running("0001", seq=2), tasks=[done], facts=[Fact(2, 2, "a")]),
            Step(running("0001", seq=3), facts=[Fact(3, 3, "b")]),
        ]
        assert storage.commit(steps) == frozenset()
        assert storage.execution("0001") == running("0001", seq=3)
        assert storage.tasks("0001") == [done, b]
        assert [fact.seq for fact in storage.facts("0001")] == [1, 2, 3]

    def test_an_execution_is_created_once_in_a_group(self, storage: Storage) -> None:
        steps = [Step(running("0001", seq=n), create=True, facts=[Fact(n, 1, "x")]) for n in (1, 2)]
        assert storage.commit(steps) == {"0001"}
        assert storage.execution("0001") == running("0001", seq=1)
        assert storage.facts("0001") == [Fact(1, 1, "x")]

    def test_a_contradicting_step_of_one_execution_is_left_out(self, storage: Storage) -> None:
        steps = [
            Step(running("0001"), create=True, facts=[Fact(1, 1, "first")]),
            Step(running("0001", owner="other", seq=7), facts=[Fact(2, 1, "second")]),
            Step(running("0001", seq=8), facts=[Fact(3, 1, "third")]),
            Step(running("0002"), create=True),
        ]
        assert storage.commit(steps) == {"0001"}
        assert storage.execution("0001") == running("0001")
        assert [fact.kind for fact in storage.facts("0001")] == ["first"]
        assert storage.execution("0002") is not None
