"""Several servers on one PostgreSQL: each execution has one owner, and what a dead one owned goes on."""

import contextlib
import time

import pytest

from tests.storages import KIND
from tests.unit.engine.running.servers import apply, fall_silent, is_adopted, submit
from wfcore.engine.mail import Adopt, Drain, Reload
from wfcore.engine.pulse import Pulse
from wfcore.errors import Conflict
from wfcore.model.nodes import NodeRecord
from wfcore.model.records import ExecutionQuery, Message

pytestmark = pytest.mark.skipif(KIND != "postgres", reason="SQLite belongs to one server")
GATE = "{type: witness/gate, inputs: {gate: g}}"


def test_servers_see_each_other(cluster):
    with cluster("a") as a:
        assert [node.address for node in a.engine.nodes()] == ["http://a"]
        with cluster("b") as b:
            assert [node.address for node in b.engine.nodes()] == ["http://a", "http://b"]
            assert {node.id for node in a.engine.nodes()} == {a.node, b.node}
        assert [node.address for node in a.engine.nodes()] == ["http://a"]


def test_a_server_at_the_place_of_a_dead_one_takes_over_at_once(installation, cluster):
    with cluster("a", lease="600s") as a:
        apply(a, installation.chain(1, GATE))
        id = submit(a)
        installation.until_running(id)
        fall_silent(a)
        with cluster("a", lease="600s") as again:
            assert [node.id for node in again.engine.nodes()] == [again.node]
            assert is_adopted(installation, again, id)
            installation.stage.gates["g"].set()
            assert again.executions.wait_end(id, 20).state == "SUCCESS"


@pytest.fixture
def pulses(cluster):
    """Of three servers with a lease of half a second; they beat when they are told."""
    with cluster("a", lease="600s") as a:

        def pulse(name):
            made = Pulse(a.storage, NodeRecord(name, name, f"http://{name}", "1"), 0.5, [].append, list)
            made.join()
            return made

        yield pulse, lambda: {node.id for node in a.storage.nodes()} - {a.node}


def test_who_comes_back_after_storage_was_away_buries_nobody_at_first(pulses):
    pulse, there = pulses
    b, _ = pulse("b"), pulse("c")
    time.sleep(0.6)  # beyond all leases
    b._beat()
    assert there() == {"b", "c"}
    b.join()  # as its owner does, who enters it again
    b._beat()
    assert there() == {"b", "c"}
    until = time.monotonic() + 20
    while there() == {"b", "c"}:  # that one does not come back
        assert time.monotonic() < until
        time.sleep(0.1)
        b._beat()
    assert there() == {"b"}


def test_who_comes_buries_nobody_at_first(pulses):
    pulse, there = pulses
    pulse("b")
    time.sleep(0.6)
    pulse("c")._beat()
    assert there() == {"b", "c"}


def test_a_second_time_without_storage_counts_anew(pulses):
    pulse, there = pulses
    b, _ = pulse("b"), pulse("c")
    for _ in range(3):
        time.sleep(0.6)
        b._beat()
    assert there() == {"b", "c"}


def test_a_server_that_starts_leaves_the_living_what_they_own(installation, cluster):
    with cluster("a") as a:
        apply(a, installation.chain(1, GATE))
        id = submit(a)
        installation.until_running(id)
        with cluster("b") as b:
            assert b.storage.execution(id).owner == a.node
            installation.stage.gates["g"].set()
            assert a.executions.wait_end(id, 20).state == "SUCCESS"
        assert a.storage.execution(id).epoch == 1
        assert installation.stage.count("t00") == 1


def test_who_is_alone_claims_for_several_turns(installation, cluster):
    with cluster("a", lease="600s", maxConcurrentWorkflows=2) as a:
        apply(a, installation.chain(1, GATE))
        slots, claim, claimed = a.engine._owner._slots, a.storage.claim, []
        a.storage.claim = lambda *asked: claimed.append(claim(*asked)) or claimed[-1]
        installation.until(lambda: slots.alone)
        first = [submit(a) for _ in range(2)]
        for id in first:
            installation.until_running(id)
        ids = first + [submit(a) for _ in range(12)]
        installation.stage.gates["g"].set()
        assert [a.executions.wait_end(id, 20).state for id in ids] == ["SUCCESS"] * 14
        assert max(map(len, claimed)) > 2, "more than there were slots"
        assert installation.stage.most <= 2
        with cluster("b", lease="600s", maxConcurrentWorkflows=2):
            installation.until(lambda: not slots.alone)
        installation.until(lambda: slots.alone)


@pytest.fixture
def ahead(installation, cluster):
    """A server with two slots, and five executions: two of them run, two were claimed and wait here."""
    with cluster("a", lease="600s", maxConcurrentWorkflows=2) as a:
        apply(a, installation.chain(1, GATE))
        apply(a, installation.chain(1, "{type: witness/gate, inputs: {gate: brief}}", "brief"))
        installation.until(lambda: a.engine._owner._slots.alone)
        brief, *ids = [submit(a, "brief"), *(submit(a) for _ in range(4))]
        assert [a.storage.execution(id).owner for id in ids] == [a.node, None, None, None]
        installation.stage.gates["brief"].set()
        assert a.executions.wait_end(brief, 20).state == "SUCCESS"
        installation.until(lambda: a.storage.execution(ids[-1]).owner == a.node)
        assert a.storage.execution(ids[-1]).state == "PENDING"
        yield a, ids


def test_what_was_claimed_ahead_goes_to_a_server_that_joins(installation, cluster, ahead):
    a, ids = ahead
    with cluster("b", lease="600s", maxConcurrentWorkflows=2) as b:
        installation.until(lambda: a.storage.execution(ids[-1]).owner != a.node)
        installation.stage.gates["g"].set()
        assert [b.executions.wait_end(id, 20).state for id in ids] == ["SUCCESS"] * 4
    assert len(set(installation.stage.ran)) == len(installation.stage.ran) == 5


def test_who_stops_leaves_what_it_has_claimed_ahead_to_the_others_at_once(installation, cluster, ahead):
    a, ids = ahead
    a.engine._owner.send(Drain())
    installation.until(lambda: [a.storage.execution(id).owner for id in ids[2:]] == [None, None])
    installation.until_running(ids[0])
    installation.stage.gates["g"].set()
    with cluster("b", lease="600s", maxConcurrentWorkflows=2) as b:
        assert [b.executions.wait_end(id, 20).state for id in ids[2:]] == ["SUCCESS"] * 2


def test_what_cannot_go_on_and_was_claimed_ahead_ends_once(installation, ahead, monkeypatch, caplog):
    """Its end is not tried again when there is a slot for it."""
    a, ids = ahead

    def fails(*_):
        raise ValueError("the simulated revision cannot be loaded")

    monkeypatch.setattr(a.library, "revision", fails)
    with contextlib.suppress(ValueError):
        a.executions.cancel(ids[-1])
    monkeypatch.undo()
    assert a.executions.wait_end(ids[-1], 20).state == "FAILED"
    caplog.clear()
    installation.stage.gates["g"].set()
    assert [a.executions.wait_end(id, 20).state for id in ids[:-1]] == ["SUCCESS"] * 3
    assert [line for line in caplog.messages if "could not finish a turn" in line] == []
    assert a.storage.execution(ids[-1]).state == "FAILED"


def test_a_workflow_applied_at_one_server_runs_at_the_other(installation, cluster):
    with cluster("a") as a, cluster("b") as b:
        apply(a, installation.chain(1))
        assert b.executions.wait_end(submit(b), 20).state == "SUCCESS"
        apply(a, installation.chain(2))
        installation.until(lambda: b.library.current("default", "chain").record.revision == 2)
        id = submit(b)
        assert b.executions.wait_end(id, 20).state == "SUCCESS"
        assert len(a.storage.tasks(id)) == 2


@pytest.mark.timeout(100)
def test_an_execution_of_one_server_is_followed_and_cancelled_at_the_other(installation, cluster):
    with cluster("a", lease="600s") as a, cluster("b", lease="600s") as b:
        apply(a, installation.chain(1, GATE))
        id = submit(a)
        installation.until_running(id)
        b.executions.cancel(id, "from elsewhere")
        assert b.executions.wait_end(id, 300).state == "CANCELLED"
        assert a.storage.execution(id).owner == a.node


def test_a_message_that_nobody_announced_is_found_at_the_next_beat(installation, cluster):
    with cluster("a", lease="1s") as a, cluster("b") as b:
        apply(a, installation.chain(1, GATE))
        id = submit(a)
        installation.until_running(id)
        b.storage.post(Message(id, "cancel", body={"reason": "nobody said so"}))
        assert a.executions.wait_end(id, 30).state == "CANCELLED"


def test_what_a_leaving_server_left_open_goes_on_at_once(installation, cluster):
    with cluster("b", lease="600s") as b:
        with cluster("a", lease="600s") as a:
            apply(a, installation.chain(2, "{type: core/wait, inputs: {for: 300ms}}"))
            id = submit(a)
        assert b.executions.wait_end(id, 20).state == "SUCCESS"
        assert is_adopted(installation, b, id)


def test_a_silent_server_is_replaced_and_what_it_still_does_is_refused(installation, cluster):
    with cluster("a", lease="1s") as a, cluster("b", lease="1s") as b:
        apply(a, installation.chain(2, GATE))
        id = submit(a)
        installation.until_running(id)
        fall_silent(a)
        installation.until(lambda: is_adopted(installation, b, id), 20)
        installation.until(lambda: installation.stage.count("t00") == 2, 20)
        installation.stage.gates["g"].set()
        assert b.executions.wait_end(id, 20).state == "SUCCESS"
        tasks = {task.path: task for task in b.storage.tasks(id)}
        assert (tasks["t00"].attempt, tasks["t00"].losses) == (2, 1)
        assert installation.stage.count("t01") == 1, "the old owner could not record t00, so it began nothing"
        facts = b.storage.facts(id)
        assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))
        assert sum(fact.kind == "task.finished" for fact in facts) == 2


def test_a_server_that_was_taken_for_dead_enters_again(installation, cluster):
    with cluster("a", lease="1s") as a, cluster("b", lease="600s") as b:
        apply(a, installation.chain(1, GATE))
        mine, theirs = submit(a), submit(b)
        installation.until_running(mine)
        a.storage.leave(a.node)
        b.engine._pulse._wake.set()
        installation.until(lambda: is_adopted(installation, b, mine), 20)
        installation.until(lambda: len(b.engine.nodes()) == 2, 20)
        installation.until(lambda: not a.engine.running_tasks(), 20)
        installation.stage.gates["g"].set()
        for id in (mine, theirs):
            assert a.executions.wait_end(id, 20).state == "SUCCESS"
        assert a.executions.wait_end(submit(a), 20).state == "SUCCESS"


def test_the_limit_of_executions_holds_for_all_servers_together(installation, cluster):
    with cluster("a", maxConcurrentWorkflows=3) as a, cluster("b", maxConcurrentWorkflows=3) as b:
        apply(a, installation.chain(2, "{type: witness/effect, inputs: {seconds: 0.01}}"))
        ids = [submit(app) for _ in range(20) for app in (a, b)]
        for id in ids:
            assert a.executions.wait_end(id, 30).state == "SUCCESS"
        assert installation.stage.most == 3
        assert {a.storage.execution(id).owner for id in ids} == {a.node, b.node}


def test_what_finds_no_slot_runs_on_whichever_server_has_one(installation, cluster):
    with (
        cluster("a", lease="600s", maxConcurrentWorkflows=2) as a,
        cluster("b", lease="600s", maxConcurrentWorkflows=2) as b,
    ):
        apply(a, installation.chain(1, GATE))
        held = [submit(a), submit(a)]
        for id in held:
            installation.until_running(id)
        queued = [submit(b) for _ in range(4)]
        assert {b.storage.execution(id).owner for id in queued} == {None}
        assert b.storage.counts() == {"RUNNING": 2, "PENDING": 4}
        installation.stage.gates["g"].set()
        for id in (*held, *queued):
            assert b.executions.wait_end(id, 30).state == "SUCCESS"
        assert installation.stage.most == 2


def test_what_waits_for_any_server_is_cancelled_at_once(installation, cluster):
    with cluster("a", maxConcurrentWorkflows=1) as a, cluster("b", maxConcurrentWorkflows=1) as b:
        apply(a, installation.chain(1, GATE))
        id = submit(a)
        installation.until_running(id)
        queued = [submit(a), submit(b)]
        for each, app in zip(queued, (b, a), strict=True):
            app.executions.cancel(each, "not needed")
            assert a.storage.execution(each).state == "CANCELLED"
        installation.stage.gates["g"].set()
        assert a.executions.wait_end(id, 30).state == "SUCCESS"
        assert installation.stage.count("t00") == 1


@pytest.mark.timeout(100)
def test_what_paused_gets_its_slot_from_a_server_that_has_all(installation, cluster):
    wait = installation.chain(2, "{type: core/wait, inputs: {for: 300ms}}", id="pause")
    with (
        cluster("a", lease="600s", maxConcurrentWorkflows=1) as a,
        cluster("b", lease="600s", maxConcurrentWorkflows=1) as b,
    ):
        apply(a, wait)
        apply(a, installation.chain(1, "{type: witness/effect, inputs: {seconds: 0.02}}"))
        paused = submit(b, "pause")
        installation.until(lambda: b.storage.execution(paused).state == "WAITING")
        others = [submit(a) for _ in range(100)]
        assert a.executions.wait_end(paused, 60).state == "SUCCESS"
        assert b.storage.execution(paused).owner == b.node
        for id in others:
            assert a.executions.wait_end(id, 60).state == "SUCCESS"


def test_slots_of_a_server_that_died_go_to_the_others(installation, cluster):
    with cluster("a", lease="1s", maxConcurrentWorkflows=2) as a:
        apply(a, installation.chain(1, GATE))
        held = [submit(a), submit(a)]
        for id in held:
            installation.until_running(id)
        with cluster("b", lease="1s", maxConcurrentWorkflows=2) as b:
            queued = submit(b)
            fall_silent(a)
            installation.until(lambda: all(is_adopted(installation, b, id) for id in held), 20)
            assert b.storage.counts() == {"RUNNING": 2, "PENDING": 1}
            installation.stage.gates["g"].set()
            for id in (*held, queued):
                assert b.executions.wait_end(id, 30).state == "SUCCESS"


def test_reading_again_what_is_ours_changes_nothing_of_it(installation, cluster):
    with cluster("a") as a:
        apply(a, installation.chain(1, GATE))
        id = submit(a)
        installation.until_running(id)
        a.engine._owner.send(Reload())
        time.sleep(0.2)
        installation.stage.gates["g"].set()
        assert a.executions.wait_end(id, 20).state == "SUCCESS"
        assert installation.stage.count("t00") == 1


def test_each_tick_fires_once_on_all_servers(installation, cluster):
    with cluster("a") as a, cluster("b") as b, cluster("c"):
        apply(a, "id: ticking\ntrigger: {interval: 1s}\ntasks:\n  t: {type: core/set}\n")

        def ticks():
            found = b.storage.executions(ExecutionQuery(workflow="ticking", limit=100))
            return [record.trigger for record in found]

        installation.until(lambda: len(ticks()) >= 4, 30)
        assert len(ticks()) == len(set(ticks()))


def test_a_trigger_applied_at_one_server_is_fired_by_the_others_too(installation, cluster):
    with cluster("b", lease="600s") as b:
        with cluster("a", lease="600s") as a:
            apply(a, "id: ticking\ntrigger: {interval: 1s}\ntasks:\n  t: {type: core/set}\n")
            installation.until(lambda: ("default", "ticking", "interval") in b.engine.ticker._rows)
        before = len(b.storage.executions(ExecutionQuery(workflow="ticking", limit=100)))
        installation.until(
            lambda: len(b.storage.executions(ExecutionQuery(workflow="ticking", limit=100))) > before + 1, 30
        )


def test_a_package_installed_at_one_server_is_there_for_the_others(installation, cluster, plugin):
    with cluster("a") as a, cluster("b") as b:
        installation.until(lambda: b.installed.shelf.current() == {})
        a.packages.install(plugin(), grant={})
        installation.until(lambda: "community/hi" in b.installed.shelf.current())


def test_a_server_that_stops_adopts_nothing(installation, cluster):
    with cluster("a", lease="600s") as a:
        apply(a, installation.chain(1, GATE))
        id = submit(a)
        installation.until_running(id)
        with a.storage.writing() as t:
            e = t.execution
            e.update({e.owner: "dead", e.epoch: e.epoch + 1}).execute()
        for mail in (Drain(), Adopt(), last := Drain()):
            a.engine._owner.send(mail)
        assert last.heard.wait(20)
        assert a.storage.execution(id).owner == "dead"


def test_a_schema_does_not_change_under_living_servers(installation, cluster):
    with cluster("a") as a:
        with a.storage.writing() as t:
            t.node._database.execute_sql("delete from schema_version where name = '0005_nodes'")
        with pytest.raises(Conflict, match="servers of an older release use it: http://a"), cluster("b"):
            pass
        with a.storage.writing() as t:
            row = "insert into schema_version (name, applied_at) values ('0005_nodes', 1)"
            t.node._database.execute_sql(row)
