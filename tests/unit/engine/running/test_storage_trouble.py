"""Commits that fail, once or for a while: nothing is lost, and nothing that was recorded is done again."""

import threading

import pytest

from wfcore.engine.ledger import Ledger
from wfcore.engine.recovery import Recovery
from wfcore.errors import Unavailable
from wfcore.model.execution import OPEN

GATE = "{type: witness/gate, inputs: {gate: g}}"


def once(opened, submit):
    """Submit until it is recorded, as a client with a key does."""
    while True:
        try:
            return submit()
        except Unavailable:
            continue


def in_order(app, ids):
    """Whether executions were let in as they came; those of one turn run side by side."""
    started = [app.storage.execution(id).started_at for id in ids]
    return started == sorted(started)


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("error", [Unavailable("the disk is full"), RuntimeError("a bug in the driver")])
def test_any_commit_may_fail(opened, number, error):
    opened.apply(opened.chain(4) + "finally:\n  z: {type: witness/effect}\n")
    raised = opened.fail_commits(number, error=error)
    id = once(opened, lambda: opened.submit(key="k"))
    assert opened.end(id) == "SUCCESS"
    assert [task for _, task, *_ in opened.stage.ran] == ["t00", "t01", "t02", "t03", "@finally/z"]
    assert {task["losses"] for task in opened.tasks(id).values()} == {0}
    assert len(raised) == (number <= 6)
    assert opened.check_history() == 1


@pytest.mark.parametrize("numbers", [range(2, 5), range(3, 12, 2), range(1, 6)])
def test_commits_may_fail_for_a_while(opened, numbers):
    opened.apply(opened.chain(3), opened.wide(6))
    raised = opened.fail_commits(*numbers)
    ids = [once(opened, lambda n=n: opened.submit(n, key="k")) for n in ("chain", "wide")]
    assert [opened.end(id) for id in ids] == ["SUCCESS", "SUCCESS"]
    assert len(opened.stage.ran) == 9
    assert len(raised) >= 2
    assert opened.check_history() == 2


def test_a_commit_of_waits_and_retries_may_fail(opened):
    source = """
id: mixed
tasks:
  wait: {type: core/wait, inputs: {for: 20ms}}
  flaky: {type: witness/flaky, retry: {max: 2, delay: 10ms}, inputs: {times: 2}}
  after: {type: witness/effect, needs: [wait, flaky]}
"""
    opened.apply(source)
    opened.fail_commits(3, 5, 7)
    id = once(opened, lambda: opened.submit("mixed", key="k"))
    assert opened.end(id) == "SUCCESS"
    assert opened.tasks(id)["flaky"]["attempt"] == 3
    assert len(opened.stage.ran) == 4


def test_while_storage_is_down_submissions_are_refused_and_attempts_come_back_later(opened):
    opened.apply(opened.chain(2, GATE))
    id = opened.submit()
    opened.until_running(id)
    commit, down = opened.app.storage.commit, threading.Event()
    down.set()

    def failing(steps, *notify):
        if down.is_set():
            raise Unavailable("the disk is full")
        return commit(steps, *notify)

    opened.app.storage.commit = failing
    with pytest.raises(Unavailable, match="could not record"):
        opened.submit()
    opened.stage.gates["g"].set()
    opened.until(lambda: not opened.stage.now)
    assert opened.states(id) == {"t00": "RUNNING"}
    down.clear()
    assert opened.end(id) == "SUCCESS"
    assert len(opened.stage.ran) == 2
    assert opened.check_history() == 1


@pytest.mark.storage("sqlite")
def test_a_disk_that_is_really_full(opened):
    """SQLite itself says so, as the database may not grow; then it may again."""
    opened.apply(opened.chain(30, "{type: witness/big, inputs: {size: 30000}}"))
    writer = opened.app.storage._writer
    id = opened.submit()
    opened.until(lambda: len(opened.stage.ran) > 3)
    with opened.app.storage._writing:
        (pages,) = writer.execute_sql("pragma page_count").fetchone()
        writer.execute_sql(f"pragma max_page_count = {pages + 20}").fetchone()

    def refused():
        try:
            opened.submit()
        except Unavailable as error:
            return "could not record" in str(error)
        return False

    opened.until(refused)
    ran = len(opened.stage.ran)
    with opened.app.storage._writing:
        writer.execute_sql("pragma max_page_count = 1000000").fetchone()
    assert opened.end(id) == "SUCCESS"
    executions = {execution for execution, *_ in opened.stage.ran}
    for execution in executions:
        opened.end(execution)
    assert ran < len(opened.stage.ran)
    tasks = [(execution, task) for execution, task, *_ in opened.stage.ran]
    assert len(tasks) == len(set(tasks)), "an effect was repeated"


def test_a_cancel_is_recorded_before_it_is_done_and_outlives_trouble(opened):
    opened.apply(opened.chain(2, GATE))
    id = opened.submit()
    opened.until_running(id)
    opened.fail_commits(1)
    opened.app.executions.cancel(id)
    assert opened.end(id) == "CANCELLED"
    assert opened.kinds(id).count("execution.cancelling") == 1


def test_timers_survive_trouble(opened):
    source = opened.chain(1, GATE) + "timeout: 300ms\n"
    opened.apply(
        source, opened.chain(1, "{type: witness/gate, timeout: 300ms, inputs: {gate: g}}", id="task")
    )
    ids = [opened.submit(), opened.submit("task")]
    for id in ids:
        opened.until_running(id)
    opened.fail_commits(1, 2)
    with pytest.raises(Unavailable):
        opened.submit()
    assert [opened.end(id) for id in ids] == ["FAILED", "FAILED"]


def test_an_attempt_that_was_told_to_stop_is_given_up_also_after_trouble(opened, monkeypatch):
    from wfcore.engine import intake

    monkeypatch.setattr(intake, "GRACE", 200_000)
    opened.apply(opened.chain(1, "{type: witness/deaf, inputs: {gate: g}}"))
    id = opened.submit()
    opened.until_running(id)
    opened.app.executions.cancel(id)
    opened.fail_commits(1)
    with pytest.raises(Unavailable):
        opened.submit()
    assert opened.end(id, 8) == "CANCELLED"


def test_the_limits_hold_also_after_trouble(installation):
    """What is read again from storage runs in order: what ran first, then what came first."""
    with installation.open(maxConcurrentWorkflows=2) as app:
        installation.apply(installation.chain(1, GATE, id="gate"), installation.chain(1))
        held = [installation.submit("gate") for _ in range(2)]
        for id in held:
            installation.until_running(id)
        new = [installation.submit() for _ in range(30)]
        installation.fail_commits(1)
        with pytest.raises(Unavailable):
            installation.submit()
        installation.until(lambda: not installation.owner()._recovery.stale)
        assert app.storage.counts() == {"RUNNING": 2, "PENDING": 30}
        installation.stage.gates["g"].set()
        for id in (*held, *new):
            assert installation.end(id) == "SUCCESS"
        assert in_order(app, new)
        assert installation.stage.most <= 2


def test_the_limits_hold_also_after_trouble_with_more_than_one_page(installation, monkeypatch):
    from wfcore.engine import takeover

    monkeypatch.setattr(takeover, "PAGE", 4)
    with installation.open(maxConcurrentWorkflows=3) as app:
        installation.apply(installation.chain(1, GATE, id="gate"), installation.chain(1))
        held = [installation.submit("gate") for _ in range(3)]
        for id in held:
            installation.until_running(id)
        new = [installation.submit() for _ in range(20)]
        installation.fail_commits(1)
        with pytest.raises(Unavailable):
            installation.submit()
        installation.until(lambda: not installation.owner()._recovery.stale)
        assert app.storage.counts() == {"RUNNING": 3, "PENDING": 20}
        installation.stage.gates["g"].set()
        for id in (*held, *new):
            assert installation.end(id) == "SUCCESS"
        assert in_order(app, new)
        assert installation.stage.most <= 3


def test_an_output_that_cannot_be_stored_now_may_be_tried_again(opened):
    opened.apply(opened.chain(1, "{type: witness/big, retry: {max: 2, delay: 10ms}, inputs: {size: 100000}}"))
    put, failures = opened.app.storage.put_blob, []

    def failing(content):
        if len(failures) < 2:
            failures.append(1)
            raise Unavailable("the disk is full")
        return put(content)

    opened.app.storage.put_blob = failing
    id = opened.submit()
    assert opened.end(id) == "SUCCESS"
    assert opened.tasks(id)["t00"]["attempt"] == 3


def test_stopping_while_storage_is_down(installation):
    with installation.open():
        installation.apply(installation.chain(1, GATE))
        id = installation.submit()
        installation.until_running(id)
        installation.fail_commits(*range(1, 1000))
        installation.stage.gates["g"].set()
        installation.until(lambda: not installation.stage.now)
    with installation.open() as app:
        assert app.executions.state(id) in OPEN or app.executions.state(id) == "SUCCESS"
        assert installation.end(id) == "SUCCESS"


def test_what_cannot_be_written_ends_its_execution_and_no_other(opened):
    """A driver that refuses one row for a reason of its own, again and again."""
    opened.apply(opened.chain(2, "{type: witness/big, inputs: {size: 13}}", id="bad"), opened.chain(3))
    commit, refusals = opened.app.storage.commit, []

    def picky(steps, *notify):
        if any("x" * 13 in (task.output or "") for step in steps for task in step.tasks):
            refusals.append(len(steps))
            raise ValueError("I do not like this")
        return commit(steps, *notify)

    opened.app.storage.commit = picky
    bad = opened.submit("bad")
    good = [once(opened, lambda n=n: opened.submit(key=str(n))) for n in range(20)]
    assert opened.end(bad, 20) == "FAILED"
    assert "I do not like this" in opened.app.executions.describe(bad)["error"]["message"]
    assert opened.states(bad) == {"t00": "CANCELLED"}
    for id in good:
        assert opened.end(id) == "SUCCESS"
    assert len(refusals) < 20
    assert len(opened.stage.ran) == 61, "each task ran once"
    assert opened.end(opened.submit()) == "SUCCESS"
    assert opened.check_history() == 22


def test_a_bug_that_shows_on_one_execution_ends_that_one(opened, monkeypatch):
    from wfcore.engine import machine

    opened.apply(opened.chain(2, id="bad"), opened.chain(3))
    finish = machine.finish

    def broken(run, path, attempt, outcome, now):
        if run.record.workflow == "bad":
            raise KeyError(path)
        return finish(run, path, attempt, outcome, now)

    monkeypatch.setattr(machine, "finish", broken)
    ids = [opened.submit(name) for name in ("bad", "chain", "bad", "chain")]
    assert [opened.end(id) for id in ids] == ["FAILED", "SUCCESS", "FAILED", "SUCCESS"]
    assert "KeyError" in opened.app.executions.describe(ids[0])["error"]["message"]
    opened.until(lambda: opened.app.engine.running_tasks() == 0)
    assert opened.owner()._capacity.admitted == set()


def test_hours_without_storage_do_not_end_the_owner(opened):
    opened.apply(opened.chain(1, GATE))
    id = opened.submit()
    opened.until_running(id)
    owner = opened.owner()
    owner._recovery._failures = 5000
    opened.fail_commits(1)
    with pytest.raises(Unavailable):
        opened.submit()
    opened.stage.gates["g"].set()
    assert opened.end(id, 30) == "SUCCESS"
    assert owner.alive


@pytest.mark.parametrize(("error", "traced"), [(Unavailable("it is away"), False), (KeyError("a bug"), True)])
def test_an_outage_is_a_line_and_a_bug_its_traceback(caplog, error, traced):
    recovery = Recovery(Ledger(None, None, "server", None), {})
    recovery.failed([], error)
    recovery.reloaded(error)
    told = [(record.levelname, bool(record.exc_info)) for record in caplog.records]
    assert told == [("ERROR" if traced else "WARNING", traced)] * 2
    assert traced or all("it is away" in message for message in caplog.messages)
