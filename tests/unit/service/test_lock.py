"""One server for each data directory, and whoever asks finds it."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from wfcore.errors import Conflict
from wfcore.service.lock import LOCK_FILE, Running, ServerLock, read_lock

HOLDER = """
import sys, pathlib
from wfcore.service.lock import ServerLock
with ServerLock(pathlib.Path(sys.argv[1])) as lock:
    lock.announce("http://127.0.0.1:1")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_nobody_there(tmp_path):
    assert read_lock(tmp_path) is None
    assert read_lock(tmp_path / "missing") is None


def test_the_file_says_who_holds_it(tmp_path):
    with ServerLock(tmp_path) as lock:
        assert read_lock(tmp_path) == Running(os.getpid(), None)
        lock.announce("http://127.0.0.1:7233")
        assert read_lock(tmp_path) == Running(os.getpid(), "http://127.0.0.1:7233")
        assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()
    assert read_lock(tmp_path) is None


def test_a_longer_address_leaves_no_rest(tmp_path):
    with ServerLock(tmp_path) as lock:
        lock.announce("http://127.0.0.1:" + "9" * 50)
        lock.announce("http://127.0.0.1:1")
        assert read_lock(tmp_path).address == "http://127.0.0.1:1"


def test_a_second_server_is_refused(tmp_path, holder):
    with pytest.raises(Conflict) as caught, ServerLock(tmp_path):
        pass
    assert str(holder.pid) in caught.value.message
    assert "http://127.0.0.1:1" in caught.value.message
    assert "server stop" in caught.value.remedy
    assert read_lock(tmp_path).pid == holder.pid, "the refused one must not spoil the file"


def test_the_lock_of_a_killed_server_is_free(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert read_lock(tmp_path) is None
    with ServerLock(tmp_path):
        assert read_lock(tmp_path) == Running(os.getpid(), None)


def test_readers_do_not_keep_a_server_from_starting(tmp_path):
    (tmp_path / LOCK_FILE).touch()
    over = threading.Event()

    def read():
        while not over.is_set():
            read_lock(tmp_path)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in readers:
        thread.start()
    try:
        for _ in range(20):
            with ServerLock(tmp_path):
                pass
    finally:
        over.set()
        for thread in readers:
            thread.join()


def test_a_half_written_file_is_a_starting_server(tmp_path):
    with ServerLock(tmp_path):
        (tmp_path / LOCK_FILE).write_text('{"pid": ')
        assert read_lock(tmp_path) == Running(0)
