"""The two limits of a server and the queues before them."""

from wfcore.engine.capacity import ROWS_IN_MEMORY, Capacity
from wfcore.model.execution import ExecutionRecord


def record(id):
    return ExecutionRecord(id, "default", "flow", 1)


def drain(capacity):
    """Who gets the slots, one after the other, each giving its slot back at once."""
    order = []
    while (chosen := capacity.next_execution()) is not None:
        id = chosen if isinstance(chosen, str) else chosen.id
        order.append(id)
        capacity.release(id)
    return order


def test_so_many_executions_and_no_more():
    capacity = Capacity(2, 1)
    assert capacity.admit("a")
    assert capacity.admit("b")
    assert not capacity.admit("c")
    assert capacity.admit("a"), "it holds a slot: asking again changes nothing"
    capacity.release("a")
    capacity.release("a")
    assert capacity.admit("c")
    assert not capacity.admit("d")


def test_nobody_overtakes_those_who_wait():
    capacity = Capacity(1, 1)
    capacity.admit("a")
    capacity.wait_new(record("b"))
    capacity.release("a")
    assert not capacity.admit("c"), "the slot is free, but b is before it"
    capacity.wait_new(record("c"))
    assert drain(capacity) == ["b", "c"]


def test_what_ran_before_goes_ahead_of_what_is_new():
    capacity = Capacity(1, 1)
    for id in ("new1", "new2"):
        capacity.wait_new(record(id))
    for id in ("again1", "again2", "again1"):
        capacity.wait_again(id)
    assert drain(capacity) == ["again1", "again2", "new1", "new2"]


def test_the_chosen_one_holds_its_slot():
    capacity = Capacity(1, 1)
    capacity.wait_new(record("a"))
    capacity.wait_new(record("b"))
    assert capacity.next_execution().id == "a"
    assert capacity.next_execution() is None
    assert capacity.admitted == {"a"}


def test_who_has_ended_is_passed_over():
    capacity = Capacity(1, 1)
    for id in "abc":
        capacity.wait_new(record(id))
    capacity.withdraw("a")
    capacity.withdraw("c")
    assert drain(capacity) == ["b"]
    assert not capacity.admitted


def test_of_a_long_queue_only_the_first_rows_are_kept():
    capacity = Capacity(1, 1)
    for number in range(ROWS_IN_MEMORY + 10):
        capacity.wait_new(record(f"{number:05}"))
    kept = [entry for entry in capacity._new if not isinstance(entry, str)]
    assert len(kept) == ROWS_IN_MEMORY
    assert drain(capacity) == [f"{number:05}" for number in range(ROWS_IN_MEMORY + 10)]


def test_so_many_tasks_and_no_more():
    capacity = Capacity(1, 2)
    assert [capacity.take() for _ in range(3)] == [True, True, False]
    capacity.give_back()
    assert capacity.take()


def test_tasks_wait_in_line():
    capacity = Capacity(1, 1)
    assert not capacity.tasks_queued
    capacity.queue_task("e", "a")
    capacity.queue_task("f", "b")
    assert capacity.tasks_queued
    assert capacity.next_task() == ("e", "a")
    capacity.take()
    assert capacity.next_task() is None, "no slot is free"
    capacity.give_back()
    assert capacity.next_task() == ("f", "b")
    assert capacity.next_task() is None


def test_forgetting_leaves_the_attempts_that_run():
    capacity = Capacity(2, 2)
    capacity.admit("a")
    capacity.wait_new(record("b"))
    capacity.wait_again("c")
    capacity.withdraw("b")
    capacity.queue_task("a", "x")
    capacity.take()
    capacity.forget()
    assert (capacity.admitted, capacity.busy, capacity.tasks_queued) == (set(), 1, False)
    capacity.wait_new(record("b"))
    assert drain(capacity) == ["b"], "what was withdrawn before is not withdrawn now"
