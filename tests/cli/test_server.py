"""``workflow server``: started, asked, stopped, and clear about why it does not start."""

import json
import os
import signal
import socket
import stat
import time
import urllib.request
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest


@pytest.fixture
def stopped(project):
    """A project whose server, if one is left, is stopped."""
    yield project
    project.run("server", "stop")


def test_detached_until_it_is_stopped(stopped):
    started = stopped.run("server", "start", "--detach")
    assert (started.code, started.err) == (0, "")
    ready, address, *_ = started.out.split()
    assert ready == "ready"
    with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
        assert json.load(answer) == {"status": "ok"}
    status = stopped.run("server", "status")
    assert status.code == 0
    assert address in status.out
    found = stopped.run("server", "status", "--json").json
    assert (found["address"], found["ready"]) == (address, True)
    again = stopped.run("server", "start", "--detach")
    assert again.code == 5
    assert f"already runs at {address}" in again.err
    ended = stopped.run("server", "stop")
    assert (ended.code, ended.out) == (0, f"stopped  process {found['pid']}\n")
    assert stopped.run("server", "status").code == 6
    assert stopped.run("server", "stop").code == 6
    port = address.rsplit(":", 1)[1]
    assert stopped.run("server", "start", "--detach", "--port", port).code == 0


def test_its_log_is_private(stopped):
    stopped.run("server", "start", "--detach")
    log = stopped.path / "data" / "server.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "listening on http://127.0.0.1:" in log.read_text()


def test_a_umask_that_takes_everything_from_everybody(stopped):
    """As a user who may not read what is forbidden: root may."""
    before = os.umask(0o777)
    try:
        assert stopped.run("server", "start", "--detach").code == 0
    finally:
        os.umask(before)
    data = stopped.path / "data"
    made = {data, *data.iterdir()}
    assert {stat.S_IMODE(one.stat().st_mode) for one in made} <= {0o700, 0o600}


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_a_role_that_is_none_or_that_needs_others(stopped, detach):
    for role, said in (
        ("boss", "server.role: must be one of all, api, worker, not 'boss'"),
        (
            "worker",
            "server.role: 'worker' is one of several servers, but the storage 'sqlite' belongs to one",
        ),
    ):
        outcome = stopped.run("server", "start", *detach, "--role", role)
        assert outcome.code == 3
        assert said in outcome.err


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_a_storage_that_may_only_be_read(stopped, detach):
    """It says so at once: there is nothing to wait for."""
    assert stopped.run("server", "start", "--detach").code == 0
    assert stopped.run("server", "stop").code == 0
    stopped.write("workflow.config.yaml", "server: {port: 0, stopGrace: 50s}\nstorage: {readOnly: true}\n")
    begun = time.monotonic()
    outcome = stopped.run("server", "start", *detach)
    assert time.monotonic() - begun < 40
    assert outcome.code == 6
    assert "is open for reading only" in outcome.err
    assert "remove `storage.readOnly`" in outcome.err


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("tlsKeyFile: key.pem", "server.tlsKeyFile: there is a key for TLS, and no certificate"),
        ("trustedProxy: proxy.local", "must be an IP address, not 'proxy.local'"),
        ("trustedProxy: 10", "must be an IP address, not 10"),
    ],
)
def test_half_of_what_a_setting_needs(stopped, setting, said):
    stopped.write("workflow.config.yaml", f"server: {{port: 0, {setting}}}\n")
    outcome = stopped.run("server", "start")
    assert (outcome.code, said in outcome.err) == (3, True), outcome.err


def test_times_are_those_of_the_clock_on_the_wall(stopped):
    assert stopped.run("server", "start", "--detach").code == 0
    assert stopped.run("secret", "set", "A", input="a long one\n").code == 0
    listed = stopped.run("secret", "list", TZ="Asia/Tokyo")
    at = stopped.run("secret", "list", "--json").json["secrets"][0]["updated_at"]
    local = datetime.fromisoformat(at).astimezone(ZoneInfo("Asia/Tokyo"))
    assert f"{local:%Y-%m-%d %H:%M:%S}" in listed.out


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_a_port_that_is_taken(stopped, detach):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = stopped.run("server", "start", *detach, "--port", str(port))
    assert outcome.code == 5
    assert f"the server cannot listen on 127.0.0.1:{port}: Address already in use" in outcome.err
    assert "hint: stop what listens there" in outcome.err


def test_a_driver_that_is_not_there(stopped):
    stopped.write("workflow.config.yaml", "storage: {type: sqlight}\nserver: {port: 0}\n")
    for detach in ([], ["--detach"]):
        outcome = stopped.run("server", "start", *detach)
        assert outcome.code == 7
        assert "there is no storage 'sqlight' (did you mean 'sqlite'?)" in outcome.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_until_a_signal(stopped, number):
    process = stopped.begin("server", "start")
    while "listening on" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_options_win_over_the_file(stopped):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    outcome = stopped.run("server", "start", "--detach", f"--port={port}", "--host=localhost", "--json")
    assert outcome.json["address"] in (f"http://127.0.0.1:{port}", f"http://[::1]:{port}")


def test_a_server_can_be_stopped_by_its_url(stopped):
    address = stopped.run("server", "start", "--detach", "--json").json["address"]
    token = (stopped.path / "data" / "admin.token").read_text().strip()
    refused = stopped.run("server", "stop", "--server", address, WORKFLOW_TOKEN="x" * 40)
    assert refused.code == 8
    asked = stopped.run("server", "stop", WORKFLOW_SERVER=address, WORKFLOW_TOKEN=token)
    assert (asked.code, asked.out) == (0, f"stopping  {address}\n")
    deadline = time.monotonic() + 10
    while stopped.run("server", "status").code != 6:
        assert time.monotonic() < deadline


def test_the_configuration_of_another_directory(stopped, tmp_path):
    file = stopped.write("etc/w.yaml", "server: {port: 0}\nstorage: {path: ../elsewhere/db.sqlite}\n")
    assert stopped.run("server", "start", "--detach", "--config", "etc/w.yaml").code == 0
    assert (tmp_path / "elsewhere" / "server.lock").exists()
    assert stopped.run("server", "status").code == 6
    assert stopped.run("server", "status", WORKFLOW_CONFIG=str(file)).code == 0
    assert stopped.run("server", "stop", "--config", str(file)).code == 0


def test_a_server_that_does_not_answer_gets_a_signal(stopped):
    pid = stopped.run("server", "start", "--detach", "--json").json["pid"]
    (stopped.path / "data" / "admin.token").write_text("wf_" + "x" * 40)
    lock = stopped.path / "data" / "server.lock"
    lock.write_text(json.dumps({"pid": pid, "address": "http://127.0.0.1:1"}))
    assert stopped.run("server", "stop").out == f"stopped  process {pid}\n"
