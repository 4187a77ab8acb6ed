"""What is durable in the simulation: the storage contract over dictionaries. It survives every server."""

import hashlib
from contextlib import contextmanager
from dataclasses import fields, replace
from operator import attrgetter

from tests.simulation.permits import Permits
from wfcore.api import ExecutionRecord, NotFound, Offer, TaskRecord, Unavailable
from wfcore.model.execution import OPEN

_COLUMNS = attrgetter(*(field.name for field in fields(ExecutionRecord)))
_CELLS = attrgetter(*(field.name for field in fields(TaskRecord)))


def copied(record):
    """Another row with the same content, as a database would give it."""
    if isinstance(record, TaskRecord):
        return TaskRecord(*_CELLS(record))
    return ExecutionRecord(*_COLUMNS(record))


class Draft:
    """What a group would make of one execution, before it is known that the whole group can be written."""

    def __init__(self, step, tasks, facts):
        self.create, self.owner, self.epoch = step.create, step.execution.owner, step.execution.epoch
        self.record, self.tick = step.execution, step.tick
        self.tasks, self.facts, self.taken = tasks, facts, []
        self.asks, self.frees, self.queues = {}, {}, False

    def add(self, step):
        self.record = step.execution
        self.tasks = {**self.tasks, **{task.path: task for task in step.tasks}}
        self.facts = [*self.facts, *step.facts]
        self.taken = [*self.taken, *step.taken]
        self.queues = self.queues or step.queues
        for permit in step.frees:
            self.asks.pop(permit.path, None)
            self.frees[permit.path] = permit
        self.asks |= {permit.path: permit for permit in step.asks}


class Memory:
    """``alive`` are the owners whose lease holds: what is theirs is not adopted."""

    def __init__(self):
        self.rows, self.task_rows, self.fact_rows = {}, {}, {}
        self.keys, self.ticks, self.messages, self.blobs = {}, {}, [], {}
        self.flows, self.trigger_rows = {}, {}
        self.alive, self.shares, self.shared = set(), {}, False
        self.offered, self.missed = {}, set()
        self._posted = 0
        self.permit_table = Permits(self)
        self.entries = []

    def start(self):
        """There is nothing to open."""

    def stop(self, deadline):
        """There is nothing to close."""

    def commit(self, steps, notify=()):
        if self.shared and any(step.admits and step.execution.owner not in self.alive for step in steps):
            raise Unavailable("the other servers took this one for dead")
        drafts, refused = {}, set()
        for step in steps:
            id = step.execution.id
            if id in refused:
                continue
            draft = drafts.get(id)
            if draft is None and self._acceptable(step, drafts):
                tasks = {} if step.create else self.task_rows[id]
                draft = drafts[id] = Draft(step, tasks, [] if step.create else self.fact_rows[id])
            elif draft is None or step.create or _lease(step) != (draft.owner, draft.epoch):
                refused.add(id)
                continue
            draft.add(step)
        for id, draft in drafts.items():
            numbers = [fact.seq for fact in draft.facts]
            if len(set(numbers)) != len(numbers):
                raise ValueError(f"two facts of {id} have one number")
        for id, draft in drafts.items():
            self._write(id, draft)
        self.permit_table.write(drafts)
        return frozenset(refused)

    def _acceptable(self, step, drafts):
        record, tick = step.execution, step.tick
        if not step.create:
            row = self.rows.get(record.id)
            return row is not None and _lease(step) == (row.owner, row.epoch)
        new = [draft for draft in drafts.values() if draft.create]
        keys = self.keys.keys() | {_key(draft.record) for draft in new}
        ticks = self.ticks.keys() | {due(draft.tick) for draft in new if draft.tick}
        return (
            record.id not in self.rows
            and (record.key is None or _key(record) not in keys)
            and (tick is None or due(tick) not in ticks)
        )

    def _write(self, id, draft):
        record = draft.record
        if draft.create:
            self.rows[id] = copied(record)
            if record.key is not None:
                self.keys[_key(record)] = id
            if draft.tick is not None:
                self.ticks[due(draft.tick)] = id
                self._move(draft.tick)
        else:
            before = self.rows[id]
            row = copied(record)
            row.owner, row.epoch = before.owner, before.epoch + draft.queues
            if draft.queues:
                row.owner = None
            self.rows[id] = row
        self.task_rows[id] = {path: copied(task) for path, task in draft.tasks.items()}
        self.fact_rows[id] = draft.facts
        self.messages = [message for message in self.messages if message.id not in draft.taken]

    def _move(self, tick):
        key = (tick.namespace, tick.workflow, tick.trigger)
        row = self.trigger_rows.get(key)
        if row is not None and row.next_at <= tick.due_at:
            self.trigger_rows[key] = replace(row, next_at=tick.next_at)

    def adopt(self, owner, limit):
        living = {owner, None, *self.alive} if self.shared else {owner, *self.alive}
        found = [r for r in self.rows.values() if r.state in OPEN and r.owner not in living]
        taken = sorted(found, key=lambda row: (row.state == "PENDING", row.id))[:limit]
        for row in taken:
            row.owner, row.epoch = owner, row.epoch + 1
            if owner in self.alive:
                self.shares[owner] += row.state == "RUNNING"
        return [copied(row) for row in taken]

    def join(self, name):
        running = [row for row in self.rows.values() if row.state == "RUNNING" and row.owner == name]
        if name not in self.alive:
            self.shares[name] = len(running)
        self.alive.add(name)

    def slots(self, node, held, wanted, limit):
        if node not in self.alive:
            return 0
        orphans = [r for r in self.rows.values() if r.state == "RUNNING" and r.owner not in self.alive]
        others = sum(self.shares[name] for name in self.alive - {node})
        self.shares[node] = max(held, min(wanted, limit - others - len(orphans)))
        return self.shares[node]

    def queue(self):
        return sorted(id for id, row in self.rows.items() if row.state == "PENDING" and row.owner is None)

    def claim(self, node, limit, only=None):
        found = [self.rows[id] for id in self.queue() if only in (None, id)][:limit]
        for row in found:
            row.owner, row.epoch = node, row.epoch + 1
        return [copied(row) for row in found]

    def offer(self, offers):
        for each in offers:
            self.offered.setdefault(each.key, each)

    def has_offers(self, node):
        return any(
            each.node is None or (each.node == node and each.stop) or each.node not in self.alive
            for each in self.offered.values()
        )

    def take_offers(self, node, labels, limit, only=None):
        free = [each for each in self.offered.values() if each.node is None and each.label in ("", *labels)]
        taken = [each for each in free if only is None or only.key == each.key][:limit]
        for each in taken:
            self.offered[each.key] = replace(each, node=node)
        return [self.offered[each.key] for each in taken]

    def deliver(self, node, messages):
        keys = [(message.execution, message.path, message.attempt) for message in messages]
        mine = {key for key in keys if key in self.offered and self.offered[key].node == node}
        for key, message in zip(keys, messages, strict=True):
            if key in mine:
                self.post(message)
                if message.kind == "outcome":
                    self.offered.pop(key, None)
        return sorted({owner for key in mine if (owner := self.rows[key[0]].owner)})

    def stop_offers(self, offers, reason):
        free = [each for each in offers if each.key in self.offered and not self.offered[each.key].node]
        for each in free:
            del self.offered[each.key]
        for each in offers:
            if each.key in self.offered and not self.offered[each.key].stop:
                self.offered[each.key] = replace(self.offered[each.key], stop=reason)
        return free

    def held_offers(self, node):
        return [each for each in self.offered.values() if each.node == node]

    def offers(self, execution):
        told = [Offer(m.execution, m.path, m.attempt) for m in self.messages if m.kind == "outcome"]
        found = [each for each in (*self.offered.values(), *told) if each.execution == execution]
        return sorted(found, key=lambda each: each.key)

    def idle_offers(self, owner, seconds):
        """What nobody has taken, however long ago it was offered: whoever looks complains of all of it."""
        return [
            each
            for each in self.offered.values()
            if each.node is None and (row := self.rows[each.execution]).owner == owner and row.state in OPEN
        ]

    def lost_offers(self, owner):
        lost = [
            each
            for each in self.offered.values()
            if each.node is not None
            and each.node not in self.alive
            and (row := self.rows[each.execution]).owner == owner
            and row.state in OPEN
        ]
        for each in lost:
            del self.offered[each.key]
            self.missed.add(each.key)
        return lost

    def execution(self, id):
        row = self.rows.get(id)
        return None if row is None else copied(row)

    def execution_by_key(self, namespace, workflow, key):
        id = self.keys.get((namespace, workflow, key))
        return None if id is None else self.execution(id)

    def executions(self, query):
        found = [
            row
            for id, row in sorted(self.rows.items(), reverse=True)
            if (query.namespace is None or row.namespace == query.namespace)
            and (query.workflow is None or row.workflow == query.workflow)
            and (not query.states or row.state in query.states)
            and (query.before is None or id < query.before)
        ]
        return [copied(row) for row in found[: query.limit]]

    def pending(self, owner, after, limit):
        rows = sorted(self.rows.items())
        found = [r for id, r in rows if r.owner == owner and r.state == "PENDING" and id > after]
        return [copied(row) for row in found[:limit]]

    def counts(self):
        states = [row.state for row in self.rows.values()]
        return {state: states.count(state) for state in set(states)}

    def tasks(self, execution):
        rows = self.task_rows.get(execution, {}).values()
        order = sorted(rows, key=lambda task: (task.started_at is None, task.started_at or 0, task.path))
        return [copied(task) for task in order]

    def facts(self, execution, after=0, limit=1000, kind=None):
        found = [f for f in self.fact_rows.get(execution, ()) if f.seq > after and kind in (None, f.kind)]
        return found[:limit]

    def post(self, message):
        if any(_place(each) == _place(message) for each in self.messages):
            return False
        self._posted += 1
        self.messages.append(replace(message, id=self._posted))
        return True

    @contextmanager
    def transaction(self):
        before = list(self.messages), list(self.entries)
        try:
            yield
        except BaseException:
            self.messages, self.entries = before
            raise

    def append_audit(self, record):
        assert all((one.server, one.seq) != (record.server, record.seq) for one in self.entries)
        self.entries.append(record)

    def audit_heads(self):
        return list({one.server: one for one in self.entries}.values())

    def permits(self, execution):
        return self.permit_table.read(execution)

    def inbox(self, owner):
        return [
            m for m in self.messages if (row := self.rows[m.execution]).owner == owner and row.state in OPEN
        ]

    def put_blob(self, content):
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return digest

    def get_blob(self, digest):
        if digest not in self.blobs:
            raise NotFound(f"there is no content {digest}")
        return self.blobs[digest]

    def put_workflow(self, record, triggers):
        self.flows[record.namespace, record.id, record.revision] = record
        self.trigger_rows = {(t.namespace, t.workflow, t.name): t for t in triggers}

    def triggers(self, namespace=None, workflow=None):
        return list(self.trigger_rows.values())


def _lease(step):
    return step.execution.owner, step.execution.epoch


def _key(record):
    return record.namespace, record.workflow, record.key


def due(tick):
    return tick.namespace, tick.workflow, tick.trigger, tick.due_at


def _place(message):
    return message.execution, message.path, message.attempt, message.kind
