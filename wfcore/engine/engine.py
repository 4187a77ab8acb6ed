"""The engine as one thing: its threads, started and stopped in order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from wfcore.audit import AuditLog
from wfcore.audit.tasks import deny
from wfcore.engine.attempt import ActionContext, Attempt
from wfcore.engine.capacity import Capacity
from wfcore.engine.chores import Chores
from wfcore.engine.dispatch import Admission, Dispatch
from wfcore.engine.exchange import Exchange, NoExchange
from wfcore.engine.herald import Herald
from wfcore.engine.ids import Ids
from wfcore.engine.ledger import Ledger
from wfcore.engine.library import Library
from wfcore.engine.mail import Drain, Ended, Line, Take
from wfcore.engine.owner import Owner
from wfcore.engine.pulse import Alone, Pulse
from wfcore.engine.slots import OwnSlots, SharedSlots
from wfcore.engine.ticker import Ticker
from wfcore.engine.watch import Watch
from wfcore.engine.worker import Catalogue, RetryVoice, Worker
from wfcore.model.nodes import NodeRecord, Offer
from wfcore.model.outcome import Cancelled
from wfcore.model.records import Step
from wfcore.plugins.contracts import Clock, Courier, Dispatcher, Job, Records, SharedStorage, Storage

if TYPE_CHECKING:
    from wfcore.egress.guard import Guard
    from wfcore.secrets.desk import Desk

log = logging.getLogger("workflow.engine")


class Hooks(Admission, RetryVoice, Protocol):
    """What the engine asks and tells plugins."""

    def emit(self, event: str, facts: Mapping[str, Any]) -> None:
        """Tell an event to all listeners; never raises."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the engine is built from; limits as in the configuration, times in seconds.

    ``node`` is what this server is among those on one storage, ``labels`` are those of tasks that run here.
    """

    storage: Storage
    library: Library
    dispatcher: Dispatcher
    actions: Catalogue
    triggers: Callable[[str], Any]
    hooks: Hooks
    egress: Guard
    records: Callable[[str], Records]
    clock: Clock
    node: NodeRecord
    env: Mapping[str, str]
    workflows: int
    labels: Sequence[str]
    retention: float
    remembrance: float
    lease: float
    reread_packages: Callable[[], None]
    audit: AuditLog
    limits: Mapping[str, int]
    secrets: Desk | None = None


class Engine:
    """Owner, workers, herald, ticker and chores of one server."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.node = parts.node
        dispatcher = parts.dispatcher
        self._courier = dispatcher if isinstance(dispatcher, Courier) else None
        capacity = Capacity(parts.workflows, parts.node.tasks)
        if self._courier is not None:  # nothing begins here but what is brought
            capacity.tasks, capacity.offers = 0, parts.node.tasks
        self._ledger = Ledger(parts.storage, parts.library, parts.node.id, capacity)
        self.watch = Watch()
        self._herald = Herald(parts.hooks.emit)
        slots, exchange = self._make_share(parts, capacity)
        self._owner = Owner(parts.storage, self._ledger, slots, exchange, parts.clock, self)
        self._worker = Worker(
            actions=parts.actions,
            blobs=parts.storage,
            egress=parts.egress,
            clock=parts.clock,
            records=parts.records,
            env=parts.env,
            hooks=parts.hooks,
            line=self._line,
            secrets=parts.secrets,
            denied=self._denied,
        )
        self._pulse = self._make_pulse(parts)
        self.dispatch = Dispatch(
            parts.storage,
            parts.library,
            self._owner,
            parts.node.id,
            parts.clock,
            parts.hooks,
            Ids(),
            self._pulse.tell,
            parts.audit,
            parts.limits,
        )
        self.ticker = Ticker(
            parts.storage, parts.library, self.dispatch, parts.clock, parts.triggers, parts.env
        )
        self.chores = Chores(parts.storage, parts.clock, parts.audit, parts.retention, parts.remembrance)
        self._timers = False
        self._left = threading.Event()
        dispatcher.attach(self._run if self._courier is None else self._carried)

    def start(self, *, timers: bool = True) -> None:
        """Take over open executions and go on with them; without ``timers``, no triggers and no chores."""
        self._herald.start()
        self._pulse.join()
        busy = self.node.role != "api"
        self._owner.start(self._dispatch, adopt=busy)
        self._pulse.start()
        if busy and self._courier is not None:
            self._courier.work(self._parts.node.tasks, self._parts.labels)
        self._timers = timers
        if timers:
            self.ticker.start()
            self.chores.start()

    def stop(self, deadline: float) -> None:
        """Let running attempts finish for up to ``deadline`` seconds, then leave them to the next server."""
        until = time.monotonic() + deadline
        if self._timers:
            self.ticker.stop(1.0)
            self.chores.stop(1.0)
        if self._owner.alive:  # else it has not begun, because something failed before
            self._drain(until)
        self._left.set()
        self._owner.stop(max(1.0, until - time.monotonic()))
        self.watch.wake_all()
        self._pulse.stop(1.0)
        self._pulse.leave()
        self._herald.stop(1.0)

    def _drain(self, until: float) -> None:
        drain = Drain()
        self._owner.send(drain)
        drain.heard.wait(max(0.0, until - time.monotonic()))
        self._await_idle(until - 1.0)
        if self._owner.busy:
            log.warning("%d attempts are interrupted and will run again", self._owner.busy)
            self._owner.send(Drain(hard=True))
            self._await_idle(until)
        for attempt in (*self._ledger.attempts.values(), *self._ledger.guests.values()):
            if not attempt.offered:  # it ignores the stop, the stop is no loss
                self._owner.send(Ended(attempt, Cancelled()))
        self._await_idle(time.monotonic() + 1.0)

    @property
    def env(self) -> Mapping[str, str]:
        """The environment variables that expressions may read."""
        return self._parts.env

    @property
    def dispatcher(self) -> Dispatcher:
        """The dispatcher, which whoever built it starts and stops."""
        return self._parts.dispatcher

    def health(self) -> str:
        """Empty when its threads live, else which of them do not."""
        dead = [name for name, alive in self._alive().items() if not alive]
        return f"has no {', '.join(dead)} any more; restart the server" if dead else ""

    def _alive(self) -> dict[str, bool]:
        threads = {"owner": self._owner.alive, "herald": self._herald.alive, "pulse": self._pulse.alive}
        return threads | {"ticker": self.ticker.alive} if self._timers else threads

    def nodes(self) -> Sequence[NodeRecord]:
        """The servers that share the storage, this one included; none where there can be no other."""
        return self._pulse.nodes()

    def running_tasks(self) -> int:
        """How many attempts run now."""
        return self._owner.busy

    def wake_followers(self) -> None:
        """Wake everybody who waits for news of an execution, because the server stops."""
        self.watch.wake_all()

    def workflow_changed(self, namespace: str, id: str) -> None:
        """A workflow was applied, switched or deleted here."""
        self.ticker.changed(namespace, id)
        self._pulse.tell("workflow", namespace, id)

    def packages_changed(self) -> None:
        """A package was installed or removed here."""
        self._pulse.tell("packages")

    def committed(self, steps: Sequence[Step]) -> None:
        """These steps are durable: wake followers, tell hooks."""
        self.watch.committed(steps)
        self._herald.committed(steps)

    def moved(self) -> None:
        """Others may own what was ours: who follows that must look elsewhere."""
        self.watch.wake_all()

    def _make_share(self, parts: Parts, capacity: Capacity) -> tuple[OwnSlots, NoExchange]:
        """The part of this server in what servers on one storage share."""
        storage = parts.storage
        if not isinstance(storage, SharedStorage):
            return OwnSlots(capacity), NoExchange()
        self._ledger.offers = storage.offers
        return (
            SharedSlots(capacity, storage, parts.node.id, parts.workflows, self._tell, self._enter),
            Exchange(storage, self._ledger, capacity, parts.labels, self._tell, self._courier),
        )

    def _tell(self, what: str, *about: str) -> None:
        self._pulse.tell(what, *about)

    def _enter(self) -> None:
        self._pulse.join()

    def _make_pulse(self, parts: Parts) -> Alone:
        storage = parts.storage
        if not isinstance(storage, SharedStorage):
            return Alone()
        return Pulse(storage, parts.node, parts.lease, self._owner.send, self._changed_elsewhere)

    def _changed_elsewhere(self, namespace: str = "", id: str = "") -> None:
        self._parts.library.forget(namespace, id)
        if id:
            self.ticker.changed(namespace, id)
        else:
            self.ticker.changed()
            self._parts.reread_packages()

    def _await_idle(self, until: float) -> None:
        while self._owner.busy and time.monotonic() < until:
            time.sleep(0.01)

    def _dispatch(self, job: Job) -> None:
        if self._courier is None:
            self._parts.dispatcher.dispatch(job)
        else:  # a guest, which nobody else may run any more
            self._run_apart(job)

    def _run_apart(self, job: Job) -> threading.Event:
        ended = threading.Event()

        def run() -> None:
            self._run(job)
            ended.set()

        threading.Thread(target=run, name=f"attempt {job.path}", daemon=True).start()
        return ended

    def _carried(self, job: Job) -> None:
        """Run an attempt that a courier has brought, if it is still to be had."""
        take = Take(Offer(job.execution, job.path, job.attempt, job.label), Future())
        self._owner.send(take)
        while not wait([take.reply], 1.0).done:
            if self._left.is_set():
                return  # the owner has stopped, and answers nobody any more
        if take.reply.result() is not None:
            ended = self._run_apart(job)
            while not (ended.wait(1.0) or self._left.is_set()):
                pass  # an action that does not give way when the server stops does not keep this thread

    def _run(self, job: Job) -> None:
        """Run an attempt the owner has prepared; called on a thread of the dispatcher."""
        attempt = self._ledger.attempt(job)
        if attempt is not None:
            self._owner.send(Ended(attempt, self._worker.run(attempt)))

    def _denied(self, task: ActionContext, type: str, message: str) -> None:
        deny(self._parts.audit, "egress.deny", task, {"action": type, "error": message})

    def _line(self, attempt: Attempt, level: str, message: str) -> None:
        self._owner.send(Line(attempt, level, message))
