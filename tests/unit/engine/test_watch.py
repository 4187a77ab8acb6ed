"""Who follows an execution is woken by its news, and only by those."""

import threading
from dataclasses import replace

from wfcore.engine.watch import Watch
from wfcore.model.execution import ExecutionRecord
from wfcore.model.records import Step


def step(id, seq, state="RUNNING"):
    return Step(ExecutionRecord(id, "default", "flow", 1, state, seq=seq))


def test_news_wakes_those_who_have_not_heard_it():
    watch = Watch()
    with watch.on("a", 3) as behind, watch.on("a", 5) as ahead, watch.on("b", 0) as other:
        watch.committed([step("a", 5)])
        assert (behind.event.is_set(), ahead.event.is_set(), other.event.is_set()) == (True, False, False)
        watch.committed([step("a", 6), step("c", 1)])
        assert ahead.event.is_set()
        assert not other.event.is_set()


def test_the_end_wakes_everybody_who_follows():
    watch = Watch()
    with watch.on("a", 2**62) as waiting:
        watch.committed([step("a", 9)])
        assert not waiting.event.is_set()
        assert waiting.ended is None
        watch.committed([step("a", 10, "FAILED")])
        assert waiting.event.is_set()
        assert (waiting.ended.seq, waiting.ended.state) == (10, "FAILED")


def test_who_follows_what_will_go_on_elsewhere_is_woken_to_look_there():
    watch = Watch()
    with watch.on("a", 2**62) as waiting:
        watch.committed([replace(step("a", 9), queues=True)])
        assert waiting.event.is_set()


def test_nobody_is_left_behind():
    watch = Watch()
    with watch.on("a", 0), watch.on("a", 0):
        pass
    assert watch._waiters == {}
    watch.committed([step("a", 1)])


def test_all_are_woken_when_the_server_stops():
    watch = Watch()
    with watch.on("a", 0) as one, watch.on("b", 2**62) as two:
        watch.wake_all()
        assert one.event.is_set()
        assert two.event.is_set()


def test_registering_and_telling_at_the_same_time():
    watch, missed, stop = Watch(), [], threading.Event()

    def tell():
        number = 0
        while not stop.is_set():
            number += 1
            watch.committed([step("a", number)])

    teller = threading.Thread(target=tell)
    teller.start()
    for _ in range(300):
        with watch.on("a", 0) as waiter:
            missed.append(not waiter.event.wait(5))
    stop.set()
    teller.join()
    assert not any(missed)
