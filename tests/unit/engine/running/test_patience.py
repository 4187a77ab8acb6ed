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
