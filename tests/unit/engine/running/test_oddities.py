"""Whatever one task does, it ends in good order, and nobody else notices."""

from dataclasses import replace

import pytest

from wfcore.engine.mail import Ended
from wfcore.model.outcome import Cancelled, Skipped

ODD = {
    "cancel": "bug",
    "log bytes": None,
    "log an object": None,
    "a wait beyond all time": "output",
    "a wait for a bool": "output",
    "a wait for no number": "output",
    "a pause beyond all time": "failed",
    "a pause that is no number": "failed",
    "a pause in the past": "failed",
    "an error that is no text": "",
    "half a surrogate pair": "\udfff",
    "no file can be opened": "unavailable",
    "exit": "bug",
}


@pytest.mark.parametrize("what", ODD)
def test_one_odd_action_harms_nobody(opened, what):
    task = f"{{type: witness/odd, retry: {{max: 1, delay: 0s}}, inputs: {{what: {what}}}}}"
    opened.apply(
        f"id: odd\ntasks:\n  a: {task}\n",
        "id: good\ntasks:\n  b: {type: witness/effect}\n",
    )
    odd, good = opened.submit("odd"), opened.submit("good")
    assert opened.end(good, 5) == "SUCCESS"
    if what.startswith("a pause beyond"):
        opened.until(lambda: opened.states(odd)["a"] == "WAITING")
        opened.app.executions.cancel(odd)
        assert opened.end(odd) == "CANCELLED"
        return
    state = opened.end(odd, 5)
    error = opened.tasks(odd)["a"]["error"]
    assert state == ("SUCCESS" if ODD[what] is None else "FAILED")
    assert (error is None) == (ODD[what] is None)
    if ODD[what]:
        assert error["type"] == ODD[what]
    assert opened.end(opened.submit("good"), 5) == "SUCCESS"


def test_a_large_output_of_a_wait_is_kept(opened):
    source = """
id: wait
tasks:
  a: {type: witness/odd, inputs: {what: a large wait}}
  b: {type: core/set, inputs: {n: "{{ tasks.a.output | length }}", side: "{{ tasks.a.meta.side | length }}"}}
"""
    id, state, _ = opened.run(source)
    assert state == "SUCCESS", opened.app.executions.describe(id)
    assert opened.tasks(id)["b"]["output"] == {"n": 100_000, "side": 100_000}
    digests = [row[0] for row in opened.sql("select digest from blob_ref")]
    assert len(digests) == 2


def test_a_wait_until_the_end_of_the_calendar(opened):
    opened.apply("id: forever\ntasks:\n  a: {type: core/wait, inputs: {until: '9999-12-31T00:00:00Z'}}\n")
    forever = opened.submit("forever")
    opened.until(lambda: opened.app.executions.state(forever) == "WAITING")
    _, state, _ = opened.run("id: good\ntasks:\n  b: {type: witness/effect}\n")
    assert state == "SUCCESS"
    opened.app.executions.cancel(forever)
    assert opened.end(forever) == "CANCELLED"


def test_who_talks_without_end_holds_nobody_up(opened):
    opened.apply(
        opened.wide(3, "{type: witness/chatter, timeout: 60s}", id="chatter"), opened.chain(3, id="good")
    )
    talking = opened.submit("chatter")
    opened.until(lambda: len(opened.stage.now) == 3)
    for _ in range(10):
        assert opened.end(opened.submit("good"), 30) == "SUCCESS"
        assert opened.owner()._mail.qsize() < 1000
    opened.app.executions.cancel(talking)
    assert opened.end(talking, 30) == "CANCELLED"
    lines = len(opened.app.storage.facts(talking, limit=1_000_000, kind="log"))
    assert lines > 1000


def test_when_no_file_can_be_opened_the_task_may_be_tried_again(opened):
    opened.apply(
        opened.chain(
            1, "{type: witness/odd, retry: {max: 2, delay: 0s}, inputs: {what: no file can be opened}}"
        )
    )
    id = opened.submit()
    assert opened.end(id) == "FAILED"
    task = opened.tasks(id)["t00"]
    assert task["attempt"] == 3
    assert "ulimit -n" in task["error"]["message"]


def test_an_attempt_that_comes_back_after_it_was_begun_again_ends_nothing(opened):
    """The one that was begun after it has the same number, when the first was no loss."""
    opened.apply(opened.chain(1, "{type: witness/gate, inputs: {gate: g}}"))
    id = opened.submit()
    opened.until_running(id)
    owner = opened.owner()
    ((key, running),) = owner._ledger.attempts.items()
    owner.send(Ended(replace(running), Cancelled()))
    owner.send(Ended(replace(running), Skipped()))
    opened.end(opened.run(opened.chain(1, id="other"))[0])  # these have been dealt with by then
    assert owner._ledger.attempts == {key: running}
    assert owner._capacity.busy == 1
    opened.stage.gates["g"].set()
    assert opened.end(id) == "SUCCESS"
    assert opened.stage.count("t00") == 2, "once for each of the two workflows"
