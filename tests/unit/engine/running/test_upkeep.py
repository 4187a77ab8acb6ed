"""What an application costs: statements, transactions, rows and files; and what it forgets."""

import time

import pytest

from wfcore.engine import timers
from wfcore.errors import NotFound

DAY = 86_400


def begins(installation):
    return sum(statement.upper().startswith("BEGIN") for statement in installation.statements)


@pytest.mark.parametrize("look", [60.0, 0.05])
def test_an_idle_application_executes_no_sql(installation, monkeypatch, look):
    """Nor do the glances at the clock need any."""
    monkeypatch.setattr(timers, "LOOK", look)
    installation.trace()
    with installation.open():
        installation.apply(
            installation.chain(3),
            installation.chain(1, "{type: core/wait, inputs: {for: 1h}}", id="wait"),
            installation.chain(1, "{type: witness/gate, timeout: 30ms, inputs: {gate: g}}", id="late"),
            installation.chain(1, id="cron") + "trigger: {cron: {expr: '0 0 1 1 *'}}\n",
        )
        for name in ("chain", "late"):
            installation.end(installation.submit(name))
        waiting = installation.submit("wait")
        installation.until(lambda: installation.app.executions.state(waiting) == "WAITING")
        time.sleep(0.1)
        installation.statements.clear()
        time.sleep(1.2)
        assert installation.statements == []
        assert installation.end(installation.submit()) == "SUCCESS"
        assert installation.statements, "the trace does work"


@pytest.mark.parametrize("length", [1, 40])
def test_a_chain_costs_one_transaction_per_task(installation, length):
    """The end of a task and the begin of the next are one; at most two were asked for."""
    installation.trace()
    with installation.open():
        installation.apply(installation.chain(length, "{type: core/set}"))
        installation.end(installation.submit())
        installation.statements.clear()
        installation.end(installation.submit())
        assert begins(installation) <= length + 1


def test_many_executions_share_their_transactions(installation):
    from concurrent.futures import ThreadPoolExecutor

    installation.trace()
    with installation.open(maxConcurrentWorkflows=100):
        installation.apply(installation.chain(3, "{type: core/set}"))
        installation.end(installation.submit())
        installation.statements.clear()
        with ThreadPoolExecutor(16) as pool:
            ids = list(pool.map(lambda _: installation.submit(), range(200)))
        for id in ids:
            installation.end(id)
        assert begins(installation) < 400, "one by one it would be 800"


def test_a_log_line_is_durable_before_the_end(opened):
    source = opened.chain(1, '{type: core/log, inputs: {message: "hello\\nworld", level: WARNING}}')
    id, _, _ = opened.run(source)
    (line,) = opened.app.executions.logs(id, 0, 10)
    assert (line["message"], line["level"], line["task"]) == ("hello\nworld", "WARNING", "t00")
    kinds = opened.kinds(id)
    assert kinds.index("log") < kinds.index("task.finished")


LARGE = """
id: large
tasks:
  a: {type: witness/big, inputs: {size: SIZE}}
  b: {type: core/set, inputs: {n: "{{ tasks.a.output | length }}"}}
outputs: {all: "{{ tasks.a.output }}"}
"""


def blobs(installation):
    return installation.stored.contents(installation.directory / "data")


@pytest.mark.parametrize(("size", "count"), [(60_000, 0), (70_000, 2), (3_000_000, 2)])
def test_large_outputs_are_content(opened, size, count):
    id, state, _ = opened.run(LARGE.replace("SIZE", str(size)))
    assert state == "SUCCESS"
    assert opened.tasks(id)["b"]["output"] == {"n": size}
    assert opened.app.executions.outputs(id) == {"all": "x" * size}
    assert blobs(opened) == count
    largest = max(len(str(fact.body)) for fact in opened.app.storage.facts(id))
    assert largest < 1000, "no content in the facts"


def age(installation):
    installation.stored.age(installation.directory / "data")


def test_content_in_use_stays_and_other_goes(opened):
    id, _, _ = opened.run(LARGE.replace("SIZE", "70000"))
    opened.app.storage.put_blob(b"nobody refers to this")
    assert blobs(opened) == 3
    opened.app.engine.chores.sweep()
    assert blobs(opened) == 3, "what is young may yet be referred to"
    age(opened)
    opened.app.engine.chores.sweep()
    assert blobs(opened) == 2
    assert opened.app.executions.outputs(id)["all"] == "x" * 70_000


def test_large_inputs_are_content_too(opened):
    opened.apply(
        "id: in\ninputs: {text: {}}\n"
        "tasks:\n  a: {type: core/set, inputs: {n: '{{ inputs.text | length }}'}}\n"
    )
    id = opened.submit("in", {"text": "y" * 80_000})
    assert opened.end(id) == "SUCCESS"
    assert opened.tasks(id)["a"]["output"] == {"n": 80_000}
    age(opened)
    opened.app.engine.chores.sweep()
    assert opened.app.executions.describe(id)["inputs"] == {"text": "y" * 80_000}


def test_retention(installation, manual_clock):
    with installation.open(clock=manual_clock, retention="10d") as app:
        installation.apply(
            LARGE.replace("SIZE", "70000"), installation.chain(1, "{type: witness/gate, inputs: {gate: g}}")
        )
        old = [installation.submit("large", key=f"k{n}") for n in range(5)]
        for id in old:
            installation.end(id)
        running = installation.submit()
        installation.until_running(running)
        manual_clock.advance(9 * DAY)
        young = installation.submit("large")
        installation.end(young)
        assert app.engine.chores.retain() == 0
        manual_clock.advance(2 * DAY)
        assert app.engine.chores.retain() == 5
        assert app.engine.chores.retain() == 0
        for id in old:
            with pytest.raises(NotFound):
                app.executions.state(id)
            assert app.storage.facts(id) == []
            assert app.storage.tasks(id) == []
        assert app.executions.state(young) == "SUCCESS"
        assert app.executions.state(running) == "RUNNING", "however old, what is open stays"
        age(installation)
        app.engine.chores.sweep()
        assert blobs(installation) == 2, "those of the young one"
        assert installation.submit("large", key="k1") not in old, "its key is free again"


def test_retention_runs_by_itself(installation):
    with installation.open(retention="1s") as app:
        installation.apply(installation.chain(1))
        id = installation.submit()
        installation.end(id)
        installation.until(lambda: app.storage.execution(id) is None, 6)


def test_a_chore_that_fails_is_tried_again(installation):
    with installation.open(retention="1s") as app:
        installation.apply(installation.chain(1))
        purge, failures = app.storage.purge, []

        def failing(before, limit):
            if not failures:
                failures.append(1)
                raise RuntimeError("no")
            return purge(before, limit)

        app.storage.purge = failing
        id = installation.submit()
        installation.end(id)
        installation.until(lambda: app.storage.execution(id) is None, 8)
        assert failures


def test_revisions_are_pinned(opened):
    """An execution goes on with the revision it began with, whatever is applied or deleted meanwhile."""
    gate = "{type: witness/gate, inputs: {gate: g}}"
    opened.apply(opened.chain(2, gate))
    old = opened.submit()
    opened.until_running(old)
    opened.apply(opened.chain(1, gate))
    new = opened.submit()
    opened.app.workflows.delete("default", "chain")
    opened.stage.gates["g"].set()
    assert [opened.end(id) for id in (old, new)] == ["SUCCESS", "SUCCESS"]
    assert (len(opened.states(old)), len(opened.states(new))) == (2, 1)
    with pytest.raises(NotFound):
        opened.submit()
