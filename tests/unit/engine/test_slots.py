"""How much a server claims of what waits for any of them."""

import pytest

from wfcore.engine.capacity import Capacity
from wfcore.engine.slots import AHEAD, SharedSlots


class Asked:
    """A storage with nothing in the queue."""

    def __init__(self):
        self.limits = []

    def claim(self, node, limit):
        self.limits.append(limit)
        return []


@pytest.mark.parametrize(
    ("limit", "others", "claimed"),
    [(10_000, 0, 5 + AHEAD), (20, 0, 25), (10_000, 3, 5)],
)
def test_who_is_alone_claims_ahead_but_not_the_whole_queue(limit, others, claimed):
    capacity, storage = Capacity(5, 5), Asked()
    slots = SharedSlots(capacity, storage, "n", limit, print, print)
    capacity.workflows = 5
    slots.meet(others)
    slots.hear(queued=True, slots=False)
    assert slots.claim() == []
    assert storage.limits == [claimed]
    assert not slots.queued, "it has seen the whole queue"


def test_only_who_was_alone_is_crowded_by_others_and_hears_it_once():
    slots = SharedSlots(Capacity(5, 5), Asked(), "n", 10, print, print)
    seen = []
    for others in (3, 0, 0, 2, 2):
        slots.meet(others)
        seen.append(slots.crowded)
    assert seen == [False, False, False, True, True], "until it is dealt with, whatever comes in between"
