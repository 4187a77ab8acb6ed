"""Named limits and those of one's own: how many run at once, who is next, and what waiting costs."""

import pytest

from wfcore.errors import Conflict, InvalidInput, InvalidWorkflow, Unavailable

GATE = "{type: witness/gate, inputs: {gate: g}, concurrency: pay}"
BRIEF = "{type: witness/effect, inputs: {seconds: 0.01}, concurrency: pay}"
DEPLOY = """
id: deploy
inputs: {env: {default: prod}, gate: {default: g}}
concurrency: {limit: 1, key: "{{ inputs.env }}", on_limit: MANNER}
tasks:
  t00: {type: witness/gate, inputs: {gate: "{{ inputs.gate }}"}}
finally:
  after: {type: witness/effect}
"""


def deploy(manner="wait"):
    return DEPLOY.replace("MANNER", manner)


def permits(installation):
    """(execution, path, name, held) of all that is there."""
    return installation.sql("select execution, path, name, held from permit order by execution, path")


def limited(path, opened, id):
    """What the history says of who waits."""
    return [
        (fact.kind, fact.body["limit"], fact.body["in_use"], fact.body["most"])
        for fact in opened.app.storage.facts(id)
        if fact.kind.endswith(".limited") and fact.path == path
    ]


@pytest.mark.parametrize("limit", [1, 3])
def test_never_more_tasks_than_the_limit_over_all_workflows(installation, limit):
    with installation.open(**{"limits.pay": limit}) as app:
        installation.apply(installation.wide(10, BRIEF), installation.chain(3, BRIEF))
        ids = [installation.submit("wide"), *(installation.submit() for _ in range(5))]
        assert {installation.end(id, 30) for id in ids} == {"SUCCESS"}
        assert installation.stage.peak == limit
        assert installation.check_history() == 6
        assert permits(installation) == []
        assert app.engine.running_tasks() == 0


def test_a_task_that_waits_holds_no_slot_and_says_for_what(installation):
    with installation.open(maxConcurrentTasks=2, maxConcurrentWorkflows=2, **{"limits.pay": 1}) as app:
        installation.apply(installation.chain(1, GATE, id="gate"), installation.chain(1))
        ids = [installation.submit("gate") for _ in range(4)]
        installation.until(lambda: app.storage.counts() == {"RUNNING": 1, "WAITING": 3})
        assert installation.end(installation.submit()) == "SUCCESS"
        installation.until(lambda: limited("t00", installation, ids[1]))
        assert limited("t00", installation, ids[1]) == [("task.limited", "pay", 1, 1)]
        assert limited("t00", installation, ids[0]) == []
        (line,) = app.executions.logs(ids[1], 0, 10)
        assert (line["task"], line["message"]) == ("t00", "waits for the limit 'pay' (1 of 1 in use)")
        shown = app.executions.describe(ids[1])["tasks"][0]
        assert (shown["state"], shown["waiting"]) == ("WAITING", "limit")
        assert shown["limit"] == {"name": "pay", "most": 1, "in_use": 1, "held": False}
        installation.stage.gates["g"].set()
        assert {installation.end(id) for id in ids} == {"SUCCESS"}
        assert [execution for execution, *_ in installation.stage.ran if execution in ids] == ids
        installation.check_history()


def test_the_oldest_execution_is_next_however_it_came_to_wait(installation):
    """A task that becomes ready late goes ahead of those of younger executions that wait already."""
    with installation.open(**{"limits.pay": 1}):
        late = "id: late\norder: sequence\ntasks:\n  a: {type: witness/gate, inputs: {gate: late}}\n  b: "
        installation.apply(installation.chain(1, GATE, id="gate"), f"{late}{BRIEF}\n")
        first, old = installation.submit("gate"), installation.submit("late")
        young = [installation.submit("gate") for _ in range(3)]
        installation.until(lambda: len(permits(installation)) == 4)
        installation.stage.gates["late"].set()
        installation.until(lambda: len(permits(installation)) == 5)
        installation.stage.gates["g"].set()
        assert {installation.end(id) for id in (first, old, *young)} == {"SUCCESS"}
        order = [execution for execution, task, *_ in installation.stage.ran if task in ("t00", "b")]
        assert order == [first, old, *young]


def test_the_pause_before_a_retry_holds_no_permit(installation):
    flaky = "{type: witness/flaky, retry: {max: 1, delay: 300ms}, inputs: {times: 1}, concurrency: pay}"
    with installation.open(**{"limits.pay": 1}) as app:
        installation.apply(installation.chain(1, flaky, id="flaky"), installation.chain(2, BRIEF))
        flaky = installation.submit("flaky")
        installation.until(lambda: app.executions.state(flaky) == "WAITING" and not permits(installation))
        assert installation.end(installation.submit()) == "SUCCESS"
        assert app.executions.state(flaky) == "WAITING"
        assert installation.end(flaky) == "SUCCESS"
        assert permits(installation) == []


def test_a_limit_of_a_number_is_the_task_s_own(installation):
    own = "{type: witness/gate, inputs: {gate: g}, concurrency: 1}"
    with installation.open():
        installation.apply(installation.chain(1, own, id="one"), installation.chain(1, own, id="two"))
        ids = [installation.submit(name) for name in ("one", "one", "two")]
        installation.until(lambda: len(installation.stage.now) == 2)
        names = {name for _, _, name, held in permits(installation) if held}
        assert names == {"default/one:t00", "default/two:t00"}
        installation.stage.gates["g"].set()
        assert {installation.end(id) for id in ids} == {"SUCCESS"}


def test_one_execution_at_a_time_for_each_value_of_the_key(installation):
    with installation.open(maxConcurrentWorkflows=3) as app:
        installation.apply(deploy(), installation.chain(1))
        prod = [installation.submit("deploy") for _ in range(3)]
        test = installation.submit("deploy", {"env": "test"})
        installation.until(lambda: len(installation.stage.now) == 2)
        installation.until(lambda: limited("", installation, prod[2]))
        assert limited("", installation, prod[2]) == [("execution.limited", "default/deploy[prod]", 1, 1)]
        assert {app.executions.state(id) for id in prod[1:]} == {"PENDING"}
        shown = app.executions.describe(prod[1])["limit"]
        assert shown == {"name": "default/deploy[prod]", "most": 1, "in_use": 1, "held": False}
        assert app.executions.describe(prod[0])["limit"]["held"]
        assert app.executions.describe(installation.submit())["limit"] is None
        installation.stage.gates["g"].set()
        assert {installation.end(id) for id in (*prod, test)} == {"SUCCESS"}
        assert [id for id, task, *_ in installation.stage.ran if task == "t00" and id in prod] == prod
        assert permits(installation) == []


@pytest.mark.parametrize(
    ("manner", "state", "kind"), [("skip", "CANCELLED", "cancelled"), ("fail", "FAILED", "limit")]
)
def test_who_does_not_want_to_wait_ends_at_once(installation, manner, state, kind):
    with installation.open() as app:
        installation.apply(deploy(manner))
        first, second = installation.submit("deploy"), installation.submit("deploy")
        assert installation.end(second) == state
        error = app.executions.describe(second)["error"]
        message = f"all permits of the limit 'default/deploy[prod]' are in use (1 of 1; on_limit: {manner})"
        assert (error["type"], error["message"]) == (kind, message)
        assert app.executions.describe(second)["tasks"] == []
        installation.stage.gates["g"].set()
        assert installation.end(first) == "SUCCESS"
        assert installation.end(installation.submit("deploy")) == "SUCCESS"
        assert permits(installation) == []


def test_the_newest_takes_the_place_of_all_older_ones(installation):
    with installation.open() as app:
        installation.apply(deploy("cancel_oldest"))
        ids = [installation.submit("deploy") for _ in range(3)]
        newest = installation.submit("deploy", {"gate": "open"})
        assert {installation.end(id) for id in ids} == {"CANCELLED"}
        assert "on_limit: cancel_oldest" in app.executions.describe(ids[0])["error"]["message"]
        assert installation.states(ids[0])["@finally/after"] == "SUCCESS", "it held the permit until its end"
        installation.until_running(newest)
        installation.stage.gates["open"].set()
        assert installation.end(newest) == "SUCCESS"
        assert [id for id, task, *_ in installation.stage.ran if task == "t00"] == [ids[0], newest]
        assert permits(installation) == []


def test_what_waits_can_be_cancelled_and_time_out(installation):
    slow = f"id: slow\ntimeout: 200ms\ntasks:\n  t00: {GATE}\n"
    with installation.open(**{"limits.pay": 1}) as app:
        installation.apply(installation.chain(1, GATE), deploy(), slow)
        holding, waiting, timed = installation.submit(), installation.submit(), installation.submit("slow")
        deploying, pending = installation.submit("deploy"), installation.submit("deploy")
        installation.until(lambda: app.executions.state(waiting) == "WAITING")
        for id in (waiting, pending):
            app.executions.cancel(id, "enough")
            assert installation.end(id) == "CANCELLED"
        assert installation.end(timed) == "FAILED"
        assert {row[0] for row in permits(installation)} == {holding, deploying}
        app.executions.cancel(holding, "enough")
        assert installation.end(holding) == "CANCELLED"
        assert {row[0] for row in permits(installation)} == {deploying}
        installation.stage.gates["g"].set()
        assert installation.end(deploying) == "SUCCESS"
        assert permits(installation) == []


def test_finally_waits_too_and_what_fails_gives_back(installation):
    flow = (
        "id: fails\ntasks:\n  a: {type: core/fail, inputs: {message: no}, concurrency: pay}\n"
        "on_failure:\n  b: {type: witness/effect, concurrency: pay}\n"
        "finally:\n  c: {type: witness/effect, concurrency: pay}\n"
    )
    with installation.open(**{"limits.pay": 1}):
        installation.apply(flow)
        ids = [installation.submit("fails") for _ in range(3)]
        assert {installation.end(id) for id in ids} == {"FAILED"}
        assert installation.stage.count("@finally/c") == installation.stage.count("@on_failure/b") == 3
        assert permits(installation) == []


def test_a_key_that_cannot_be_used_refuses_the_execution(installation):
    with installation.open() as app:
        installation.apply(deploy())
        for env in ("", "x" * 201):
            with pytest.raises(InvalidInput, match="the key of 'concurrency' is"):
                installation.submit("deploy", {"env": env})
        assert app.storage.counts() == {}


def test_a_limit_that_the_configuration_lost_refuses_new_executions_and_spares_old_ones(installation):
    with installation.open(**{"limits.pay": 1}):
        with pytest.raises(InvalidWorkflow, match=r"has no limit 'pya' \(did you mean 'pay'\?\)"):
            installation.apply(installation.chain(1, GATE.replace("pay", "pya")))
        installation.apply(installation.chain(1, GATE))
        ids = [installation.submit() for _ in range(2)]
        installation.until_running(ids[0])
        copy = installation.copy()
    with installation.open(copy):
        with pytest.raises(Conflict, match="has no limit 'pay' any more"):
            installation.submit()
        installation.stage.gates["g"].set()
        assert {installation.end(id) for id in ids} == {"SUCCESS"}
        assert permits(installation) == []


@pytest.mark.parametrize("count", [1, 4])
def test_a_killed_server_s_permits_are_those_of_its_executions(installation, count):
    """The next one goes on with them, and never are there more."""
    with installation.open(**{"limits.pay": 1}):
        installation.apply(installation.chain(2, GATE), deploy())
        tasks = [installation.submit() for _ in range(count)]
        flows = [installation.submit("deploy") for _ in range(count)]
        installation.until(lambda: len(installation.stage.now) == 2)
        installation.until(lambda: len(permits(installation)) == 2 * count)
        copy = installation.copy()
        installation.stage.gates["g"].set()
        for id in (*tasks, *flows):
            installation.end(id)
    installation.stage.ran.clear()
    installation.stage.peak = 0
    with installation.open(copy, **{"limits.pay": 1}):
        assert {installation.end(id) for id in (*tasks, *flows)} == {"SUCCESS"}
        assert installation.stage.peak <= 2
        held = [id for id, task, *_ in installation.stage.ran if task == "t00"]
        assert [id for id in held if id in flows] == flows
        assert permits(installation) == []
        installation.check_history()


def test_a_raised_limit_holds_for_all_who_wait_once_somebody_asks(installation):
    with installation.open(**{"limits.pay": 1}):
        installation.apply(installation.chain(1, GATE))
        ids = [installation.submit() for _ in range(3)]
        installation.until(lambda: len(permits(installation)) == 3)
        copy = installation.copy()
        installation.stage.gates["g"].set()
        for id in ids:
            installation.end(id)
        installation.stage.gates["g"].clear()
    with installation.open(copy, **{"limits.pay": 3}):
        ids.append(installation.submit())
        installation.until(lambda: len(installation.stage.now) == 3)
        installation.stage.gates["g"].set()
        assert {installation.end(id) for id in ids} == {"SUCCESS"}


def test_tasks_without_a_limit_cost_no_statement_more(installation):
    installation.trace()
    with installation.open(**{"limits.pay": 1}):
        installation.apply(installation.chain(5))
        installation.statements.clear()
        installation.end(installation.submit())
        assert installation.statements
        assert not [text for text in installation.statements if "permit" in text.lower()]


def test_a_permit_is_heard_of_though_nobody_knew_whether_it_was_written(installation):
    """A commit that hands out permits is written and seems to fail: the letters lie in the inbox."""
    with installation.open(**{"limits.pay": 1}) as app:
        installation.apply(installation.chain(1, GATE), deploy())
        installation.stage.gates["g"].set()
        commit, seen = app.storage.commit, []

        def unsure(steps, *notify):
            refused = commit(steps, *notify)
            if any(step.asks for step in steps):
                seen.append(steps)
                if len(seen) == 1:
                    raise Unavailable("whether it was written is not known")
            return refused

        app.storage.commit = unsure
        with pytest.raises(Unavailable):
            installation.submit()
        installation.until(lambda: app.storage.counts() == {"SUCCESS": 1})
        seen.clear()
        with pytest.raises(Unavailable):
            installation.submit("deploy")
        installation.until(lambda: app.storage.counts() == {"SUCCESS": 2})
        assert permits(installation) == []


def test_a_storage_that_fails_changes_nothing_about_who_holds_what(installation):
    with installation.open(**{"limits.pay": 2}):
        installation.apply(installation.wide(4, BRIEF), deploy())
        ids = [installation.submit(name) for name in ("wide", "deploy", "wide", "deploy")]
        installation.fail_commits(1, 2, 4, 6, 7, 10, 13)
        installation.stage.gates["g"].set()
        assert {installation.end(id, 30) for id in ids} == {"SUCCESS"}
        assert installation.stage.peak <= 3
        assert permits(installation) == []
