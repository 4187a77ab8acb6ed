"""Execution ids sort by time and never repeat."""

import os
import threading
import uuid

from wfcore.engine.ids import Ids

NOW = 1_767_225_600_123_456


def test_the_id_says_its_time():
    id = uuid.UUID(Ids().make(NOW))
    assert id.version == 7
    assert id.variant == uuid.RFC_4122
    assert id.int >> 80 == NOW // 1000


def test_ids_sort_by_time_below_the_millisecond():
    ids = Ids()
    made = [ids.make(NOW + step) for step in range(0, 5000, 7)]
    assert made == sorted(made)


def test_ids_grow_when_the_clock_stands_or_goes_back():
    ids = Ids()
    made = [ids.make(NOW - step // 3) for step in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {uuid.UUID(id).version for id in made} == {7}


def test_two_servers_do_not_meet():
    assert Ids().make(NOW) != Ids().make(NOW)


def chance(id):
    return uuid.UUID(id).int & (1 << 62) - 1


def test_what_is_random_never_comes_again():
    ids = Ids()
    assert len({chance(ids.make(NOW)) for _ in range(5000)}) == 5000


def test_a_fork_draws_something_else():
    ids = Ids()
    ids.make(NOW)
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            os.write(writing, ids.make(NOW).encode())
        finally:
            os._exit(0)
    os.close(writing)
    theirs = os.read(reading, 100).decode()
    os.close(reading)
    os.waitpid(child, 0)
    assert chance(theirs) != chance(ids.make(NOW))


def test_from_many_threads():
    ids, made = Ids(), [[] for _ in range(4)]

    def work(mine):
        mine.extend(ids.make(NOW) for _ in range(2000))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id for mine in made for id in mine}) == 8000
    assert all(mine == sorted(mine) for mine in made)
