"""Commits that were written although they raised, and executions that are lost to another server."""

import pytest

from wfcore.engine import intake
from wfcore.errors import Unavailable
from wfcore.model.nodes import NodeRecord
from wfcore.plugins.contracts import SharedStorage

GATE = "{type: witness/gate, inputs: {gate: g}}"


@pytest.fixture
def lose_answers(opened):
    """``lose_answers(kind)``: the next commit with a fact of this kind is written, but its answer is lost."""

    def arm(kind):
        commit, lost = opened.app.storage.commit, []

        def unlucky(steps, *notify):
            refused = commit(steps, *notify)
            if not lost and any(fact.kind == kind for step in steps for fact in step.facts):
                lost.append(kind)
                raise Unavailable("the connection was lost during a commit")
            return refused

        opened.app.storage.commit = unlucky
        return lost

    return arm


@pytest.fixture
def refuse_once(opened):
    """The next commit that only continues executions finds that another server has taken them all."""

    def arm():
        storage = opened.app.storage
        commit, execution, before = storage.commit, storage.execution, {}

        def too_late(steps, *notify):
            storage.commit, storage.execution = commit, execution
            if isinstance(storage, SharedStorage):
                storage.join(NodeRecord("another", "elsewhere", "", ""))
                with storage.writing() as t:
                    e = t.execution
                    e.update({e.owner: "another", e.epoch: e.epoch + 1}).execute()
            else:
                storage.adopt("another", 100)
            return commit(steps, *notify)

        def as_it_was(id):
            before.setdefault(id, execution(id))
            return before[id]

        storage.commit, storage.execution = too_late, as_it_was

    return arm


def test_an_attempt_that_was_recorded_but_never_started_is_lost_and_runs_again(opened, lose_answers):
    opened.apply(opened.chain(1))
    lost = lose_answers("task.started")
    with pytest.raises(Unavailable):
        opened.submit(key="k")
    id = opened.submit(key="k")
    assert opened.end(id) == "SUCCESS"
    assert lost
    assert (opened.tasks(id)["t00"]["attempt"], opened.tasks(id)["t00"]["losses"]) == (2, 1)
    assert len(opened.stage.ran) == 1
    assert opened.check_history() == 1


def test_one_that_was_given_up_is_not_taken_for_the_attempt_that_followed_it(
    opened, lose_answers, monkeypatch
):
    monkeypatch.setattr(intake, "GRACE", 100_000)
    body = "{type: witness/deaf, timeout: 50ms, retry: {max: 5, backoff: none}, inputs: {gate: g}}"
    opened.apply(opened.chain(1, body))
    id = opened.submit()
    opened.until_running(id)
    lost = lose_answers("task.started")
    opened.until(lambda: lost)
    opened.stage.gates["g"].set()
    assert opened.end(id) == "SUCCESS"
    assert opened.tasks(id)["t00"]["losses"] == 1
    assert opened.check_history() == 1


def test_whoever_runs_is_told_of_a_cancel_that_was_recorded(opened, lose_answers):
    opened.apply(opened.chain(2, GATE))
    id = opened.submit()
    opened.until_running(id)
    lose_answers("execution.cancelling")
    opened.app.executions.cancel(id)
    assert opened.end(id, intake.GRACE / 1_000_000 / 2) == "CANCELLED"
    assert opened.states(id) == {"t00": "CANCELLED", "t01": "CANCELLED"}
    opened.until(lambda: not opened.owner()._ledger.attempts)
    assert opened.owner()._timers.next_at() is None


def test_a_cancel_that_comes_too_late_here_is_left_for_the_new_owner(opened, refuse_once):
    opened.apply(opened.chain(1, GATE))
    id = opened.submit()
    opened.until_running(id)
    refuse_once()
    opened.app.executions.cancel(id)
    (message,) = opened.app.storage.inbox("another")
    assert (message.execution, message.kind) == (id, "cancel")
    assert "execution.cancelling" not in opened.kinds(id)


def test_what_cannot_be_written_is_given_up_even_if_that_fails_first(opened):
    opened.apply(opened.chain(1, "{type: witness/big, inputs: {size: 13}}", id="bad"), opened.chain(1))
    commit, failed = opened.app.storage.commit, []

    def picky(steps, *notify):
        if any("x" * 13 in (task.output or "") for step in steps for task in step.tasks):
            raise ValueError("I do not like this")
        if not failed and any(fact.kind == "execution.finished" for step in steps for fact in step.facts):
            failed.append(1)
            raise Unavailable("the disk is full")
        return commit(steps, *notify)

    opened.app.storage.commit = picky
    id = opened.submit("bad")
    assert opened.end(id, 30) == "FAILED"
    assert failed
    opened.until(lambda: not opened.owner()._takeover.condemned)  # it is acquitted after the commit


def test_submissions_that_fail_or_come_twice_leave_nothing_behind(opened):
    opened.apply("id: none\ntasks:\n  a: {type: core/set, enabled: false}\n")
    storage = opened.app.storage
    id = opened.submit("none", key="k")
    by_key, storage.execution_by_key = storage.execution_by_key, lambda *_: None
    opened.submit("none", key="k")
    storage.execution_by_key = by_key
    opened.fail_commits(1, error=RuntimeError("a bug in the driver"))
    with pytest.raises(Unavailable):
        opened.submit("none")
    assert opened.end(opened.submit("none")) == "SUCCESS"
    assert opened.submit("none", key="k") == id
    owner = opened.owner()
    assert owner._capacity._withdrawn == set()
    assert owner._recovery._suspicions == {}
