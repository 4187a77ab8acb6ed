"""Many executions that begin together: few transactions, none without its answer, and one for each key."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from wfcore.engine import dispatch
from wfcore.engine.dispatch import Request
from wfcore.errors import InvalidInput, Unavailable
from wfcore.model.records import ExecutionQuery

TYPED = "id: typed\ninputs: {n: {type: int}}\ntasks:\n  t00: {type: witness/effect}\n"


def begin(installation, *requests):
    executions = installation.app.executions
    return executions.begin([executions.prepare(request) for request in requests])


def test_they_share_transactions(installation):
    installation.trace()
    with installation.open(maxConcurrentWorkflows=1):
        installation.apply(installation.chain(1, "{type: witness/gate, inputs: {gate: g}}"))
        first = installation.submit()
        installation.until_running(first)
        installation.statements.clear()
        begun = begin(installation, *[Request("default", "chain")] * 400)
        transactions = sum(text.upper().startswith("BEGIN") for text in installation.statements)
        assert {new for _, new in begun} == {True}
        assert transactions <= 8, "not one for each"
        installation.stage.gates["g"].set()
        assert {installation.end(record.id) for record, _ in begun[::40]} == {"SUCCESS"}
        installation.until(lambda: installation.app.storage.counts() == {"SUCCESS": 401})
        installation.check_history()


def test_what_is_wrong_is_found_before_any_begins(opened):
    opened.apply(TYPED)
    with pytest.raises(InvalidInput):
        begin(opened, Request("default", "typed", {"n": 1}), Request("default", "typed", {"n": "x"}))
    assert opened.app.storage.executions(ExecutionQuery()) == []


def test_the_same_keys_at_once_from_many_sides(opened):
    opened.apply(opened.chain(1))
    asked = [Request("default", "chain", key=str(number)) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda turn: begin(opened, *asked[turn:], *asked[:turn]), range(0, 40, 5)))
    assert len({record.id for answer in answers for record, _ in answer}) == 40
    assert sum(new for answer in answers for _, new in answer) == 40
    for turn, answer in zip(range(0, 40, 5), answers, strict=True):
        assert [record.key for record, _ in answer] == [str(n % 40) for n in range(turn, turn + 40)]
    opened.until(lambda: opened.app.storage.counts() == {"SUCCESS": 40})
    assert len(opened.stage.ran) == 40


def test_of_a_server_that_is_stuck_what_was_not_begun_is_taken_back(opened, monkeypatch):
    monkeypatch.setattr(dispatch, "PATIENCE", 0.15)
    opened.apply(opened.chain(1))
    inside, go_on = opened.hold_commit()

    def first():
        with contextlib.suppress(Unavailable):
            opened.submit()

    before = threading.Thread(target=first)
    before.start()
    inside.wait(5)
    with pytest.raises(Unavailable, match=r"not all executions .*in time") as caught:
        begin(opened, *(Request("default", "chain", key=str(number)) for number in range(20)))
    assert "same keys" in caught.value.remedy
    with pytest.raises(Unavailable) as caught:
        begin(opened, *[Request("default", "chain")] * 2)
    assert "look what has begun" in caught.value.remedy, "or all would begin anew"
    go_on.set()
    before.join()
    opened.until(lambda: opened.app.storage.counts() == {"SUCCESS": 1})
    monkeypatch.undo()
    again = begin(opened, *(Request("default", "chain", key=str(number)) for number in range(20)))
    assert {new for _, new in again} == {True}
    opened.until(lambda: opened.app.storage.counts() == {"SUCCESS": 21})
