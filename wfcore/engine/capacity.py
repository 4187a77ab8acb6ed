"""Who may run now: the two limits of a server, held exactly, and the queues before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from dataclasses import dataclass, field

from wfcore.model.execution import ExecutionRecord

#: So many PENDING executions wait in memory with their row; of the others only the id is kept.
ROWS_IN_MEMORY = 1000


@dataclass(slots=True)
class Capacity:
    """``workflows`` executions may be RUNNING and ``tasks`` attempts may run at the same time.

    What waits again (after a pause, a restart) goes ahead of what is new. ``admitted`` are the
    executions that hold a workflow slot; ``busy`` counts the attempts that hold a task slot,
    ``offered`` those that other servers run or may run, of which there may be ``offers``.
    """

    workflows: int
    tasks: int
    admitted: set[str] = field(default_factory=set)
    busy: int = 0
    offers: int = 0
    offered: int = 0
    _again: deque[str] = field(default_factory=deque)
    _new: deque[ExecutionRecord | str] = field(default_factory=deque)
    _ready: deque[tuple[str, str]] = field(default_factory=deque)
    _withdrawn: set[str] = field(default_factory=set)

    def admit(self, execution: str) -> bool:
        """Take a workflow slot, if one is free and nobody waits longer."""
        if execution in self.admitted:
            return True
        if len(self.admitted) >= self.workflows or self._again or self._new:
            return False
        self.admitted.add(execution)
        return True

    def release(self, execution: str) -> None:
        """Give the workflow slot back; harmless when there was none."""
        self.admitted.discard(execution)

    def wait_new(self, record: ExecutionRecord) -> None:
        """Queue a PENDING execution for a workflow slot."""
        self._new.append(record if len(self._new) < ROWS_IN_MEMORY else record.id)

    def withdraw(self, execution: str) -> None:
        """A PENDING execution has ended without ever holding a slot."""
        self._withdrawn.add(execution)
        if len(self._withdrawn) == len(self._new):  # nobody else waits, so no slot need come for these to go
            self._new.clear()
            self._withdrawn.clear()

    def is_new(self, execution: str) -> bool:
        """Whether this one is among those that wait here to run for the first time."""
        return any(_id(each) == execution for each in self._new)

    def dismiss_new(self, but: Container[str]) -> list[ExecutionRecord | str]:
        """Nobody waits here any more to run for the first time, ``but`` these; who did."""
        waiting = [each for each in self._new if _id(each) not in self._withdrawn]
        self._new = deque(each for each in waiting if _id(each) in but)
        self._withdrawn.clear()
        return [each for each in waiting if _id(each) not in but]

    def wait_again(self, execution: str) -> None:
        """Queue an execution that has run before, ahead of new ones."""
        if execution not in self._again:
            self._again.append(execution)

    def leave(self, execution: str) -> None:
        """It has ended, and waits no longer to run again."""
        if self._again and execution in self._again:
            self._again.remove(execution)

    def next_execution(self) -> ExecutionRecord | str | None:
        """Who gets the free workflow slot, if there is one; the slot is taken."""
        while len(self.admitted) < self.workflows and (self._again or self._new):
            chosen = self._again.popleft() if self._again else self._new.popleft()
            id = _id(chosen)
            if id in self._withdrawn:
                self._withdrawn.discard(id)
                continue
            self.admitted.add(id)
            return chosen
        return None

    @property
    def waiting(self) -> int:
        """How many executions wait here for a workflow slot."""
        return len(self._again) + len(self._new) - len(self._withdrawn)

    @property
    def free(self) -> int:
        """How many workflow slots are free; less than none when fewer are to be used from now on."""
        return self.workflows - len(self.admitted)

    def take(self) -> bool:
        """Take a task slot, if one is free."""
        if self.busy >= self.tasks:
            return False
        self.busy += 1
        return True

    def lend(self, *, always: bool = False) -> bool:
        """Count an attempt that other servers run, if there may be more of them; ``always`` there may."""
        if not always and self.offered >= self.offers:
            return False
        self.offered += 1
        return True

    def give_back(self, *, offered: bool = False) -> None:
        """An attempt has come back."""
        if offered:
            self.offered -= 1
        else:
            self.busy -= 1

    def queue_task(self, execution: str, path: str) -> None:
        """Queue a ready task for a task slot."""
        self._ready.append((execution, path))

    def next_task(self) -> tuple[str, str] | None:
        """Who gets the free task slot, or may be offered, if anybody; no slot is taken yet."""
        if not self._ready or (self.busy >= self.tasks and self.offered >= self.offers):
            return None
        return self._ready.popleft()

    @property
    def tasks_queued(self) -> bool:
        """Whether ready tasks wait for a slot."""
        return bool(self._ready)

    def forget(self) -> None:
        """Empty the queues and give all workflow slots back; attempts that run keep theirs."""
        for queue in (self._again, self._new, self._ready):
            queue.clear()
        self.admitted.clear()
        self._withdrawn.clear()


def _id(waiting: ExecutionRecord | str) -> str:
    return waiting if isinstance(waiting, str) else waiting.id
