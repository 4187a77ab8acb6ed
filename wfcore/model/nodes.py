"""What servers that share a storage know of each other, and what they leave to each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A server that shares its storage with others. ``place`` is where it keeps its files.

    ``started_at`` and ``heartbeat_at`` are UTC microseconds of the database's clock. ``slots`` is how many
    executions it may run at once, of those that all servers together may, ``tasks`` how many attempts it
    may run at once; ``role`` is ``all``, ``api`` (it runs no task) or ``worker``; ``terms`` as
    ``model.terms`` writes them.
    """

    id: str
    place: str
    address: str
    version: str
    started_at: int = 0
    heartbeat_at: int = 0
    slots: int = 0
    role: str = "all"
    tasks: int = 0
    terms: str = ""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a server hears at its heartbeat.

    ``known`` is False when the others took it for dead: what it owned may be theirs now. ``orphans``:
    there are open executions whose owner is dead. ``mail``: there are messages for its executions.
    ``queued``: there are executions that nobody owns yet. ``offers``: some may be taken, shall stop, or
    are lost.
    ``others`` is how many attempts the other servers may run at once.
    """

    known: bool
    orphans: bool
    mail: bool
    queued: bool = False
    offers: bool = False
    others: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """An attempt that is recorded as started and may be run by any server that has the ``label`` of its task.

    All else of it is in the rows of its execution. ``node`` is the server that runs it, ``stop`` why it shall
    end.
    """

    execution: str
    path: str
    attempt: int
    label: str = ""
    node: str | None = None
    stop: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """(execution, path, attempt)."""
        return self.execution, self.path, self.attempt
