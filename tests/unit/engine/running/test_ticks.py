"""Timed triggers: each due tick starts one execution, whatever happens around it."""

import pytest

from wfcore.model.records import ExecutionQuery

MINUTE = 60
CRON = "id: tick\ntrigger: {cron: TRIGGER}\ntasks:\n  a: {type: core/set, inputs: {}}\n"


def fired(installation, count, workflow="tick"):
    """The due times of all executions, once there are ``count``, all of them ended."""
    app = installation.app

    def there():
        records = app.storage.executions(ExecutionQuery(workflow=workflow, limit=1000))
        return len(records) >= count and all(record.ended_at for record in records)

    installation.until(there)
    records = app.storage.executions(ExecutionQuery(workflow=workflow, limit=1000))
    return sorted(app.executions.describe(record.id)["trigger"]["due_at"] for record in records)


def move(installation, clock, seconds, workflow="tick"):
    """Let time pass; the sleeping ticker looks at the clock when something changes."""
    clock.advance(seconds)
    installation.app.engine.workflow_changed("default", workflow)


def settle(installation):
    """Whatever the ticker does now is done when a change after it has been read."""
    ticker = installation.app.engine.ticker
    installation.until(lambda: not ticker._changed)


def test_a_cron_of_every_minute_fires_exactly_once_a_minute(installation, manual_clock):
    with installation.open(clock=manual_clock):
        installation.apply(CRON.replace("TRIGGER", "'* * * * *'"))
        for minute in range(10):
            for _ in range(3):
                move(installation, manual_clock, 20)
            fired(installation, minute + 1)
        expected = [f"2026-01-01T00:{minute:02}:00Z" for minute in range(1, 11)]
        assert fired(installation, 10) == expected
        for _ in range(5):
            move(installation, manual_clock, 1)
            settle(installation)
        assert fired(installation, 10) == expected
        assert [r.trigger_kind for r in installation.app.storage.executions(ExecutionQuery())] == [
            "cron"
        ] * 10


def test_ticks_go_on_after_a_restart_and_none_fires_twice(installation, manual_clock):
    with installation.open(clock=manual_clock):
        installation.apply(CRON.replace("TRIGGER", "'* * * * *'"))
        move(installation, manual_clock, MINUTE)
        assert len(fired(installation, 1)) == 1
        copy = installation.copy()
    for directory in ("data", copy):
        with installation.open(directory, clock=manual_clock):
            settle(installation)
            move(installation, manual_clock, 1)
            assert len(fired(installation, 1)) == 1
    with installation.open(clock=manual_clock):
        move(installation, manual_clock, MINUTE - 2)
        assert fired(installation, 2) == ["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"]


CATCHUP = {
    "none": [],
    "last": ["2026-01-01T00:09:00Z"],
    "all": [f"2026-01-01T00:{minute:02}:00Z" for minute in range(1, 10)],
}


@pytest.mark.parametrize("catchup", CATCHUP)
def test_what_was_missed_while_no_server_ran(installation, manual_clock, catchup):
    with installation.open(clock=manual_clock):
        installation.apply(CRON.replace("TRIGGER", f"{{expr: '* * * * *', catchup: {catchup}}}"))
    manual_clock.advance(10 * MINUTE + 30)
    with installation.open(clock=manual_clock):
        assert fired(installation, len(CATCHUP[catchup]) + 1) == [*CATCHUP[catchup], "2026-01-01T00:10:00Z"]


def test_a_tick_is_fired_once_by_two_that_see_it(installation, manual_clock):
    """The row of the tick is unique: a second server, or a clock set back, fires nothing again."""
    with installation.open(clock=manual_clock):
        installation.apply(CRON.replace("TRIGGER", "'* * * * *'"))
        (row,) = installation.app.storage.triggers("default", "tick")
        move(installation, manual_clock, MINUTE)
        fired(installation, 1)
        from wfcore.engine.dispatch import Request
        from wfcore.model.records import Tick

        tick = Tick("default", "tick", row.name, row.next_at, row.next_at + 60_000_000)
        _, new = installation.app.engine.dispatch.submit(
            Request("default", "tick", trigger="cron", tick=tick, payload={"due_at": "again"})
        )
        assert not new
        assert len(fired(installation, 1)) == 1


def test_a_disabled_or_deleted_workflow_does_not_fire(installation, manual_clock):
    with installation.open(clock=manual_clock) as app:
        installation.apply(CRON.replace("TRIGGER", "'* * * * *'"))
        app.workflows.set_enabled("default", "tick", False)
        move(installation, manual_clock, 5 * MINUTE)
        settle(installation)
        app.workflows.set_enabled("default", "tick", True)
        move(installation, manual_clock, MINUTE)
        assert fired(installation, 1) == ["2026-01-01T00:06:00Z"], (
            "what was missed while off is not caught up"
        )
        app.workflows.delete("default", "tick")
        move(installation, manual_clock, 5 * MINUTE)
        settle(installation)
        assert len(fired(installation, 1)) == 1


def test_ticks_wait_for_storage(installation, manual_clock, monkeypatch):
    from wfcore.engine import ticker

    monkeypatch.setattr(ticker, "PAUSE", 0)
    with installation.open(clock=manual_clock):
        installation.apply(CRON.replace("TRIGGER", "'* * * * *'"))
        raised = installation.fail_commits(1, 2)
        move(installation, manual_clock, MINUTE)
        assert fired(installation, 1) == ["2026-01-01T00:01:00Z"]
        assert len(raised) == 2


def test_the_condition_and_the_inputs_of_a_trigger_see_trigger_workflow_and_env(
    installation, manual_clock, monkeypatch
):
    monkeypatch.setenv("STAGE", "test")
    installation.settings["expressions.env"] = "STAGE"
    source = """
id: tick
labels: {team: a}
inputs: {text: {}}
triggers:
  - cron: '* * * * *'
    name: on
    if: env.STAGE == 'test' and workflow.labels.team == 'a'
    inputs: {text: "{{ trigger.name }} {{ env.STAGE }} {{ trigger.due_at }}"}
  - cron: '* * * * *'
    name: off
    if: trigger.name == 'on'
tasks:
  a: {type: core/set}
"""
    with installation.open(clock=manual_clock) as app:
        installation.apply(source)
        move(installation, manual_clock, MINUTE)
        fired(installation, 1)
        move(installation, manual_clock, MINUTE)
        assert len(fired(installation, 2)) == 2
        found = [app.executions.describe(r.id) for r in app.storage.executions(ExecutionQuery())]
        assert [execution["trigger"]["name"] for execution in found] == ["on", "on"]
        assert found[-1]["inputs"] == {"text": "on test 2026-01-01T00:01:00Z"}


def test_a_trigger_in_real_time(installation):
    with installation.open():
        installation.apply("id: tick\ntrigger: {interval: 1s}\ntasks:\n  a: {type: core/set}\n")
        due = fired(installation, 2)
        assert len(due) == len(set(due)) >= 2


def test_a_clock_that_jumps_is_noticed(installation, manual_clock, monkeypatch):
    """It is set forward, or the machine has slept: what is due meanwhile fires soon, not hours later."""
    from wfcore.engine import timers

    monkeypatch.setattr(timers, "LOOK", 0.05)
    with installation.open(clock=manual_clock):
        installation.apply(
            CRON.replace("TRIGGER", "'0 * * * *'"),
            installation.chain(1, "{type: core/wait, inputs: {for: 2h}}"),
        )
        waiting = installation.submit()
        installation.until(lambda: installation.app.executions.state(waiting) == "WAITING")
        manual_clock.advance(3600)
        assert fired(installation, 1) == ["2026-01-01T01:00:00Z"]
        assert installation.app.executions.state(waiting) == "WAITING"
        manual_clock.advance(3600)
        assert installation.end(waiting) == "SUCCESS"
