"""A storage driver: everything in memory, every change in a journal file."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from acme_workflow.journal import Change, Journal
from acme_workflow.ledger import Ledger
from acme_workflow.permits import of, permits, post
from acme_workflow.rules import create, set_head, update, write
from wfcore.api import (
    CONTRACT,
    OPEN,
    TERMINAL,
    Conflict,
    Context,
    ExecutionQuery,
    ExecutionRecord,
    Fact,
    Message,
    NotFound,
    PackageRecord,
    Permit,
    SecretRecord,
    Step,
    TaskRecord,
    TriggerRecord,
    WorkflowRecord,
)

HOUR, DAY = 3_600_000_000, 86_400_000_000
MIGRATION = "0001 journal"


class AcmeStorage(Ledger):
    """``path`` is the journal file. It belongs to one server."""

    contract: ClassVar[int] = CONTRACT
    schema: ClassVar[Mapping[str, Any]] = {"path": {"type": "string", "empty": False}}

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._path = Path(config.get("path") or context.data_dir / "acme.journal")
        self._journal: Journal | None = None
        self._lock = threading.RLock()
        self._open: Change | None = None

    def start(self) -> None:
        self.migrate()
        self._journal = Journal(self._path)

    def stop(self, deadline: float) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def health(self) -> str:
        return "" if self._journal else "not started"

    def migrate(self, *, check: bool = False) -> list[str]:
        if self._path.exists():
            return []
        if not check:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(0o600)
        return [MIGRATION]

    @contextmanager
    def _change(self) -> Iterator[Change]:
        """A transaction under the lock; written when the block ends well."""
        with self._lock:
            assert self._journal is not None, "the storage is not started"
            if self._open is not None:  # this thread's: it has the lock
                yield self._open
                return
            change = Change(self._journal.tables)
            yield change
            self._journal.write(change)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._change() as change:
            self._open = change
            try:
                yield
            finally:
                self._open = None

    def _all(self, table: str, *prefix: Any) -> list[Any]:
        with self._change() as change:
            return [row for _, row in change.scan(table, *prefix)]

    def _one(self, table: str, *key: Any) -> Any:
        with self._change() as change:
            return change.get(table, *key)

    # --- executions

    def commit(self, steps: Sequence[Step], notify: Sequence[str] = ()) -> frozenset[str]:
        refused: set[str] = set()
        accepted: list[Step] = []
        with self._change() as change:
            for step in steps:
                id = step.execution.id
                if id in refused or not (create if step.create else update)(change, step):
                    refused.add(id)
                else:
                    write(change, step)
                    accepted.append(step)
            permits(change, accepted)
        return frozenset(refused)

    def subscribe(self, heard: Callable[[str], None]) -> None:
        """Nothing: the journal belongs to one server."""

    def announce(self, payload: str) -> None:
        """Nothing, for the same reason."""

    def adopt(self, owner: str, limit: int) -> list[ExecutionRecord]:
        with self._change() as change:
            rows = [row for _, row in change.scan("executions") if row.state in OPEN and row.owner != owner]
            rows.sort(key=lambda row: (row.state == "PENDING", row.id))
            taken = [replace(row, owner=owner, epoch=row.epoch + 1) for row in rows[:limit]]
            for row in taken:
                change.put("executions", (row.id,), row)
        return taken

    def execution(self, id: str) -> ExecutionRecord | None:
        return self._one("executions", id)  # type: ignore[no-any-return]

    def execution_by_key(self, namespace: str, workflow: str, key: str) -> ExecutionRecord | None:
        id = self._one("keys", namespace, workflow, key)
        return self.execution(id) if id else None

    def executions(self, query: ExecutionQuery) -> list[ExecutionRecord]:
        def fits(row: ExecutionRecord) -> bool:
            named = query.namespace in (None, row.namespace) and query.workflow in (None, row.workflow)
            return named and (not query.states or row.state in query.states)

        rows = [row for row in self._all("executions") if fits(row)]
        before = [row for row in rows if query.before is None or row.id < query.before]
        return sorted(before, key=lambda row: row.id, reverse=True)[: query.limit]

    def pending(self, owner: str, after: str, limit: int) -> list[ExecutionRecord]:
        rows = [row for row in self._all("executions") if row.state == "PENDING" and row.owner == owner]
        return sorted((row for row in rows if row.id > after), key=lambda row: row.id)[:limit]

    def counts(self) -> Mapping[str, int]:
        return Counter(row.state for row in self._all("executions"))

    def tasks(self, execution: str) -> list[TaskRecord]:
        return sorted(self._all("tasks", execution), key=_by_start)

    def facts(self, execution: str, after: int = 0, limit: int = 1000, kind: str | None = None) -> list[Fact]:
        rows = [row for row in self._all("facts", execution) if row.seq > after and kind in (None, row.kind)]
        return sorted(rows, key=lambda row: row.seq)[:limit]

    def post(self, message: Message) -> bool:
        with self._change() as change:
            return post(change, message)

    def permits(self, execution: str) -> list[Permit]:
        with self._change() as change:
            mine = sorted((row for _, row in change.scan("permits", execution)), key=lambda row: row.path)
            held = {row.limit: sum(other.held for _, other in of(change, row.limit)) for row in mine}
        return [replace(row, manner="wait", in_use=held[row.limit]) for row in mine]

    def inbox(self, owner: str) -> list[Message]:
        with self._change() as change:
            rows = [row for _, row in change.scan("executions") if row.owner == owner]
            mine = {row.id for row in rows if row.state in OPEN}
            rows = [row for _, row in change.scan("inbox") if row.execution in mine]
        return sorted(rows, key=lambda row: row.id)

    # --- workflows; a row of "heads" is [current revision, enabled]

    def put_workflow(self, record: WorkflowRecord, triggers: Sequence[TriggerRecord]) -> None:
        with self._change() as change:
            known = [key[2] for key, _ in change.scan("revisions", record.namespace, record.id)]
            if record.revision != max(known, default=0) + 1:
                raise Conflict(f"{record.namespace}/{record.id} has a revision {record.revision} already")
            change.put("revisions", (record.namespace, record.id, record.revision), record)
            set_head(change, record.namespace, record.id, [record.revision, record.enabled], triggers)

    def workflow(self, namespace: str, id: str, revision: int | None = None) -> WorkflowRecord | None:
        with self._change() as change:
            head = change.get("heads", namespace, id)
            if revision is not None:
                return change.get("revisions", namespace, id, revision)  # type: ignore[no-any-return]
            return replace(change.get("revisions", namespace, id, head[0]), enabled=head[1]) if head else None

    def workflows(self, namespace: str | None = None) -> list[WorkflowRecord]:
        with self._change() as change:
            heads = sorted(key for key, _ in change.scan("heads") if namespace in (None, key[0]))
        return [found for key in heads if (found := self.workflow(*key))]

    def revisions(self, namespace: str, id: str) -> list[WorkflowRecord]:
        rows = self._all("revisions", namespace, id)
        return sorted(rows, key=lambda row: row.revision, reverse=True)

    def enable_workflow(
        self, namespace: str, id: str, enabled: bool, triggers: Sequence[TriggerRecord]
    ) -> bool:
        with self._change() as change:
            head = change.get("heads", namespace, id)
            if head:
                set_head(change, namespace, id, [head[0], enabled], triggers)
        return head is not None

    def delete_workflow(self, namespace: str, id: str) -> bool:
        with self._change() as change:
            head = change.get("heads", namespace, id)
            set_head(change, namespace, id, None, [])
        return head is not None

    def triggers(self, namespace: str | None = None, workflow: str | None = None) -> list[TriggerRecord]:
        rows = [row for row in self._all("triggers") if namespace in (None, row.namespace)]
        mine = [row for row in rows if workflow in (None, row.workflow)]
        return sorted(mine, key=lambda row: (row.namespace, row.workflow, row.name))

    def trigger_at(self, address: str) -> TriggerRecord | None:
        return next((row for row in self._all("triggers") if row.address == address), None)

    def move_trigger(self, trigger: TriggerRecord, next_at: int | None) -> bool:
        key = (trigger.namespace, trigger.workflow, trigger.name)
        with self._change() as change:
            row = change.get("triggers", *key)
            if row is None or row.next_at != trigger.next_at:
                return False
            change.put("triggers", key, replace(row, next_at=next_at))
        return True

    # --- packages

    def put_package(self, record: PackageRecord) -> None:
        with self._change() as change:
            others = [row for key, row in change.scan("packages") if key[0] != record.digest]
            same = [row for row in others if row.name == record.name]
            if any(row.version == record.version for row in same):
                raise Conflict(f"{record.name} {record.version} is there with other content")
            for row in same:
                if record.current and row.current:
                    change.put("packages", (row.digest,), replace(row, current=False))
            change.put("packages", (record.digest,), record)

    def packages(self, name: str | None = None) -> list[PackageRecord]:
        rows = [row for row in self._all("packages") if name in (None, row.name)]
        return sorted(rows, key=lambda row: (row.name, -row.installed_at, row.digest))

    def package(self, digest: str) -> PackageRecord | None:
        return self._one("packages", digest)  # type: ignore[no-any-return]

    def remove_package(self, digest: str) -> bool:
        with self._change() as change:
            there = change.get("packages", digest) is not None
            change.put("packages", (digest,), None)
        return there

    # --- secrets

    def put_secret(self, record: SecretRecord) -> None:
        with self._change() as change:
            before = change.get("secrets", record.scope, record.name)
            if record.revision != (before.revision if before else 0) + 1:
                raise Conflict(f"the secret {record.name} has been changed meanwhile")
            change.put("secrets", (record.scope, record.name), record)

    def secrets(self) -> list[SecretRecord]:
        return sorted(self._all("secrets"), key=lambda row: (row.scope, row.name))

    def secret(self, scope: str, name: str) -> SecretRecord | None:
        return self._one("secrets", scope, name)  # type: ignore[no-any-return]

    def remove_secret(self, scope: str, name: str) -> bool:
        with self._change() as change:
            there = change.get("secrets", scope, name) is not None
            change.put("secrets", (scope, name), None)
        return there

    # --- records, blobs, upkeep

    def get_record(self, namespace: str, key: str, now: int) -> str | None:
        value, expires_at = self._one("records", namespace, key) or (None, None)
        return None if expires_at is not None and expires_at <= now else value

    def set_record(self, namespace: str, key: str, value: str, expires_at: int | None) -> None:
        with self._change() as change:
            change.put("records", (namespace, key), [value, expires_at])

    def delete_record(self, namespace: str, key: str) -> bool:
        with self._change() as change:
            there = change.get("records", namespace, key) is not None
            change.put("records", (namespace, key), None)
        return there

    def put_blob(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        with self._change() as change:
            stored = [time.time_ns() // 1000, base64.b64encode(content).decode()]
            change.put("blobs", (digest,), stored)
        return digest

    def get_blob(self, digest: str) -> bytes:
        stored = self._one("blobs", digest)
        if stored is None:
            raise NotFound(f"there is no content {digest!r}")
        return base64.b64decode(stored[1])

    def purge(self, before: int, limit: int) -> int:
        with self._change() as change:
            ended = [row for _, row in change.scan("executions") if row.state in TERMINAL]
            old = sorted((row for row in ended if row.ended_at < before), key=lambda row: row.ended_at)[
                :limit
            ]
            for row in old:
                change.put("keys", (row.namespace, row.workflow, row.key), None)
                for table in ("executions", "tasks", "facts", "inbox", "uses", "permits"):
                    for key, _ in list(change.scan(table, row.id)):
                        change.put(table, key, None)
        return len(old)

    def sweep(self, now: int) -> int:
        with self._change() as change:
            used = {key[1] for key, _ in change.scan("uses")}
            used |= {row.module for _, row in change.scan("packages")}
            running = {key[0] for key, row in change.scan("executions") if row.state in OPEN}
            newest: dict[Any, int] = {}
            for key, _ in change.scan("ticks"):
                newest[key[:3]] = max(key[3], newest.get(key[:3], 0))
            gone = [
                ("records", key) for key, (_, end) in change.scan("records") if end is not None and end <= now
            ]
            gone += [
                ("blobs", key)
                for key, row in change.scan("blobs")
                if key[0] not in used and row[0] < now - HOUR
            ]
            gone += [
                ("ticks", key)
                for key, _ in change.scan("ticks")
                if key[3] < min(newest[key[:3]], now - 30 * DAY)
            ]
            gone += [("inbox", key) for key, row in change.scan("inbox") if row.execution not in running]
            for table, key in gone:
                change.put(table, key, None)
        return len(gone)


def _by_start(task: TaskRecord) -> tuple[bool, int, str]:
    return task.started_at is None, task.started_at or 0, task.path
