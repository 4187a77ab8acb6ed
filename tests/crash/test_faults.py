"""What a machine does to a server: a full disk, a locked file, a clock that jumps, a process that stops."""

import itertools
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.clients import clients, wait

SITE = """
import os, time
_now, _file = time.time_ns, os.environ["CLOCK_OFFSET"]
def time_ns():
    with open(_file) as offset:
        return _now() + int(offset.read() or 0) * 1_000_000_000
time.time_ns = time_ns
"""


def refusal(server, workflow="chain"):
    """What a client is told that submits; None when it is accepted."""
    path = f"/api/v1/workflows/default/{workflow}/executions"
    status, answer = server.call("POST", path, b"{}")
    return None if status == 201 else (status, answer["error"])


def finish(server, historian, ids):
    for id in ids:
        wait(lambda id=id: server.state(id) not in ("PENDING", "RUNNING", "WAITING"))
    assert server.terminate()[0] == 0
    return historian.finish()


@contextmanager
def small_disk(path, size):
    """A file system of this size, mounted at ``path``; skips where that is not allowed."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def survive_no_space(server, sink, historian, take_space, give_space):
    """Tasks end while nothing can be written; clients are told; with space again all goes on by itself."""
    gate = threading.Event()
    sink.delay = lambda: 0.02 if gate.is_set() else gate.wait(60) and 0.0
    server.start()
    server.apply(sink.chain(3))
    ids = [server.submit() for _ in range(3)]
    historian.accepted.update(ids)
    wait(lambda: len(sink.effects) == 3)
    take_space()
    status, error = wait(lambda: refusal(server))
    assert (status, error["code"]) == (503, "unavailable")
    assert error["remedy"]
    gate.set()  # their first tasks end now, and that cannot be recorded
    time.sleep(0.5)
    assert len(sink.effects) == 3, "something was started that is not recorded"
    give_space()
    wait(lambda: refusal(server) is None)
    wait(lambda: len(sink.effects) >= 12)
    listed = server.call("GET", "/api/v1/executions?limit=1000")[1]["executions"]
    end = finish(server, historian, [each["id"] for each in listed])
    assert {row["losses"] for row in end.tasks.values()} == {0}
    assert set(sink.counts().values()) == {1}, "an effect was repeated"


def test_a_full_disk(server, sink, historian):
    with small_disk(server.data, "3m"):
        ballast = server.data / "ballast"

        def take_space():
            with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
                while file.write(b"x" * 4096):
                    pass

        survive_no_space(server, sink, historian, take_space, ballast.unlink)


def test_files_that_may_not_grow(server, sink, historian):
    """As a quota does it: every write beyond a size fails."""

    def limit(size):
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def take_space():
        limit((server.data / "db.sqlite-wal").stat().st_size)

    survive_no_space(server, sink, historian, take_space, lambda: limit(resource.RLIM_INFINITY))


def test_a_database_that_somebody_holds_locked(server, sink, historian):
    sink.delay = lambda: 0.05
    server.start()
    server.apply(sink.chain(30))
    id = server.submit()
    historian.accepted.add(id)
    wait(lambda: len(sink.effects) > 3)
    db = sqlite3.connect(server.data / "db.sqlite", isolation_level=None)
    db.execute("begin immediate")
    status, error = wait(lambda: refusal(server))
    assert (status, error["code"]) == (503, "unavailable")
    assert error["remedy"]
    effects = len(sink.effects)
    assert server.state(id) == "RUNNING", "what only reads is not held up"
    time.sleep(1)
    assert len(sink.effects) == effects
    db.execute("rollback")
    db.close()
    wait(lambda: len(sink.effects) > effects)
    end = finish(server, historian, [id])
    assert set(sink.counts().values()) == {1}
    assert {row["losses"] for row in end.tasks.values()} == {0}


def test_a_process_that_stands_still_now_and_then(server, sink, historian, chance):
    sink.delay = lambda: chance.uniform(0, 0.03)
    server.start()
    server.apply(sink.chain(25, head="timeout: 10m\n"))
    ids = [server.submit() for _ in range(3)]
    historian.accepted.update(ids)
    for _ in range(5):
        time.sleep(chance.uniform(0, 0.3))
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(chance.uniform(0.2, 0.8))
        os.kill(server.pid, signal.SIGCONT)
    end = finish(server, historian, ids)
    assert set(sink.counts().values()) == {1}
    assert {row["attempt"] for row in end.tasks.values()} == {1}


def test_orderly_stops_under_load(server, sink, historian, chance):
    """Clients submit with keys all the while; what was accepted ends, and no effect is repeated."""
    sink.delay = lambda: chance.uniform(0, 0.05)
    server.settings["execution"]["maxConcurrentTasks"] = 6
    server.start()
    server.apply(sink.chain(3))
    with clients(server, historian, 3) as ids:
        for _ in range(3):
            seen = len(sink.effects)
            wait(lambda seen=seen: len(sink.effects) > seen + 15)
            assert server.terminate()[0] == 0
            historian.look(killed=False)
            server.start()
    end = finish(server, historian, ids.values())
    assert end.executions.keys() == set(ids.values()), "one key, one execution"
    assert {row["losses"] for row in end.tasks.values()} == {0}
    assert set(sink.counts().values()) == {1}, "an orderly stop repeats no effect"


def test_few_file_descriptors(server, sink, historian):
    """Clients hold all connections there can be: the work goes on, and when they have gone all is well."""
    sink.delay = lambda: 0.05
    server.start("sh", "-c", 'ulimit -n 64; exec "$@"', "sh")
    assert "at most 64 files may be open, so 16 connections are served at once" in server.log()
    server.apply(sink.chain(20))
    id = server.submit()
    historian.accepted.add(id)
    host, port = server.address.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port)), timeout=30) for _ in range(80)]
    wait(lambda: len(sink.effects) == 20)
    assert sum(1 for _ in Path(f"/proc/{server.pid}/fd").iterdir()) < 64
    for held in idle:
        held.close()
    finish(server, historian, [id, wait(lambda: accepted(server))])
    assert set(sink.counts().values()) == {1}
    assert "Too many open files" not in server.log()


def accepted(server):
    try:
        return server.submit()
    except (OSError, ValueError):
        return None


def test_a_clock_that_jumps(server, tmp_path, monkeypatch):
    """An hour forward, an hour back, three hours forward: each minute's tick fires, and fires once."""
    offset = tmp_path / "offset"
    offset.write_text("0")
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("CLOCK_OFFSET", str(offset))
    monkeypatch.syspath_prepend(site)
    minutely = (
        "id: minutely\ntrigger: {cron: {expr: '* * * * *', catchup: all}}\ntasks:\n  a: {type: core/set}\n"
    )
    server.start()
    server.apply(minutely)
    counts = []
    for number, jump in enumerate((3600, 0, 3 * 3600)):
        offset.write_text(str(jump))
        server.apply(f"id: waker{number}\ntrigger: {{interval: 1h}}\ntasks:\n  a: {{type: core/set}}\n")
        least = 60 if number == 0 else counts[-1] if number == 1 else counts[0] + 110
        wait(lambda least=least: len(ticks(server)) >= least)
        counts.append(len(ticks(server)))
    assert server.terminate()[0] == 0
    with sqlite3.connect(server.data / "db.sqlite") as db:
        rows = db.execute("select trigger from execution where workflow = 'minutely'").fetchall()
    due = sorted(json.loads(row[0])["due_at"] for row in rows)
    assert len(due) == len(set(due)), "a tick fired twice"
    minutes = [int(at[11:13]) * 60 + int(at[14:16]) for at in due]
    assert all((b - a) % 1440 == 1 for a, b in itertools.pairwise(minutes)), f"a tick is lost: {due}"
    assert len(due) >= 180


def ticks(server):
    return server.call("GET", "/api/v1/executions?workflow=minutely&limit=1000")[1]["executions"]
