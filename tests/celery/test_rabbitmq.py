"""What RabbitMQ does with messages that a broker of another kind does not."""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.crash.clients import wait
from tests.crash.conftest import _nested
from tests.crash.fleet import fan, finish, runs_something
from tests.unit.engine.running.servers import apply, submit
from wfcore.errors import PluginError

from .rabbit import PASSWORD, Queues

GATE = "{type: witness/gate, inputs: {gate: g}}"


@pytest.fixture
def queues(node):
    node.start()
    return Queues(node)


@pytest.fixture
def open_server(installation, cluster, queues):
    """Opens servers whose messages are sent once: what comes again the broker brings."""
    installation.settings |= {
        "dispatchers.celery.broker": queues.url,
        "dispatchers.celery.queue": queues.queue,
        "dispatchers.celery.resend": "10m",
        "server.stopGrace": "5s",
    }

    def server(name="a", **settings):
        return cluster(name, **{"dispatcher": "celery", "lease": "1s", "maxConcurrentTasks": 2, **settings})

    return server


def ended(installation, app, id):
    assert app.executions.wait_end(id, 30).state == "SUCCESS"
    assert {(task.attempt, task.losses) for task in app.storage.tasks(id)} == {(1, 0)}
    return [task for execution, task, *_ in installation.stage.ran if execution == id]


def test_queues_and_messages_outlive_the_broker(installation, open_server, queues):
    with open_server() as app:
        apply(app, "id: labelled\ntasks:\n  g: {type: witness/effect, runs_on: gpu}\n")
        id = submit(app, "labelled")
        installation.until(lambda: queues.waiting(f"{queues.queue}.gpu") == 1, 30)
    queues.kill()
    queues.start()
    assert queues.waiting(f"{queues.queue}.gpu") == 1
    with queues.node.channel() as channel:  # raises where it was declared otherwise
        channel.queue_declare(f"{queues.queue}.gpu", durable=True, auto_delete=False)
        channel.queue_declare(queues.queue, durable=True, auto_delete=False)
    with open_server(labels="[gpu]") as app:
        assert ended(installation, app, id) == ["g"]


def test_what_somebody_took_and_never_acknowledged_comes_again(installation, open_server, queues):
    with queues.node.channel() as channel:
        channel.queue_declare(queues.queue, durable=True, auto_delete=False)
        taken = []
        channel.basic_consume(queues.queue, callback=taken.append)
        with open_server(maxConcurrentTasks=1) as app:
            apply(app, installation.wide(4, "{type: witness/effect}"))
            id = submit(app, "wide")
            installation.until(lambda: channel.connection.drain_events(timeout=30) or taken, 30)
            channel.connection.close()
            assert sorted(ended(installation, app, id)) == ["t00", "t01", "t02", "t03"]


def test_a_message_is_acknowledged_when_its_task_has_ended(installation, open_server, queues):
    with open_server() as app:
        apply(app, installation.chain(1, GATE))
        id = submit(app)
        installation.until_running(id)
        assert queues.held() == "1"
        installation.stage.gates["g"].set()
        assert ended(installation, app, id) == ["t00"]
        installation.until(lambda: queues.held() == "0", 30)


def test_a_task_may_last_longer_than_consumer_timeout(installation, open_server, queues, caplog):
    queues.node.set_consumer_timeout(2)
    try:
        with (
            open_server("api", more={"server.role": "api"}, maxConcurrentTasks=6) as api,
            open_server("worker"),
        ):
            apply(api, installation.wide(6, GATE))
            id = submit(api, "wide")
            installation.until(lambda: caplog.text.count("timed out") > 2, 60)
            assert installation.stage.peak == len(installation.stage.now) == 2
            installation.stage.gates["g"].set()
            assert len(ended(installation, api, id)) == 6
            assert installation.stage.peak == 2
            assert "another one begins" not in caplog.text, "the worker goes on"
            assert "Unrecoverable" not in caplog.text
    finally:
        queues.node.set_consumer_timeout(1800)


def test_a_worker_that_follows_another_leaves_room_for_what_that_runs(installation, open_server):
    from celery.worker import state

    with open_server("api", more={"server.role": "api"}, maxConcurrentTasks=6) as api, open_server("worker"):
        apply(api, installation.wide(6, GATE))
        id = submit(api, "wide")
        installation.until(lambda: len(installation.stage.now) == 2, 30)
        state.should_stop = 0
        installation.until(lambda: state.should_stop is None, 30)
        time.sleep(2)  # the other one has had time to take what it may
        installation.stage.gates["g"].set()
        assert len(ended(installation, api, id)) == 6
        assert installation.stage.peak == 2


def test_two_workers_on_one_machine_both_work(fleet, sink, stored, queues):
    """RabbitMQ lets nobody else have the queue by which Celery's tools talk to a worker of that name."""
    more = {"dispatchers": {"celery": {"broker": queues.url, "queue": queues.queue, "resend": "10m"}}}
    sizes = [("api", 12), ("worker", 2), ("worker", 2)]
    servers = [fleet(role, tasks=tasks, more=more, dispatcher="celery") for role, tasks in sizes]
    sink.delay = lambda: 2.0
    servers[0].apply(fan(sink))
    id = servers[0].submit("fan")
    wait(lambda: all(map(runs_something, servers[1:])), "one of them does nothing", 30)
    finish(servers, stored, sink, [id])


def test_a_user_with_a_virtual_host_of_its_own(installation, open_server, queues):
    """As docs/how-to/scale-out.md has it."""
    queues.node.control("add_vhost", "workflow")
    queues.node.control("add_user", "ada", "p@ss/word")
    queues.node.control("set_permissions", "--vhost", "workflow", "ada", ".*", ".*", ".*")
    url = f"amqp://ada:p%40ss%2Fword@127.0.0.1:{queues.node.port}/workflow"
    installation.settings["dispatchers.celery.broker"] = url
    with open_server() as app:
        apply(app, installation.chain(2, "{type: witness/effect}"))
        assert len(ended(installation, app, submit(app))) == 2


def test_a_broker_that_is_full_is_waited_for(installation, open_server, queues):
    with open_server() as app:
        apply(app, installation.wide(3, "{type: witness/effect}"))
        assert len(ended(installation, app, submit(app, "wide"))) == 3
        queues.node.control("set_vm_memory_high_watermark", "0.0")
        try:
            id = submit(app, "wide")
            time.sleep(1)
            assert not [task for execution, task, *_ in installation.stage.ran if execution == id]
        finally:
            queues.node.control("set_vm_memory_high_watermark", "0.4")
        assert len(ended(installation, app, id)) == 3
        assert app.engine.dispatcher.health() == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda node: node.url.replace(PASSWORD, "wrong"), "ACCESS_REFUSED - Login was refused"),
        (lambda node: f"{node.url}nowhere", "vhost /nowhere not found"),
        (lambda node: node.secure_url, "certificate verify failed"),
        (lambda node: f"rediss://127.0.0.1:{node.secure_port}/0", "certificate verify failed"),
    ],
    ids=["password", "vhost", "certificate", "redis"],
)
def test_a_broker_that_refuses_is_one_error(tmp_path, stored, queues, change, message):
    settings = stored.settings(tmp_path / "data") | {
        "execution.dispatcher": "celery",
        "dispatchers.celery.broker": change(queues.node),
        "server.port": 0,
    }
    given = {"PATH": "", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-m", "wfcore", "server", "start", "--config", str(written(tmp_path, settings))],
        env=given, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 7
    assert "Traceback" not in done.stderr
    assert done.stderr.count("dispatchers.celery.broker cannot be used") == 1
    assert message in done.stderr
    assert PASSWORD not in done.stderr


def written(directory, settings):
    file = directory / "workflow.config.yaml"
    file.write_text(json.dumps(_nested(settings)))
    return file


def test_tls_is_spoken_with_who_the_url_names_alone(installation, open_server, queues, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(queues.node.authority.file))
    installation.settings["dispatchers.celery.broker"] = queues.node.secure_url
    with open_server() as app:
        apply(app, installation.chain(2, "{type: witness/effect}"))
        assert len(ended(installation, app, submit(app))) == 2
    installation.settings["dispatchers.celery.broker"] = queues.node.secure_url.replace(
        "127.0.0.1", "127.0.0.2"
    )
    with pytest.raises(PluginError, match="IP address mismatch"), open_server("b"):
        pass
