"""The contract of storage drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from wfcore.plugins.driver import Driver
from wfcore.plugins.offers import Offers

if TYPE_CHECKING:
    from wfcore.model.execution import ExecutionRecord, Fact, TaskRecord
    from wfcore.model.nodes import Beat, NodeRecord
    from wfcore.model.records import (
        AuditQuery,
        AuditRecord,
        ExecutionQuery,
        Message,
        PackageRecord,
        Permit,
        SecretRecord,
        Step,
        TokenRecord,
        TriggerRecord,
        WorkflowRecord,
    )


@runtime_checkable
class Storage(Driver, Protocol):
    """Where everything is kept; the tables are the queue, the log and the truth."""

    def migrate(self, *, check: bool = False) -> list[str]:
        """Bring the schema up to date and name the migrations applied; ``check`` only names them."""

    def commit(self, steps: Sequence[Step], notify: Sequence[str] = ()) -> frozenset[str]:
        """Write all steps in one durable transaction; the ids of executions whose step was refused.

        A step is refused alone: another owner or epoch, an existing id, a key (Step.execution.key)
        already used by the workflow, or a tick that has fired. Raises on anything else, and then
        nothing of the group was written. ``notify`` are payloads that subscribers hear once the group is
        durable; a group of which nothing is written tells nobody.

        Permits (``Step.frees``, ``Step.asks``) are given back and handed out in the same transaction: of each
        limit concerned, first come the lowest by (execution, path), as long as fewer hold one than the
        highest of those who wait has as its ``most``. Whoever gets one finds a message ``permit`` in its
        inbox. Who asks in the manner ``skip`` or ``fail`` and gets none finds a message ``denied``; for
        ``cancel_oldest`` all but the highest ``most`` executions of the limit get a ``cancel``, once, and no
        permit any more. On a ``SharedStorage`` the owners hear ``inbox OWNER``. No row of another execution
        is waited for.
        """

    def subscribe(self, heard: Callable[[str], None]) -> None:
        """Call ``heard`` with every payload that a server of this storage announces, this one included.

        It is called on a thread of the driver's own, in order, from now until ``stop``; with an empty text
        whenever listening begins, also after a lost connection: what was announced before may have been
        missed. Called once at most, after ``start``. On a storage that belongs to one server it does nothing.
        """

    def announce(self, payload: str) -> None:
        """Let all subscribers hear the payload: some text of at most 7999 bytes, not empty.

        On a storage that belongs to one server it does nothing.
        """

    def adopt(self, owner: str, limit: int) -> list[ExecutionRecord]:
        """Take open executions of dead owners: sets owner, raises epoch; RUNNING and WAITING before PENDING.

        On a storage that belongs to one server every other owner is dead, and what has none is taken too;
        on a ``SharedStorage`` one that is no node (any more), and the slots of what is RUNNING come along.
        """

    def execution(self, id: str) -> ExecutionRecord | None:
        """One execution."""

    def execution_by_key(self, namespace: str, workflow: str, key: str) -> ExecutionRecord | None:
        """The execution that a submission with this key made."""

    def executions(self, query: ExecutionQuery) -> list[ExecutionRecord]:
        """Executions, newest first."""

    def pending(self, owner: str, after: str, limit: int) -> list[ExecutionRecord]:
        """PENDING executions of ``owner`` with an id above ``after``, oldest first."""

    def counts(self) -> Mapping[str, int]:
        """How many executions there are in each state."""

    def tasks(self, execution: str) -> list[TaskRecord]:
        """All task rows of an execution, by start time and path."""

    def facts(self, execution: str, after: int = 0, limit: int = 1000, kind: str | None = None) -> list[Fact]:
        """History of an execution from ``after`` (exclusive), in order; ``kind`` narrows."""

    def permits(self, execution: str) -> list[Permit]:
        """The permits that an execution and its tasks hold or wait for, by path."""

    def post(self, message: Message) -> bool:
        """Put a message into an execution's inbox; False when its twin is already there."""

    def inbox(self, owner: str) -> list[Message]:
        """The messages for open executions of this owner, oldest first; a committed Step removes them."""

    def put_workflow(self, record: WorkflowRecord, triggers: Sequence[TriggerRecord]) -> None:
        """Store a revision and make it current, replacing the workflow's triggers, in one transaction.

        Raises Conflict when another workflow has one of the addresses, or the revision is not the next.
        """

    def workflow(self, namespace: str, id: str, revision: int | None = None) -> WorkflowRecord | None:
        """The current revision, or the given one (also of a deleted workflow)."""

    def workflows(self, namespace: str | None = None) -> list[WorkflowRecord]:
        """The current revision of every workflow that is not deleted, by address."""

    def revisions(self, namespace: str, id: str) -> list[WorkflowRecord]:
        """Every revision of a workflow, newest first."""

    def enable_workflow(
        self, namespace: str, id: str, enabled: bool, triggers: Sequence[TriggerRecord]
    ) -> bool:
        """Turn the operator's switch and replace the triggers; False when there is no such workflow."""

    def delete_workflow(self, namespace: str, id: str) -> bool:
        """Delete the workflow and its triggers, never its executions or revisions; False when unknown."""

    def triggers(self, namespace: str | None = None, workflow: str | None = None) -> list[TriggerRecord]:
        """The triggers of applied, enabled workflows."""

    def trigger_at(self, address: str) -> TriggerRecord | None:
        """The trigger with this address."""

    def move_trigger(self, trigger: TriggerRecord, next_at: int | None) -> bool:
        """Move a timed trigger on without firing, if its ``next_at`` is still that of ``trigger``."""

    def put_package(self, record: PackageRecord) -> None:
        """Store an installed package, or its new grant; if it is the current one, no other of its name is.

        Raises Conflict when this version of the name is there with another digest.
        """

    def packages(self, name: str | None = None) -> list[PackageRecord]:
        """All installed packages, or the versions of one: by name, last installed first."""

    def package(self, digest: str) -> PackageRecord | None:
        """One installed package."""

    def remove_package(self, digest: str) -> bool:
        """Forget a package; False when it is not there."""

    def put_secret(self, record: SecretRecord) -> None:
        """Store an encrypted secret. Raises Conflict unless its revision is the next of its scope and name.

        The first revision is 1.
        """

    def secrets(self) -> list[SecretRecord]:
        """All encrypted secrets, by scope and name."""

    def secret(self, scope: str, name: str) -> SecretRecord | None:
        """One encrypted secret."""

    def remove_secret(self, scope: str, name: str) -> bool:
        """Delete a secret; False when it is not there."""

    def get_record(self, namespace: str, key: str, now: int) -> str | None:
        """The JSON text of a record that has not expired at ``now``."""

    def set_record(self, namespace: str, key: str, value: str, expires_at: int | None) -> None:
        """Write a record."""

    def delete_record(self, namespace: str, key: str) -> bool:
        """Delete a record; False when there was none."""

    def transaction(self) -> AbstractContextManager[None]:
        """What this thread writes while inside becomes durable at the end of the block; nothing of it if
        that raises. ``commit`` and reads that must see what the block wrote have no place in it.
        """

    def append_audit(self, record: AuditRecord) -> None:
        """Add an entry to the audit log of its server. Raises Conflict when there is one of its number."""

    def audit(self, query: AuditQuery) -> list[AuditRecord]:
        """Entries of the audit log, newest first: by time, server and number."""

    def audit_chain(self, server: str, after: int = 0, limit: int = 1000) -> list[AuditRecord]:
        """The entries of one server's log with a number above ``after``, in order."""

    def audit_heads(self) -> list[AuditRecord]:
        """The last entry of each server's log, by server."""

    def prune_audit(self, server: str, upto: int) -> int:
        """Remove the entries of a server's log up to this number, included; how many."""

    def put_token(self, record: TokenRecord) -> None:
        """Store a token. Raises Conflict when there is one of its name."""

    def tokens(self) -> list[TokenRecord]:
        """All tokens, by name."""

    def token(self, digest: str) -> TokenRecord | None:
        """The token with this digest."""

    def delete_token(self, name: str) -> bool:
        """Forget a token; False when there is none of that name."""

    def put_blob(self, content: bytes) -> str:
        """Store content durably under its sha256 (hex) and return that."""

    def get_blob(self, digest: str) -> bytes:
        """The content. Raises NotFound."""

    def purge(self, before: int, limit: int) -> int:
        """Delete up to ``limit`` executions that ended before that time with all of theirs; how many."""

    def sweep(self, now: int) -> int:
        """Delete expired records, old ticks, idle messages and unused blobs; how many rows went."""


@runtime_checkable
class SharedStorage(Storage, Offers, Protocol):
    """A storage that several servers use at once, each a node that owns some of the executions.

    Leases are measured on the database's clock alone. A step that ``admits`` raises Unavailable, and nothing
    of its group is written, when its owner is no node (any more). An execution without an owner is queued: it
    waits for whoever has room.
    """

    def join(self, node: NodeRecord) -> None:
        """Enter a server, or enter it again; others at its place are dead, and go.

        It has as many slots as it has RUNNING executions.
        """

    def beat(self, node: str, lease: float) -> Beat:
        """Renew a server's lease; those that have not for ``lease`` seconds are dead, and go.

        Where the server itself has not for more than half of that, the others have so much longer: what kept
        it from storage may have kept them.
        """

    def slots(self, node: str, held: int, wanted: int, limit: int) -> int:
        """Give a server ``wanted`` workflow slots, if all servers stay within ``limit``; at least ``held``.

        The slots it has now; 0 when it is no node. What runs without a living owner counts too.
        """

    def claim(self, node: str, limit: int, only: str | None = None) -> list[ExecutionRecord]:
        """Take the oldest queued executions, or only that one: sets owner, raises epoch."""

    def leave(self, node: str) -> None:
        """Take a server off: what it still owns is for the others to adopt."""

    def nodes(self) -> list[NodeRecord]:
        """The servers, oldest first."""


class Rows(Protocol):
    """All rows of a storage at one moment; ``tables`` has the columns of each, in the order of the values.

    The tables and columns are those of the built-in drivers, and so the same for all who move.
    """

    tables: Mapping[str, tuple[str, ...]]

    def pages(self, table: str) -> Iterator[Sequence[tuple[Any, ...]]]:
        """The rows of a table in the order of its key, some at a time."""

    def contents(self) -> Iterator[str]:
        """The digest of all content that rows refer to; some may come twice."""

    def content(self, digest: str) -> bytes:
        """The content. Raises NotFound."""


@runtime_checkable
class Movable(Protocol):
    """A storage whose rows can be moved to another one, and the other way. A driver need not be one."""

    def export(self) -> AbstractContextManager[Rows]:
        """All rows as they are now, whoever writes meanwhile."""

    def load(self, rows: Rows, check: Callable[[Rows], None]) -> None:
        """Write all rows in one durable transaction, in which ``check`` sees them and may raise.

        Raises Conflict when there are rows already; whatever it raises, nothing was written.
        """


@runtime_checkable
class Copyable(Protocol):
    """A storage that makes backups itself. A driver need not be one."""

    def backup(self, target: Path, beside: Sequence[Path]) -> None:
        """Copy everything, and the files ``beside``, into a new directory; durable and checked on return.

        It is one moment's, whoever writes meanwhile. Raises Conflict when there is something at ``target``.
        """

    def restore(self, backup: Path, beside: Sequence[str], *, force: bool = False) -> Path | None:
        """Put a backup, with its files ``beside``, in the place of what is there, wholly or not at all.

        Called instead of ``start``. Raises Conflict while a server has the storage, or when it has data;
        with ``force`` that is kept, and its place returned.
        """
