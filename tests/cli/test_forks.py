"""What the tests of commands rely on: a fork is a process as an interpreter of its own would be."""

import signal
import subprocess
import sys

import pytest

from tests import forks

ECHO = """
import os, signal, sys, threading
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
assert threading.current_thread() is threading.main_thread() and __name__ == "__main__"
threading.Thread(target=lambda: print(os.getpid(), os.getcwd(), os.environ["MINE"], sys.argv[1:])).start()
print(sys.stdin.read(), file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


@pytest.fixture(params=[forks.Fork, subprocess.Popen])
def popen(request):
    return request.param


def test_arguments_streams_directory_environment_and_exit_code(popen, tmp_path):
    with popen([sys.executable, "-c", ECHO, "3"], cwd=tmp_path, env={"MINE": "é"}, **PIPES) as process:
        out, err = process.communicate("said", timeout=20)
    assert (process.returncode, err) == (3, "said\n")
    assert out == f"{process.pid} {tmp_path} é ['3']\n"


def test_an_error_that_nobody_catches(popen):
    with popen([sys.executable, "-c", "import json; json.loads('')"], **PIPES) as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith("json.decoder.JSONDecodeError: ")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed(popen, number):
    with popen([sys.executable, "-c", "print('up', flush=True); input()"], **PIPES) as process:
        assert process.stdout.readline() == "up\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(number)
        assert process.wait(20) == -number
    assert process.poll() == -number


def test_what_only_an_interpreter_shows_is_one(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("")
    command = [sys.executable, "-c", "pass"]
    for environ in ({"PYTHONPATH": str(tmp_path)}, {"PYTHONUTF8": "1"}, {"LC_ALL": "C"}):
        with forks.start(command, env=environ) as process:
            assert not isinstance(process, forks.Fork)
