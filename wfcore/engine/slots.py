"""Workflow slots: those of a server that is alone, and those that servers on one storage share.

``maxConcurrentWorkflows`` holds for all servers together. Each has some of the slots and uses them without
asking anybody; it asks storage only when it needs more, and gives some back when another one needs them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from wfcore.engine.capacity import Capacity
from wfcore.errors import WorkflowError
from wfcore.model.execution import ExecutionRecord
from wfcore.plugins.contracts import SharedStorage

log = logging.getLogger("workflow.owner")
#: A server that is alone claims at most so many executions that it has no slot for yet.
AHEAD: Final = 100


class OwnSlots:
    """A server that is alone has all slots, and its queue in memory.

    Among others, ``queued`` says that there may be executions which wait for any server.
    """

    shared = False
    queued = False
    #: Whether no other server would run what waits for any, and whether one has come that would.
    alone = crowded = False

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity

    def admit(self, execution: str) -> bool:
        """Take a slot for a new execution, if one is free and nobody waits longer."""
        return self.capacity.admit(execution)

    def grow(self) -> bool:
        """Try to have more slots; whether that helped."""
        return False

    def meet(self, others: int) -> None:
        """The other servers may run so many attempts at once."""
        if self.alone and others:
            self.crowded = True  # until what was claimed ahead has been given back
        self.alone = not others

    def claim(self) -> Sequence[ExecutionRecord]:
        """Executions that wait for any server: for the free slots, and more if no other one has any."""
        return ()

    def take(self, execution: str) -> ExecutionRecord | None:
        """This one of them, slot or not."""
        return None

    def adopted(self, running: int) -> None:
        """So many executions that run were taken over, with their slots."""

    def enter(self) -> None:
        """Enter this server again, if the others took it for dead: before all is read again, or never."""

    def doubt(self) -> None:
        """All has been read again: of the slots only those that are in use are sure."""

    def hear(self, *, queued: bool, slots: bool) -> None:
        """There may be ``slots`` to have, and executions that wait for any server if ``queued``."""

    def want(self, count: int, held: int) -> None:
        """A server that has ``held`` slots wants ``count`` more."""

    def close(self) -> None:
        """Let nothing new run here any more."""

    def settle(self) -> bool:
        """What was handed out is durable: now slots may go to others. Whether another turn is needed."""
        return False


class SharedSlots(OwnSlots):
    """The share of one server among others on one storage. ``tell`` lets these know,
    ``enter`` makes this server one of them.

    ``capacity.workflows`` are the slots that it means to use: never more than storage has given to it.
    Once it asked in vain it is denied; once it gave some away it is generous, and takes some back only for
    what waits here. Both end when it hears that there may be slots.
    """

    shared = True

    def __init__(
        self,
        capacity: Capacity,
        storage: SharedStorage,
        node: str,
        limit: int,
        tell: Callable[..., None],
        enter: Callable[[], None],
    ) -> None:
        super().__init__(capacity)
        self._storage = storage
        self._node = node
        self._limit = limit
        self._tell, self._enter = tell, enter
        self._closed = self._denied = self._generous = False
        self._given: int | None = 0
        capacity.workflows = 0

    def admit(self, execution: str) -> bool:
        if self._closed or self.queued:
            return False
        return super().admit(execution) or (self.grow() and super().admit(execution))

    def grow(self) -> bool:
        have = self.capacity.workflows
        if self._closed or self._denied or self._given is None or self._given >= self._limit:
            return False
        if self._generous and not self.capacity.waiting:
            return False
        step = max(1, have // 2)
        self._given = self._storage.slots(self._node, self._given, self._given + step, self._limit)
        self.capacity.workflows = max(have, min(self._given, have + step))
        self._denied = self.capacity.workflows == have
        if self._denied:
            self._tell("want", self._node, str(max(step, self.capacity.waiting)), str(have))
        return not self._denied

    def claim(self) -> Sequence[ExecutionRecord]:
        free = self.capacity.free
        if not self.queued or free <= 0 or self._closed:
            return ()
        wanted = free + min(self._limit, AHEAD) if self.alone else free
        found = self._storage.claim(self._node, wanted)
        self.queued = len(found) == wanted
        return found

    def take(self, execution: str) -> ExecutionRecord | None:
        return next(iter(self._storage.claim(self._node, 1, execution)), None)

    def adopted(self, running: int) -> None:
        self.capacity.workflows += running
        if self._given is not None:
            self._given += running

    def enter(self) -> None:
        self._enter()

    def doubt(self) -> None:
        self.capacity.workflows = len(self.capacity.admitted)
        self._given = None

    def hear(self, *, queued: bool, slots: bool) -> None:
        if slots:
            self._denied = self._generous = False
        self.queued = self.queued or queued

    def want(self, count: int, held: int) -> None:
        mine = self.capacity.workflows
        give = min(count, max(0, self.capacity.free))
        if held < mine:  # what is in use goes to a poorer one, as it becomes free
            give = max(give, min(count, max((mine - held) // 2, held == 0)))
        self.capacity.workflows -= give
        self._generous = self._generous or give > 0

    def close(self) -> None:
        self._closed = True

    def settle(self) -> bool:
        used = max(self.capacity.workflows, len(self.capacity.admitted))
        before = self._given
        if before is not None and before <= used:
            return False
        try:
            self._given = self._storage.slots(self._node, used, used, self._limit)
        except WorkflowError as error:
            log.warning("the slots of this server are not known: %s", error)
            self._given = None
            return False
        if before is None:
            return True
        self._tell("room", self._node)
        return False
