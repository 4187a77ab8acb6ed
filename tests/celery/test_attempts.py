"""A broker of Celery brings attempts to workers; whatever it does with messages, PostgreSQL is the truth."""

import threading

import pytest

from tests.unit.engine.running.servers import apply, submit
from wfcore.api import Job
from wfcore.errors import InvalidConfig, PluginError

EFFECT = "{type: witness/effect, inputs: {seconds: 0.01}}"


@pytest.fixture
def carried(installation, cluster, broker):
    """A server whose attempts go through the broker, to itself: owner and worker in one."""
    installation.settings |= {
        "dispatchers.celery.broker": broker.url,
        "dispatchers.celery.queue": broker.queue,
        "dispatchers.celery.resend": "1s",
        "server.stopGrace": "5s",
    }
    with cluster("a", dispatcher="celery", lease="1s", maxConcurrentTasks=4) as app:
        yield app


def run_once(installation, app, id, tasks):
    assert app.executions.wait_end(id, 20).state == "SUCCESS"
    assert sorted(task for execution, task, *_ in installation.stage.ran if execution == id) == tasks
    assert {(task.attempt, task.losses) for task in app.storage.tasks(id)} == {(1, 0)}
    with app.storage.reading() as t:
        assert list(t.offer.select().tuples()) == []


def names(count):
    return [f"t{n:02}" for n in range(count)]


def test_attempts_go_through_the_broker(installation, carried):
    apply(carried, installation.wide(20, EFFECT))
    run_once(installation, carried, submit(carried, "wide"), names(20))
    assert installation.stage.peak <= 4
    assert carried.engine.dispatcher.health() == ""


def test_a_message_that_comes_twice_does_no_harm(installation, carried):
    dispatch = carried.engine.dispatcher.dispatch

    def twice(job):
        dispatch(job)
        dispatch(job)

    carried.engine.dispatcher.dispatch = twice
    apply(carried, installation.chain(5, EFFECT))
    run_once(installation, carried, submit(carried), names(5))


def test_a_message_that_is_lost_is_sent_again(installation, carried):
    dispatch, lost = carried.engine.dispatcher.dispatch, []

    def losing(job):
        if len(lost) < 2:
            lost.append(job)
        else:
            dispatch(job)

    carried.engine.dispatcher.dispatch = losing
    apply(carried, installation.chain(3, EFFECT))
    run_once(installation, carried, submit(carried), names(3))
    assert len(lost) == 2


def test_the_broker_may_go_and_come_back_empty(installation, carried, broker):
    apply(carried, installation.chain(3, EFFECT))
    run_once(installation, carried, submit(carried), names(3))
    broker.kill()
    id = submit(carried)
    installation.until(lambda: "broker cannot be used" in carried.engine.dispatcher.health(), 30)
    broker.start()
    broker.empty()
    run_once(installation, carried, id, names(3))
    installation.until(lambda: carried.engine.dispatcher.health() == "", 30)


def test_a_worker_that_ends_by_itself_is_followed_by_another(installation, carried):
    from celery.worker import state

    apply(carried, installation.chain(3, EFFECT))
    run_once(installation, carried, submit(carried), names(3))
    state.should_stop = 0  # as its loop ends after some losses of the connection
    installation.until(lambda: state.should_stop is None, 30)
    run_once(installation, carried, submit(carried), names(3))


def test_a_label_is_the_name_of_a_queue(installation, carried, broker):
    apply(carried, "id: labelled\ntasks:\n  g: {type: witness/effect, runs_on: gpu}\n")
    id = submit(carried, "labelled")
    installation.until(lambda: broker.waiting(f"{broker.queue}.gpu") > 0, 30)
    assert carried.storage.execution(id).state == "RUNNING"


def test_a_cancel_reaches_what_was_brought(installation, carried):
    apply(carried, installation.chain(1, "{type: witness/gate, inputs: {gate: g}}"))
    id = submit(carried)
    installation.until_running(id)
    carried.executions.cancel(id, "enough")
    assert carried.executions.wait_end(id, 30).state == "CANCELLED"
    installation.until(lambda: not installation.stage.now)


def test_a_message_that_comes_when_the_server_has_stopped_keeps_no_thread(installation, cluster, broker):
    installation.settings |= {
        "dispatchers.celery.broker": broker.url,
        "dispatchers.celery.queue": broker.queue,
    }
    with cluster("a", dispatcher="celery") as app:
        run = app.engine.dispatcher._run
    late = threading.Thread(target=run, args=(Job("e", "t", 1, "k"),), daemon=True)
    late.start()
    late.join(10)
    assert not late.is_alive()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({}, PluginError, "has no broker"),
        ({"broker": "no url"}, InvalidConfig, "dispatchers.celery.broker"),
        ({"broker": "nonsense://x"}, PluginError, "dispatchers.celery.broker cannot be used"),
        ({"broker": "redis://127.0.0.1:1/0", "resend": "soon"}, PluginError, "dispatchers.celery.resend"),
        ({"broker": "redis://127.0.0.1:1/0", "queue": "a b"}, PluginError, "queue"),
    ],
)
def test_settings_that_are_wrong(installation, cluster, settings, error, message):
    installation.settings |= {f"dispatchers.celery.{key}": value for key, value in settings.items()}
    with pytest.raises((error, InvalidConfig), match=message), cluster("a", dispatcher="celery"):
        pass


def test_a_storage_of_one_server_has_nobody_to_carry_to(installation, broker, monkeypatch):
    from wfcore.config.load import load
    from wfcore.service.app import open_app

    overrides = {
        "storage.path": str(installation.directory / "alone" / "db.sqlite"),
        "execution.dispatcher": "celery",
        "dispatchers.celery.broker": broker.url,
    }
    with (
        pytest.raises(InvalidConfig, match=r"execution.dispatcher: 'celery'"),
        open_app(load(environ={}, overrides=overrides)),
    ):
        pass
