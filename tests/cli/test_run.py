"""``workflow run``: a file runs here, is seen, is recorded, can be interrupted."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest


def begun(process, word):
    """Wait until the program has printed ``word``."""
    seen = ""
    while word not in seen:
        line = process.stdout.readline()
        assert line, seen + process.stderr.read()
        seen += line
    return seen


def test_lines_a_timeline_and_the_outputs(project):
    outcome = project.run("run", "quick.yaml", "--input", "name=Ada")
    assert outcome.code == 0, outcome
    assert outcome.err == ""
    events = [re.sub(r"^\d\d:\d\d:\d\d\.\d{3}  ", "", line) for line in outcome.lines]
    assert events[:3] == ["hello  RUNNING", "hello  │ hello Ada", events[2]]
    assert re.fullmatch(r"hello  SUCCESS  \d+ms", events[2])
    assert re.search(r"✓ hello  core/log +\d+ms  [█·]+", outcome.out)
    assert re.search(r"✓ SUCCESS in \d+ms, 2 tasks\n\nOutputs\n  said  HELLO Ada\n$", outcome.out)


def test_one_json_document(project):
    outcome = project.run("run", "quick.yaml", "--json", "--inputs", "-", input='{"name": "Bob"}')
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.json["state"] == "SUCCESS"
    assert outcome.json["outputs"] == {"said": "HELLO Bob"}
    assert [task["path"] for task in outcome.json["tasks"]] == ["hello", "shout"]


def test_a_failure_is_code_1(project):
    outcome = project.run("run", "broken.yaml")
    assert outcome.code == 1
    assert "✗ FAILED in" in outcome.out
    assert outcome.lines[-1].endswith("no: failed: on purpose")
    assert project.run("run", "broken.yaml", "--json").json["error"]["task"] == "no"


def test_a_workflow_from_standard_input(project):
    outcome = project.run("run", "-", input="tasks: {a: {type: core/log, inputs: {message: piped}}}")
    assert outcome.code == 0
    assert "│ piped" in outcome.out
    assert project.run("run", "-", input="tasks: [").err.startswith("stdin:2:1: not YAML")


def test_a_disabled_file_is_a_conflict_and_leaves_nothing(project):
    project.write("off.yaml", "enabled: false\ntasks: {a: {type: core/log, inputs: {message: x}}}")
    outcome = project.run("run", "off.yaml")
    assert outcome.code == 5
    assert "off.yaml says `enabled: false`" in outcome.err
    assert not list(project.path.rglob("*.sqlite"))


def test_what_ran_is_found_again_without_a_server(project):
    id = project.run("run", "quick.yaml", "--json").json["id"]
    inspected = project.run("execution", "inspect", id)
    assert inspected.code == 0
    assert "HELLO world" in inspected.out
    assert project.run("execution", "inspect", id, "--json").json["id"] == id
    assert project.run("execution", "logs", id).lines[0].endswith("INFO     hello  hello world")
    assert project.run("execution", "inspect", id, "--server", "http://127.0.0.1:1").code == 6
    files = {file.name for file in (project.path / "data" / "runs").iterdir()}
    assert files == {f"{id}.sqlite"}


def test_a_run_that_still_goes_on_is_a_conflict(project):
    process = project.begin("run", "slow.yaml")
    begun(process, "WAITING")
    id = next((project.path / "data" / "runs").glob("*.sqlite")).stem
    outcome = project.run("execution", "inspect", id)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert outcome.code == 5
    assert f"execution {id} is being run by another process" in outcome.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_and_finally_still_runs(project, number, code):
    process = project.begin("run", "slow.yaml")
    begun(process, "WAITING")
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert "CANCELLING  interrupted" in out
    assert "│ tidied" in out
    assert "◌ CANCELLED in" in out
    assert err == ""


def test_a_second_signal_ends_it_at_once(project):
    project.write(
        "stuck.yaml",
        "tasks: {a: {type: core/wait, inputs: {for: 1h}}}\n"
        "finally: {b: {type: core/wait, inputs: {for: 1h}}}\n",
    )
    process = project.begin("run", "stuck.yaml")
    begun(process, "WAITING")
    process.send_signal(signal.SIGINT)
    begun(process, "@finally/b  WAITING")
    since = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - since < 6


def test_a_run_outlives_its_reader(project):
    project.write(
        "on.yaml",
        "tasks:\n  a: {type: core/wait, inputs: {for: 1s}}\n"
        "  b: {type: core/fail, needs: [a], inputs: {message: late}}\n",
    )
    process = project.begin("run", "on.yaml")
    begun(process, "WAITING")
    process.stdout.close()
    assert process.wait(20) == 1
    assert process.stderr.read() == ""
    id = next((project.path / "data" / "runs").glob("*.sqlite")).stem
    assert project.run("execution", "inspect", id, "--json").json["state"] == "FAILED"


@pytest.mark.parametrize(
    ("argv", "code"), [(["--help"], 2), (["completion", "bash"], 2), (["run", "quick.yaml"], 0)]
)
def test_an_output_that_is_full(project, argv, code):
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "wfcore", *argv],
            cwd=project.path, env=project.environ, stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert run.returncode == code
    assert "Traceback" not in run.stderr
    assert code == 0 or "standard output cannot be written: No space left on device" in run.stderr


def test_closed_streams(project):
    command = f"{sys.executable} -m wfcore run quick.yaml >&- 2>&- <&-"
    assert subprocess.run(command, shell=True, cwd=project.path, env=project.environ).returncode == 0


def test_a_reader_that_has_seen_enough_is_no_error(project):
    process = project.begin("completion", "bash")
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == ""


def test_old_runs_are_forgotten(project):
    id = project.run("run", "quick.yaml", "--json").json["id"]
    file = project.path / "data" / "runs" / f"{id}.sqlite"
    os.utime(file, (0, 0))
    project.run("run", "quick.yaml")
    assert not file.exists()


def test_a_database_elsewhere_does_not_matter(project):
    """Whatever the server keeps its data in, a run has a file of its own."""
    project.write("workflow.config.yaml", "storage: {type: elsewhere, url: 'x://y'}\ndataDir: d\n")
    assert project.run("run", "quick.yaml").code == 0
    assert len(list((project.path / "d" / "runs").glob("*.sqlite"))) == 1


def on_terminal(project, *argv, columns=80, lines=24, **environ):
    """All that the program writes to a terminal of that size, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "wfcore", *argv], cwd=project.path, stdin=theirs, stdout=theirs, stderr=theirs,
        env=project.environ | {"TERM": "xterm"} | environ, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        seen += part
        if not part:
            break
    os.close(ours)
    return process.wait(30), seen.decode()


def test_on_a_terminal_lines_move_and_the_cursor_comes_back(project):
    project.write(
        "two.yaml",
        "tasks: {a: {type: core/wait, inputs: {for: 300ms}}, b: {type: core/log, inputs: {message: hey}}}",
    )
    code, text = on_terminal(project, "run", "two.yaml", NO_COLOR="")
    assert code == 0
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert "◷" in text, "the waiting task was seen while it waited"
    assert "\x1b[32m✓ SUCCESS\x1b[0m in" in text
    assert "│ \x1b[0mhey" in text
    for line in re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", text).splitlines():
        assert len(line) <= 80, line


def test_no_color_and_dumb_terminals(project):
    _, text = on_terminal(project, "run", "quick.yaml", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*m", text)
    assert "\x1b[?25l" in text
    _, text = on_terminal(project, "run", "quick.yaml", TERM="dumb")
    assert "\x1b" not in text
