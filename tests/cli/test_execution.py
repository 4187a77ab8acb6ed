"""``workflow execution``: listed, inspected, followed, cancelled."""

import json
import re
import signal
import threading

import pytest


@pytest.fixture(scope="module")
def ran(served):
    """One execution that succeeded, one that failed."""
    served.run("workflow", "apply", "quick.yaml", "broken.yaml", "slow.yaml")
    good = served.run("workflow", "run", "quick", "--wait", "--json").json["id"]
    bad = served.run("workflow", "run", "broken", "--wait", "--json").json["id"]
    return good, bad


def test_list_and_its_filters(served, ran):
    good, bad = ran
    lines = served.run("execution", "list").lines
    assert lines[0].split() == ["EXECUTION", "WORKFLOW", "STATE", "TRIGGER", "CREATED", "TOOK"]
    assert lines.index(next(line for line in lines if bad in line)) < lines.index(
        next(line for line in lines if good in line)
    )

    def ids(*argv):
        return [one["id"] for one in served.run("execution", "list", "--json", *argv).json["executions"]]

    assert ids("--state", "failed") == [bad]
    assert ids("--workflow", "quick") == [good]
    assert ids("--workflow", "default/quick", "--state=FAILED,SUCCESS") == [good]
    assert ids("--namespace", "nobody") == []
    assert served.run("execution", "list", "--namespace", "nobody").out == "there are no executions\n"
    first = served.run("execution", "list", "--limit", "1")
    assert first.lines[-1] == f"older ones: --before {bad}"
    assert ids("--before", bad) == [good]


@pytest.mark.parametrize("argv", [["--state", "LOST"], ["--limit", "0"], ["--limit", "1001"]])
def test_filters_that_are_wrong(served, argv):
    outcome = served.run("execution", "list", *argv)
    assert outcome.code == 2
    assert "is not valid" in outcome.err


def test_inspect(served, ran):
    shown = served.run("execution", "inspect", ran[1])
    assert shown.code == 0
    assert re.search(r"^state +FAILED$", shown.out, re.M)
    assert re.search(r"^error +no: failed: on purpose$", shown.out, re.M)
    assert re.search(r"^no +core/fail +FAILED +1 ", shown.out, re.M)
    assert served.run("execution", "inspect", ran[0], "--json").json["outputs"] == {"said": "HELLO world"}


def test_logs(served, ran):
    lines = served.run("execution", "logs", ran[0]).lines
    assert len(lines) == 1
    assert lines[0].endswith("INFO     hello  hello world")
    [line] = served.run("execution", "logs", ran[0], "--follow", "--json").lines
    assert json.loads(line)["message"] == "hello world"


@pytest.mark.parametrize("verb", ["inspect", "logs", "watch", "cancel"])
@pytest.mark.parametrize("id", ["nothing", "01a20a10-471c-7e20-9cf3-1734ad7641b5"])
def test_an_execution_that_is_not_there(served, verb, id):
    outcome = served.run("execution", verb, id)
    assert outcome.code == 4
    assert f"there is no execution {id}" in outcome.err


def test_watch_an_ended_one(served, ran):
    good = served.run("execution", "watch", ran[0])
    assert good.code == 0
    assert "✓ SUCCESS in" in good.out
    bad = served.run("execution", "watch", ran[1], "--json")
    assert bad.code == 1
    assert json.loads(bad.lines[-1])["kind"] == "execution.finished"


def test_watch_until_it_is_cancelled(served, ran):
    id = served.run("workflow", "run", "slow", "--json").json["id"]
    watching, following = (
        served.begin("execution", "watch", id),
        served.begin("execution", "logs", id, "--follow"),
    )
    threading.Thread(target=following.wait, daemon=True).start()
    while "WAITING" not in watching.stdout.readline():
        pass
    cancelled = served.run("execution", "cancel", id, "--reason", "enough")
    assert (cancelled.code, cancelled.err) == (0, "")
    out, _ = watching.communicate(timeout=20)
    assert watching.returncode == 1
    assert "◌ CANCELLED in" in out
    assert out.rstrip().endswith("cancelled: enough")
    log, _ = following.communicate(timeout=20)
    assert following.returncode == 0
    assert "tidied" in log
    again = served.run("execution", "cancel", id)
    assert again.code == 5


def test_what_ends_at_once_is_not_said_to_be_cancelling(served, ran):
    served.write("nap.yaml", "id: nap\ntasks:\n  nap: {type: core/wait, inputs: {for: 1h}}\n")
    served.run("workflow", "apply", "nap.yaml")
    id = served.run("workflow", "run", "nap", "--json").json["id"]
    while served.run("execution", "inspect", id, "--json").json["state"] != "WAITING":
        pass
    cancelled = served.run("execution", "cancel", id, "--json").json
    assert cancelled["state"] == "CANCELLED"
    id = served.run("workflow", "run", "nap", "--json").json["id"]
    while served.run("execution", "inspect", id, "--json").json["state"] != "WAITING":
        pass
    assert served.run("execution", "cancel", id).out == f"{id}  CANCELLED\n"


def test_to_stop_watching_stops_nothing(served, ran):
    id = served.run("workflow", "run", "slow", "--json").json["id"]
    watching = served.begin("execution", "watch", id)
    while "WAITING" not in watching.stdout.readline():
        pass
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=20)
    assert watching.returncode == 130
    assert served.run("execution", "inspect", id, "--json").json["state"] in ("RUNNING", "WAITING")
    assert served.run("execution", "cancel", id).code == 0


def test_the_server_that_stops_under_a_watch(project):
    address = project.run("server", "start", "--detach", "--json").json["address"]
    project.run("workflow", "apply", "slow.yaml")
    id = project.run("workflow", "run", "slow", "--json").json["id"]
    watching = project.begin("execution", "watch", id)
    while "WAITING" not in watching.stdout.readline():
        pass
    project.run("server", "stop")
    _, err = watching.communicate(timeout=20)
    assert watching.returncode == 6
    assert f"the server at {address} does not answer" in err
