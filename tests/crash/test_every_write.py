"""The server is killed at a certain write, or sync, of its database: at each there is, one run for each."""

import re
import shutil
import signal

import pytest

from tests.crash.clients import wait
from wfcore.model.execution import TERMINAL

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
    pytest.mark.storage("sqlite"),  # PostgreSQL writes in processes of its own
]
#: What SQLite does to its files.
CALLS = "pwrite64,write,fsync,fdatasync,ftruncate,unlink"

#: What a killed process, and strace for it, has as its exit code.
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)


def strace(server, *options):
    files = [option for name in ("db.sqlite", "db.sqlite-wal") for option in ("-P", str(server.data / name))]
    return ("strace", "-f", "-qq", "-e", f"trace={CALLS}", *files, *options)


def live(server, sink, historian):
    """A short life: start, apply, three executions to their end. OSError when it is killed meanwhile."""
    server.apply(sink.chain(3))
    for number in range(3):
        id = server.submit(key=str(number))
        historian.accepted.add(id)
        wait(lambda id=id: server.state(id) in TERMINAL)


def count_points(server, sink, historian, trace):
    """How often one thread does any of the calls in such a life, at most."""
    server.start(*strace(server, "-o", str(trace)))
    live(server, sink, historian)
    server.terminate()
    counts = {}
    for thread in re.findall(r"^(\d+) +\w+\(", trace.read_text(), re.MULTILINE):
        counts[thread] = counts.get(thread, 0) + 1
    return max(counts.values())


def die_at(server, sink, historian, number):
    """Live with death at the ``number``-th call of a thread; whether it came."""
    inject = f"inject={CALLS}:signal=KILL:when={number}"
    try:
        server.start(*strace(server, "-e", inject, "-o", "/dev/null"))
        live(server, sink, historian)
    except (OSError, ValueError, AssertionError):
        assert server.process.wait(30) in KILLED
        return True
    return server.terminate()[0] in KILLED  # the last calls are those of its end


def survive(server, sink, historian, number):
    died = die_at(server, sink, historian, number)
    if historian.accepted:  # else there may not be a table yet
        historian.look(killed=died)
    server.start()
    if died:
        live(server, sink, historian)
    assert server.terminate()[0] == 0
    end = historian.finish()
    assert len(end.executions) == 3
    return died


@pytest.fixture
def lives(server, sink, historian, tmp_path):
    """``lives(number)``: a life on a new data directory ending at that call of ``lives.points``."""

    def one(number):
        shutil.rmtree(server.data)
        sink.effects.clear()
        return survive(server, sink, type(historian)(server.data, sink, historian.stored), number)

    one.points = count_points(server, sink, historian, tmp_path / "trace")
    return one


def test_death_at_some_writes(lives, chance):
    assert lives.points > 20
    numbers = sorted(chance.sample(range(1, lives.points - 5), 6))
    assert sum([lives(number) for number in numbers]) >= 4, "it hardly ever died: this proves little"


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_death_at_every_write(lives, at_length):
    count = at_length(lives.points)
    numbers = [1 + number * lives.points // count for number in range(count)]
    assert sum([lives(number) for number in numbers]) >= 0.8 * len(numbers)
