"""Whoever asks a server that is stuck gets an answer in time, and one that is true."""

import contextlib
import threading

import pytest

from wfcore.engine import dispatch
from wfcore.errors import Unavailable
from wfcore.model.records import ExecutionQuery


@pytest.fixture
def stuck(opened, monkeypatch):
    """The next commit does not return until ``go_on``; the patience is short."""
    monkeypatch.setattr(dispatch, "PATIENCE", 0.15)
    opened.apply(opened.chain(1))
    opened.inside, opened.go_on = opened.hold_commit()
    yield opened
    opened.go_on.set()


def test_what_was_not_begun_is_taken_back(stuck):
    def first():
        with contextlib.suppress(Unavailable):
            stuck.submit()

    background = threading.Thread(target=first)
    background.start()
    stuck.inside.wait(5)
    with pytest.raises(Unavailable, match="in time"):
        stuck.submit()
    stuck.go_on.set()
    background.join()
    stuck.until(lambda: stuck.app.storage.counts() == {"SUCCESS": 1})
    assert stuck.end(stuck.submit()) == "SUCCESS"
    assert len(stuck.app.storage.executions(ExecutionQuery())) == 2, "the one that was refused is not there"


def test_what_was_begun_is_said_to_be_unknown(stuck):
    with pytest.raises(Unavailable, match="may yet") as caught:
        stuck.submit(key="k")
    assert "Idempotency-Key" in caught.value.remedy
    stuck.go_on.set()
    assert stuck.end(stuck.submit(key="k")) == "SUCCESS"
    assert len(stuck.app.storage.executions(ExecutionQuery())) == 1


def test_who_waits_for_an_end_that_comes_here_is_told_it_and_reads_nothing(opened, monkeypatch):
    opened.apply(opened.chain(1, "{type: witness/gate, inputs: {gate: g}}"))
    id = opened.submit()
    opened.until_running(id)
    read = []
    monkeypatch.setattr(opened.app.storage, "execution", read.append)
    ends = []
    waiting = threading.Thread(target=lambda: ends.append(opened.app.executions.wait_end(id, 10)))
    waiting.start()
    opened.until(lambda: id in opened.app.engine.watch._waiters)
    opened.stage.gates["g"].set()
    waiting.join()
    monkeypatch.undo()
    assert read == []
    assert ends == [opened.app.storage.execution(id)], "and it is what was written"
    assert ends[0].state == "SUCCESS"
