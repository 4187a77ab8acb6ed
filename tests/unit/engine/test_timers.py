"""Timers ring in order, once, and leave the heap when they no longer apply."""

from hypothesis import given
from hypothesis import strategies as st

from wfcore.engine.timers import SLACK, Timer, Timers


def timer(at, what="due", execution="e", path="", attempt=0):
    return Timer(at, what, execution, path, attempt)


def test_they_ring_in_order_and_once():
    timers = Timers()
    for at in (30, 10, 20):
        timers.add(timer(at, path=str(at)))
    assert timers.next_at() == 10
    assert [t.at for t in timers.pop_due(20)] == [10, 20]
    assert list(timers.pop_due(20)) == []
    assert timers.next_at() == 30
    assert [t.at for t in timers.pop_due(30)] == [30]
    assert timers.next_at() is None


def test_at_the_same_time_the_first_come_rings_first():
    timers = Timers()
    for path in "cab":
        timers.add(timer(5, path=path))
    assert [t.path for t in timers.pop_due(5)] == ["c", "a", "b"]


def test_one_for_the_same_thing_replaces_the_last():
    timers = Timers()
    timers.add(timer(10))
    timers.add(timer(20))
    assert timers.next_at() == 20
    assert list(timers.pop_due(15)) == []
    timers.add(timer(12))
    assert [t.at for t in timers.pop_due(100)] == [12]


def test_what_differs_in_anything_is_another_thing():
    timers = Timers()
    things = [
        timer(1),
        timer(1, what="deadline"),
        timer(1, execution="f"),
        timer(1, path="a"),
        timer(1, attempt=1),
    ]
    for thing in things:
        timers.add(thing)
    assert list(timers.pop_due(1)) == things


def test_what_is_withdrawn_does_not_ring():
    timers = Timers()
    timers.add(timer(10, path="a"))
    timers.add(timer(20, path="b"))
    timers.withdraw("due", "e", "a")
    timers.withdraw("due", "e", "nobody")
    assert timers.next_at() == 20
    assert [t.path for t in timers.pop_due(99)] == ["b"]


def test_the_heap_follows_what_is_live():
    timers = Timers()
    for number in range(20_000):
        timers.add(timer(10**9 + number, attempt=number))
        timers.withdraw("due", "e", "", number)
    assert len(timers._heap) <= SLACK + 2
    for number in range(20_000):
        timers.add(timer(10**9 - number))
    assert len(timers._heap) <= 2 + SLACK + 1
    assert timers.next_at() == 10**9 - 19_999


def test_clearing_forgets_all():
    timers = Timers()
    timers.add(timer(1))
    timers.clear()
    assert timers.next_at() is None
    assert list(timers.pop_due(99)) == []


@given(
    st.lists(st.tuples(st.sampled_from(["add", "withdraw", "pop"]), st.integers(0, 5), st.integers(0, 50)))
)
def test_like_a_dictionary_of_times(acts):
    timers, model = Timers(), {}
    for act, thing, at in acts:
        path = str(thing)
        if act == "add":
            timers.add(timer(at, path=path))
            model[path] = at
        elif act == "withdraw":
            timers.withdraw("due", "e", path)
            model.pop(path, None)
        else:
            due = {p for p, when in model.items() if when <= at}
            rung = list(timers.pop_due(at))
            assert {t.path for t in rung} == due
            assert [t.at for t in rung] == sorted(model.pop(p) for p in due)
        assert timers.next_at() == min(model.values(), default=None)
