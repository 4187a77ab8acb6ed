"""What is acknowledged is on disk: counted from outside, by the system calls of a real server."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = [
    pytest.mark.storage("sqlite"),  # PostgreSQL syncs in processes of its own
    pytest.mark.skipif(
        shutil.which("strace") is None, reason="strace is not installed: fsync cannot be counted"
    ),
]
STRACE = ("strace", "-f", "-qq", "-s", "200", "-e", "trace=fsync,fdatasync,sendto,recvfrom", "-o")
ASKED = re.compile(r'recvfrom\(.*"POST /api/v1/workflows/default/chain/executions')
RESUMED = re.compile(r'recvfrom resumed>.*"POST /api/v1/workflows/default/chain/executions')
ANSWERED = re.compile(r'sendto\(.*"HTTP/1\.1 201 ')
SYNCED = re.compile(r"f(?:data)?sync(?:\(\d+\)\s+= 0| resumed>.*\)\s+= 0)")


@pytest.fixture
def traced(server, tmp_path, sink):
    """A server under strace, with a small workflow; ``lines()`` after it has stopped."""
    trace = tmp_path / "trace"
    server.start(*STRACE, str(trace))
    server.apply("id: chain\ntasks:\n  a: {type: core/set}\n  b: {type: core/set, needs: a}\n")
    server.submit()

    def lines():
        server.terminate()
        return trace.read_text(errors="replace").splitlines()

    server.lines = lines
    return server


def events(lines):
    """asked, synced and answered, in order."""
    for line in lines:
        if ASKED.search(line) or RESUMED.search(line):
            yield "asked"
        elif SYNCED.search(line):
            yield "synced"
        elif ANSWERED.search(line):
            yield "answered"


def test_every_submission_is_on_disk_before_its_answer(traced):
    for number in range(20):
        traced.submit(key=str(number))
    heard = list(events(traced.lines()))
    assert heard.count("asked") == heard.count("answered") == 21
    synced = None
    for event in heard:
        if event == "asked":
            synced = 0
        elif event == "synced" and synced is not None:
            synced += 1
        elif event == "answered":
            assert synced, "it was answered before it was on disk"
            synced = None


def test_under_load_many_submissions_share_one_sync(traced):
    count = 300
    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda n: traced.submit(key=str(n)), range(count)))
    assert len(set(ids)) == count
    heard = list(events(traced.lines()))
    first = heard.index("answered")
    last = len(heard) - heard[::-1].index("answered")
    during = heard[first:last].count("synced")
    assert heard.count("answered") == count + 1
    assert 0 < during < count, f"{during} syncs for {count} submissions of three transactions each"


def test_fifty_tasks_at_a_time_share_their_syncs(traced):
    """Fewer than three syncs for ten tasks: the group that is committed is what ended meanwhile."""
    width, rounds = 50, 6
    tasks = "".join(f"  t{number}: {{type: core/set}}\n" for number in range(width))
    traced.apply(f"id: wide\ntasks:\n{tasks}")
    path = "/api/v1/workflows/default/wide/executions?wait=10"
    for _ in range(rounds):
        status, answer = traced.call("POST", path, b"{}")
        assert (status, answer["state"]) == (201, "SUCCESS")
    heard = traced.lines()
    first = max(number for number, line in enumerate(heard) if "POST /api/v1/workflows HTTP" in line)
    syncs = sum(bool(SYNCED.search(line)) for line in heard[first:])
    assert rounds < syncs < 0.3 * width * rounds, f"{syncs} syncs for {width * rounds} tasks"
