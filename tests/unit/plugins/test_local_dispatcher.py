"""The threads of the `local` dispatcher: one for each job that takes time, few for those that take none."""

import random
import threading
import time
from queue import SimpleQueue

import pytest

from wfcore.api import Job
from wfcore_plugins.dispatchers.local import LocalDispatcher


def job(number):
    return Job("execution", f"task{number}", 1, f"key{number}", "")


@pytest.fixture
def dispatcher():
    made = LocalDispatcher({}, None)
    yield made
    made.stop(5.0)
    assert not [thread for thread in made._threads if thread.is_alive()]


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.001)


def noted_in(ran, go_on):
    """Runs a job: the first waits until it may ``go_on``, and each is noted when it is done."""

    def run(job):
        if job.path == "task0":
            go_on.wait(10)
        ran.append(job.path)

    return run


def test_jobs_that_wait_for_each_other_all_run(dispatcher):
    together = threading.Barrier(50)
    dispatcher.attach(lambda _: together.wait(10))
    for round in range(3):
        for number in range(50):
            dispatcher.dispatch(job(number))
        until(lambda: together.n_waiting == 0 and dispatcher._idle == len(dispatcher._threads))
        assert not together.broken
        assert 50 <= len(dispatcher._threads) <= 51, round


def test_a_job_that_waits_keeps_nobody(dispatcher):
    go_on, ran = threading.Event(), []
    dispatcher.attach(noted_in(ran, go_on))
    for number in range(100):
        dispatcher.dispatch(job(number))
    until(lambda: len(ran) == 99)
    go_on.set()
    until(lambda: len(ran) == 100)


class Calls(SimpleQueue):
    """Who is called comes when the ``gate`` is open."""

    def __init__(self):
        self.gate, self.made = threading.Event(), 0
        self.gate.set()

    def put(self, call):
        self.made += 1
        super().put(call)

    def get(self):
        call = super().get()
        self.gate.wait(10)
        return call


def test_jobs_that_take_no_time_call_one_thread_at_a_time(dispatcher):
    """Each would call a thread of its own otherwise, since all are idle."""
    together, ran = threading.Barrier(50), []
    calls = dispatcher._calls = Calls()
    dispatcher.attach(lambda _: together.wait(10))
    for number in range(50):
        dispatcher.dispatch(job(number))
    until(lambda: dispatcher._idle >= 50)
    dispatcher.attach(lambda job: ran.append(job.path))
    calls.gate.clear()
    calls.made = 0
    for number in range(2000):
        dispatcher.dispatch(job(number))
    assert calls.made == 1, "one is on its way"
    calls.gate.set()
    until(lambda: len(ran) == 2000)
    assert len(set(ran)) == 2000


def test_each_job_runs_once_whoever_brings_it(dispatcher):
    chance, ran = random.Random(7), []
    pauses = [chance.choice((0, 0, 0, 0.0005)) for _ in range(4000)]

    def run(job):
        time.sleep(pauses[int(job.path[4:])])
        ran.append(job.path)

    def bring(first):
        for number in range(first, 4000, 8):
            dispatcher.dispatch(job(number))
            time.sleep(pauses[-number])

    dispatcher.attach(run)
    bringing = [threading.Thread(target=bring, args=(first,)) for first in range(8)]
    for thread in bringing:
        thread.start()
    for thread in bringing:
        thread.join()
    until(lambda: len(ran) == 4000)
    assert len(set(ran)) == 4000


def test_where_there_are_no_more_threads(dispatcher, monkeypatch):
    """What cannot be begun is refused, and nothing else suffers."""
    go_on, ran = threading.Event(), []
    dispatcher.attach(noted_in(ran, go_on))
    dispatcher.dispatch(job(0))
    until(lambda: not dispatcher._coming)

    def no_thread(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(RuntimeError):
        dispatcher.dispatch(job(1))
    go_on.set()
    until(lambda: ran == ["task0"] and dispatcher._idle == 1)
    dispatcher.dispatch(job(2))
    dispatcher.dispatch(job(3))
    until(lambda: ran == ["task0", "task2", "task3"])
    monkeypatch.undo()
