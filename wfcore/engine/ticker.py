"""Fires timed triggers: one thread that sleeps until the next tick of any of them is due."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from wfcore.engine import schedule, timers
from wfcore.engine.dispatch import Dispatch, Request
from wfcore.engine.flow import SECOND
from wfcore.engine.library import Library
from wfcore.errors import Conflict, NotFound, Unavailable, WorkflowError
from wfcore.model.records import Tick, TriggerRecord
from wfcore.model.values import Scope
from wfcore.model.workflow import Trigger
from wfcore.plugins.contracts import Clock, Storage, TimedTrigger

log = logging.getLogger("workflow.ticker")
#: After a failure that may pass, a trigger is looked at again so much later (microseconds).
PAUSE = 5 * SECOND
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Timed:
    """What the ticker needs to know of a trigger beyond its row."""

    trigger: Trigger
    due: schedule.Due
    policy: schedule.Policy


class Ticker:
    """Keeps the next due time of each timed trigger; rows are read at start and when a workflow changes."""

    def __init__(
        self,
        storage: Storage,
        library: Library,
        dispatch: Dispatch,
        clock: Clock,
        drivers: Callable[[str], Any],
        env: Mapping[str, str],
    ) -> None:
        self._storage = storage
        self._library = library
        self._dispatch = dispatch
        self._clock = clock
        self._drivers = drivers
        self._env = env
        self._rows: dict[Key, TriggerRecord] = {}
        self._wakes: list[tuple[int, Key]] = []
        self._wake_at: dict[Key, int] = {}
        self._changed: list[tuple[str | None, str | None]] = []
        self._wake = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._loop, name="ticker", daemon=True)

    def start(self) -> None:
        """Read all triggers and begin."""
        self._read(self._storage.triggers())
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Fire nothing more."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    @property
    def alive(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    def changed(self, namespace: str | None = None, workflow: str | None = None) -> None:
        """A workflow, or any, was applied, enabled, disabled or deleted: read its triggers again."""
        with self._wake:
            self._changed.append((namespace, workflow))
            self._wake.notify()

    def _loop(self) -> None:
        while self._sleep():
            try:
                self._reread()
                self._fire_due()
            except Exception:
                log.exception("the ticker failed; it goes on in %d s", PAUSE // SECOND)
                with self._wake:
                    self._wake.wait(PAUSE / SECOND)

    def _sleep(self) -> bool:
        """Until something is due or has changed; False when the server stops."""
        with self._wake:
            while not (self._stopped or self._changed):
                if not self._wakes:
                    self._wake.wait()
                    continue
                left = (self._wakes[0][0] - self._clock.now()) / SECOND
                if left <= 0:
                    break
                self._wake.wait(min(left, timers.LOOK))
            return not self._stopped

    def _reread(self) -> None:
        with self._wake:
            changed, self._changed = self._changed, []
        try:
            read = {names: self._storage.triggers(*names) for names in changed}
        except BaseException:
            with self._wake:
                self._changed += changed
            raise
        for (namespace, workflow), rows in read.items():
            for key in [key for key in self._rows if workflow is None or key[:2] == (namespace, workflow)]:
                del self._rows[key]
            self._read(rows)

    def _read(self, rows: Iterable[TriggerRecord]) -> None:
        for row in rows:
            if row.next_at is not None:
                key = (row.namespace, row.workflow, row.name)
                self._rows[key] = row
                self._wake_for(key, row.next_at)

    def _fire_due(self) -> None:
        now = self._clock.now()
        while self._wakes and self._wakes[0][0] <= now:
            at, key = heapq.heappop(self._wakes)
            row = self._rows.get(key)
            if row is not None and self._wake_at.get(key) == at:
                self._settle(key, row, now)

    def _settle(self, key: Key, row: TriggerRecord, now: int) -> None:
        """Fire what is due of one trigger and set its next wake."""
        try:
            wake_at = self._plan(key, row, now)
        except Unavailable as error:
            log.warning(
                "trigger %s of %s/%s cannot fire now: %s", row.name, row.namespace, row.workflow, error
            )
            wake_at = now + PAUSE
        except WorkflowError as error:
            log.error("trigger %s of %s/%s is given up: %s", row.name, row.namespace, row.workflow, error)
            wake_at = None
        except Exception:
            log.exception("trigger %s of %s/%s hit a bug", row.name, row.namespace, row.workflow)
            wake_at = now + PAUSE
        if wake_at is None:
            self._rows.pop(key, None)
        else:
            self._wake_for(key, wake_at)

    def _wake_for(self, key: Key, at: int) -> None:
        """Look at this trigger then; an earlier wake for it is void."""
        self._wake_at[key] = at
        heapq.heappush(self._wakes, (at, key))

    def _plan(self, key: Key, row: TriggerRecord, now: int) -> int | None:
        timed = self._timed(row)
        plan = schedule.plan(row, timed.due, timed.policy, now)
        if plan.skipped is not None:
            log.warning("trigger %s of %s/%s missed ticks", row.name, row.namespace, row.workflow)
        if not plan.fire and plan.next_at != row.next_at:
            self._storage.move_trigger(row, plan.next_at)
        for due_at, next_at in plan.ticks():
            self._fire(row, timed.trigger, due_at, next_at)
            row = replace(row, next_at=next_at)
        self._rows[key] = replace(row, next_at=plan.next_at)
        return plan.wake_at

    def _fire(self, row: TriggerRecord, trigger: Trigger, due_at: int, next_at: int | None) -> None:
        """Create the execution of one tick, in one transaction with the tick's row; ``row`` is as stored."""
        tick = Tick(row.namespace, row.workflow, row.name, due_at, next_at)
        payload = {"due_at": schedule.EPOCH + due_at * schedule.MICROSECOND}
        try:
            request = fired(self._library, row, trigger, payload, due_at, self._env, tick=tick)
            if request is not None:
                self._dispatch.submit(request)
                return
        except Unavailable:
            raise
        except (Conflict, NotFound) as error:
            log.info("trigger %s of %s/%s: %s", row.name, row.namespace, row.workflow, error)
        except WorkflowError as error:
            log.error("trigger %s of %s/%s: %s", row.name, row.namespace, row.workflow, error)
        self._storage.move_trigger(row, next_at)

    def _timed(self, row: TriggerRecord) -> Timed:
        workflow = self._library.current(row.namespace, row.workflow).workflow
        trigger = next((t for t in workflow.triggers if t.name == row.name), None)
        if trigger is None:
            raise NotFound(f"workflow {workflow.address} has no trigger {row.name}")
        return timed(trigger, self._drivers(trigger.kind))


def timed(trigger: Trigger, driver: TimedTrigger) -> Timed:
    """A trigger with its driver's arithmetic and its policy."""
    return Timed(trigger, lambda after: driver.due(trigger.spec, after), schedule.Policy.of(trigger.spec))


def fired(
    library: Library,
    row: TriggerRecord,
    trigger: Trigger,
    payload: Mapping[str, Any],
    now: int,
    env: Mapping[str, str],
    *,
    tick: Tick | None = None,
    key: str | None = None,
) -> Request | None:
    """The request a trigger makes when it fires; None when its ``if`` does not hold.

    Its ``inputs`` and ``if`` see ``trigger``, ``workflow`` and ``env``.
    """
    workflow = library.current(row.namespace, row.workflow).workflow
    about = {"id": workflow.id, "namespace": workflow.namespace, "labels": dict(workflow.labels)}
    plain = {key: _text(value) for key, value in payload.items()}
    named = {**plain, "kind": row.kind, "name": row.name}
    scope = Scope(
        {"trigger": named, "workflow": about, "env": env},
        now,
        f"{row.namespace}/{row.workflow}/{row.name}:{now}",
    )
    if trigger.condition is not None and not trigger.condition.evaluate(scope):
        return None
    inputs = trigger.inputs.evaluate(scope) if trigger.inputs is not None else {}
    return Request(row.namespace, row.workflow, inputs, row.kind, row.name, plain, key=key, tick=tick)


def _text(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
