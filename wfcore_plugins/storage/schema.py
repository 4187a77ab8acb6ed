"""The tables as the queries see them. How they came to be is told by the migrations, and only there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from peewee import Database, Table

#: Every table with its columns. Times are UTC microseconds, bodies JSON text.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "workflow": ("namespace", "id", "revision", "enabled", "deleted"),
    "revision": (
        "namespace", "workflow", "revision", "digest", "file", "created_at", "updated_at", "source",
        "files", "plugins",
    ),
    "trigger": ("namespace", "workflow", "name", "kind", "address", "next_at"),
    "tick": ("namespace", "workflow", "trigger", "due_at", "execution"),
    "execution": (
        "id", "namespace", "workflow", "revision", "state", "owner", "epoch", "seq", "generation",
        "key", "parent", "trigger_kind", "created_at", "started_at", "ended_at", "deadline",
        "waiting", "error", "outputs", "trigger", "inputs", "limits", "labels",
    ),
    "task": (
        "execution", "path", "state", "type", "attempt", "losses", "waiting", "due_at",
        "started_at", "ended_at", "error", "meta", "output",
    ),
    "fact": ("execution", "seq", "at", "kind", "path", "attempt", "body"),
    "inbox": ("id", "execution", "kind", "path", "attempt", "body"),
    "permit": ("execution", "path", "name", "most", "held"),
    "record": ("namespace", "key", "value", "expires_at"),
    "blob_ref": ("digest", "execution"),
    "package": (
        "digest", "name", "version", "manifest", "module", "granted", "secrets", "installed_at", "current",
        "origin",
    ),
    "audit": (
        "server", "seq", "at", "actor", "remote", "action", "target", "result", "detail", "previous",
        "digest",
    ),
    "token": ("name", "role", "namespaces", "digest", "created_at", "created_by", "expires_at"),
    "node": (
        "id", "place", "address", "version", "started_at", "heartbeat_at", "slots", "role", "tasks", "terms",
    ),
    "offer": ("execution", "path", "attempt", "label", "node", "stop", "offered_at"),
    "secret": ("scope", "name", "revision", "master", "sealed", "created_at", "updated_at"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables, bound to one database: of ``peewee.Table``, whose columns are made at run time.

    ``shared`` says that other processes may write to them meanwhile.
    """

    workflow: Any
    revision: Any
    trigger: Any
    tick: Any
    execution: Any
    task: Any
    fact: Any
    inbox: Any
    permit: Any
    record: Any
    blob_ref: Any
    package: Any
    audit: Any
    token: Any
    node: Any
    offer: Any
    secret: Any
    shared: bool = False

    def run(self, statement: str, values: Sequence[Any] | Mapping[str, Any]) -> Any:
        """The cursor of a statement in plain SQL, with ``%s`` for each value."""
        db = self.execution._database
        return db.execute_sql(statement.replace("%s", db.param), values)

    def claimed(self, query: Any) -> Any:
        """The rows of a query that no other transaction is changing, kept from them until this one ends."""
        return query.for_update(skip_locked=True) if self.shared else query

    def is_orphan(self, owner: Any, me: str) -> Any:
        """Whether this is nobody or another than ``me``; where others may live: no node (any more)."""
        if not self.shared:
            return owner.is_null() | (owner != me)
        return owner.is_null(False) & (owner != me) & owner.not_in(self.node.select(self.node.id))

    def seat(self, node: str, more: int) -> None:
        """The node has so many workflow slots more, with the executions that it took over."""
        if self.shared and more:
            n = self.node
            n.update({n.slots: n.slots + more}).where(n.id == node).execute()


def tables(db: Database) -> Tables:
    """The tables of this database; nothing is read or written."""
    made = {name: Table(name, columns, _database=db) for name, columns in COLUMNS.items()}
    return Tables(**made, shared=db.for_update)


class Sessions(Protocol):
    """What the shared queries ask of a driver: its tables, for reading or inside a writing transaction."""

    def reading(self) -> AbstractContextManager[Tables]:
        """The tables, with a connection of this thread while inside. Raises Unavailable."""

    def writing(self, *, alone: bool = False) -> AbstractContextManager[Tables]:
        """The tables in a transaction, committed at the end of the block. Raises Unavailable.

        ``alone``: no other transaction that asks for it runs meanwhile, so what is read inside stays true.
        """

    def get_blob(self, digest: str) -> bytes:
        """See ``Storage``."""
