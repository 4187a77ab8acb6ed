"""Calls share processes, and never what becomes of one of them."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wfcore.api import Cancel, RetryableError, TerminalError

ASKS = "export default async (n, ctx) => [n, await ctx.kv.get('a'), await ctx.kv.get('b')]"
LOOPS = "export default async (n, ctx) => { await ctx.kv.get('a'); for (;;); }"


class Hosts:
    """Each of ``count`` calls is in its second question when ``all_in`` is set, until ``go`` is."""

    def __init__(self, count):
        self.asked = [[] for _ in range(count)]
        self.waiting = threading.Semaphore(0)
        self.go = threading.Event()

    def of(self, number):
        def host(request):
            self.asked[number].append(request["key"])
            if request["key"] == "b":
                self.waiting.release()
                assert self.go.wait(20)
            return f"{request['key']}{number}"

        return host

    def wait(self, count):
        for _ in range(count):
            assert self.waiting.acquire(timeout=20)


def kill(bench):
    for worker in bench.workers():
        os.kill(worker.process.pid, signal.SIGKILL)


def files():
    return len(list(Path("/proc/self/fd").iterdir()))


def zombies():
    found = []
    for state in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = state.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] == "Z" and int(fields[1]) == os.getpid():
            found.append(state.parent.name)
    return found


def test_calls_survive_the_death_of_their_process_and_ask_nothing_twice(fresh):
    bench, hosts = fresh(processes=1), Hosts(16)
    compiled = bench.js(ASKS)
    with ThreadPoolExecutor(16) as threads:
        calls = [threads.submit(bench.invoke, compiled, n, hosts.of(n)) for n in range(16)]
        hosts.wait(16)
        assert len(bench.workers()) == 1
        kill(bench)
        hosts.go.set()
        assert [call.result(60) for call in calls] == [[n, f"a{n}", f"b{n}"] for n in range(16)]
    assert hosts.asked == [["a", "b"]] * 16


def test_a_call_that_does_not_give_way_costs_its_neighbours_nothing(fresh, task):
    bench, hosts = fresh(processes=1), Hosts(4)
    asks, loops, one = bench.js(ASKS), bench.js(LOOPS), task()
    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(bench.invoke, asks, n, hosts.of(n)) for n in range(4)]
        hosts.wait(4)
        bad = threads.submit(bench.invoke, loops, 0, lambda request: None, task=one, timeout=60)
        while len(bench.workers()[0].seats) < 5:
            time.sleep(0.01)
        time.sleep(0.2)
        began = time.monotonic()
        one.cancel(Cancel("cancelled"))
        with pytest.raises(Cancel):
            bad.result(20)
        assert time.monotonic() - began < 5
        hosts.go.set()
        assert [call.result(60) for call in calls] == [[n, f"a{n}", f"b{n}"] for n in range(4)]
    assert hosts.asked == [["a", "b"]] * 4


def test_a_process_that_is_about_to_end_takes_no_more_calls(fresh, monkeypatch):
    bench = fresh(processes=1)
    compiled = bench.js("export default () => 1")
    assert bench.invoke(compiled) == 1
    worker, pool = bench.workers()[0], bench.driver._pool
    gone = pool.gone
    monkeypatch.setattr(pool, "gone", lambda one: (time.sleep(0.5), gone(one)))  # it is slow to be heard of
    seat = pool.take(1 << 20, lambda: None, nested=False, alone=False)
    worker.condemn(seat)
    worker.process._process.wait(5)
    pool.leave(seat)
    assert bench.invoke(compiled) == 1
    assert worker not in bench.workers()


def test_the_call_that_ends_its_processes_fails_and_the_others_do_not(fresh):
    bench, hosts = fresh(processes=1), Hosts(3)
    compiled = bench.js(ASKS)

    def harmful(request):
        """As if code had found a way to end its process, at each question once more."""
        if request["key"] == "a":
            hosts.wait(3)
        for worker in bench.workers():
            if any(seat.memory == 77 << 20 for seat in worker.seats.values()):
                os.kill(worker.process.pid, signal.SIGKILL)
        hosts.go.set()
        time.sleep(0.1)

    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(bench.invoke, compiled, n, hosts.of(n)) for n in range(3)]
        bad = threads.submit(bench.invoke, compiled, 9, harmful, memory=77 << 20)
        with pytest.raises(TerminalError) as caught:
            bad.result(60)
        assert caught.value.kind == "sandbox"
        for number, call in enumerate(calls):
            assert call.result(60) == [number, f"a{number}", f"b{number}"]


def test_a_call_whose_answers_are_too_many_to_remember_is_to_be_tried_again(fresh):
    bench = fresh(processes=1)
    large = "x" * (12 << 20)
    source = "export default async (n, ctx) => { for (const k of 'abcd') await ctx.kv.get(k); }"
    compiled = bench.js(source)

    def host(request):
        if request["key"] == "d":
            kill(bench)
        return large

    with pytest.raises(RetryableError) as caught:
        bench.invoke(compiled, host=host, memory=512 << 20)
    assert caught.value.kind == "sandbox"


def test_a_fault_of_the_host_ends_the_call_and_leaves_nothing(fresh):
    bench = fresh(processes=1)
    compiled = bench.js(ASKS)

    def host(request):
        raise LookupError("a bug of ours")

    for _ in range(20):
        with pytest.raises(LookupError):
            bench.invoke(compiled, host=host)
    worker = bench.workers()[0]
    assert not worker.seats
    # Two threads of its own, and those that wait for the next call: as many as were at once. A call that
    # begins while the one before is about to end takes another one.
    assert len(list(Path(f"/proc/{worker.process.pid}/task").iterdir())) <= 2 + 3


def test_a_process_that_hears_nothing_is_killed(fresh, monkeypatch):
    monkeypatch.setattr("wfcore_plugins.runtimes.wasm.calling._START", 0.5)
    bench = fresh(processes=1)
    compiled = bench.js("export default () => 1")
    assert bench.invoke(compiled) == 1
    pid = bench.workers()[0].process.pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(RetryableError) as caught:
        bench.invoke(compiled)
    assert caught.value.kind == "sandbox"
    monkeypatch.undo()
    assert bench.invoke(compiled) == 1
    assert bench.workers()[0].process.pid != pid


def test_calls_share_a_process_only_while_its_memory_suffices(fresh):
    bench, hosts = fresh(processes=1, memory="1GiB"), Hosts(3)
    compiled = bench.js(ASKS)
    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(bench.invoke, compiled, n, hosts.of(n), memory=300 << 20) for n in range(3)]
        hosts.wait(2)
        assert not hosts.waiting.acquire(timeout=0.5)
        hosts.go.set()
        assert [call.result(20) for call in calls] == [[n, f"a{n}", f"b{n}"] for n in range(3)]


def test_two_hundred_calls_leave_nothing_behind(fresh, eventually):
    bench = fresh(processes=2)
    compiled, broken = bench.js(ASKS), bench.js("export default () => { throw new Error('no') }")
    bench.invoke(compiled, 0, lambda request: 1)
    began, threads = files(), threading.active_count()
    with ThreadPoolExecutor(8) as several:
        for call in [several.submit(bench.invoke, compiled, n, lambda request: 1) for n in range(170)]:
            call.result(60)
        for call in [several.submit(bench.invoke, broken) for _ in range(30)]:
            assert isinstance(call.exception(60), TerminalError)
    assert files() <= began + 1  # of a second process
    for _ in range(3):
        kill(bench)
        bench.invoke(compiled, 0, lambda request: 1)
    bench.driver.stop(5)
    eventually(lambda: threading.active_count() < threads + 1)
    assert files() < began
    assert zombies() == []


def test_memory_does_not_grow_with_calls(fresh):
    bench = fresh(processes=1)
    compiled = bench.js("export default () => 'x'.repeat(100000).length")

    def resident():
        pages = Path(f"/proc/{bench.workers()[0].process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")

    for _ in range(100):
        bench.invoke(compiled)
    began = resident()
    for _ in range(400):
        bench.invoke(compiled)
    assert resident() - began < 16 << 20
