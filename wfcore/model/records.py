"""What crosses the storage contract besides executions and tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wfcore.model.execution import ExecutionRecord, Fact, TaskRecord


@dataclass(frozen=True, slots=True)
class Tick:
    """A due time of a timed trigger: fires once, however many servers see it. Times: UTC microseconds.

    ``next_at`` is what the trigger's row is moved on to in the same transaction
    (``None``: it never fires again).
    """

    namespace: str
    workflow: str
    trigger: str
    due_at: int
    next_at: int | None


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit of a limit, which an execution (``path`` is empty) or one of its tasks asks for, or ``held``.

    ``most`` may hold one at once; ``in_use`` of them do. ``manner`` says what becomes of an execution that
    finds none: ``wait``, ``skip``, ``fail`` or ``cancel_oldest``.
    """

    limit: str
    most: int
    path: str = ""
    manner: str = "wait"
    held: bool = False
    in_use: int = 0


@dataclass(slots=True)
class Step:
    """The changes of one execution that are committed together or refused together.

    ``execution`` carries the row as it is after the step. With ``create`` it is a new row (and the
    claim of ``tick``, if given, in the same transaction); otherwise the row is updated only while
    its owner and epoch are still those of the record, else the step is refused.
    Unless it ``moved``, only ``seq`` of its row has changed, as with most steps: no index knows of that.
    ``tasks`` are whole rows, written over what is there; ``facts`` are appended.
    ``blobs`` are digests the execution now refers to; ``taken`` the inbox messages it has consumed.
    ``admits``: the execution begins to hold a workflow slot by it (see ``SharedStorage.slots``).
    ``queues``: it is nobody's from then on, for whoever has room (of a ``SharedStorage`` alone).
    ``frees`` are permits, or places in the queue for one, that are given back, and ``asks`` those that are
    asked for after that (see ``Storage.commit``).
    """

    execution: ExecutionRecord
    create: bool = False
    tick: Tick | None = None
    tasks: Sequence[TaskRecord] = ()
    facts: Sequence[Fact] = ()
    blobs: Sequence[str] = ()
    taken: Sequence[int] = ()
    admits: bool = False
    queues: bool = False
    asks: Sequence[Permit] = ()
    frees: Sequence[Permit] = ()
    moved: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """Something from outside for the owner of an execution: unique per (execution, path, attempt, kind)."""

    execution: str
    kind: str
    path: str = ""
    attempt: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True, slots=True)
class TriggerRecord:
    """A trigger of an applied workflow. ``address`` is unique in the installation (``POST /ingest``).

    ``next_at`` is the next due tick of a timed trigger, UTC microseconds.
    """

    namespace: str
    workflow: str
    name: str
    kind: str
    address: str | None = None
    next_at: int | None = None


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """The current revision of a workflow. ``enabled`` is the operator's switch, not the YAML's.

    ``files`` are the files that the source names (``file:`` of a task), by name; ``plugins`` the packages it
    was applied with: name -> digest.
    """

    namespace: str
    id: str
    revision: int
    source: str
    digest: str
    enabled: bool = True
    created_at: int = 0
    updated_at: int = 0
    file: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PackageRecord:
    """An installed version of a plugin package. ``digest`` is the sha256 of its archive, its identity.

    ``manifest`` is what its ``plugin.yaml`` says (JSON), ``module`` the digest of the blob with its module,
    ``granted`` what the operator allowed (JSON), ``secrets`` slot -> name of the stored secret.
    ``current`` marks the version that workflows get which are applied from now on. ``origin`` says where it
    came from, each a text: ``source`` (a reference that gives it again), ``signature`` (its minisign file),
    ``key`` (the id of the trusted key that signed it) and ``by`` (who installed it).
    """

    digest: str
    name: str
    version: str
    manifest: str
    module: str
    granted: Mapping[str, Any]
    secrets: Mapping[str, str]
    installed_at: int
    current: bool = True
    origin: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """An encrypted secret. ``sealed`` is its ciphertext, ``master`` the id of the key that opens it.

    ``scope`` is empty (everybody's), a namespace, a workflow's address, or begins with ``@`` (the
    kernel's own). ``revision`` grows by one with each change.
    """

    scope: str
    name: str
    revision: int
    master: str
    sealed: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One entry of a server's audit log, chained to the one before it by ``previous``, that one's digest.

    ``actor`` is who, ``remote`` from where (empty: this machine's process), ``action`` what was done, such as
    ``workflow.apply``, ``target`` to what, ``result`` "ok" or the code of the error that refused it.
    ``at`` is UTC microseconds.
    """

    server: str
    seq: int
    at: int
    actor: str
    remote: str
    action: str
    target: str
    result: str
    detail: Mapping[str, Any]
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries of the audit log to list, newest first; ``before`` is where the last page ended, as
    (at, server, seq). ``action`` is one, or a family (``workflow``: all that begin with ``workflow.``).
    """

    actor: str | None = None
    action: str | None = None
    since: int | None = None
    until: int | None = None
    before: tuple[int, str, int] | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token that opens the API. ``digest`` is the sha256 of its text, which nobody keeps.

    ``namespaces`` are those that it may act in; empty: all of the installation. Times are UTC microseconds.
    """

    name: str
    role: str
    namespaces: tuple[str, ...]
    digest: str
    created_at: int
    created_by: str
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class ExecutionQuery:
    """Which executions to list, newest first. ``before`` is the id after which the last page ended."""

    namespace: str | None = None
    workflow: str | None = None
    states: Sequence[str] = ()
    before: str | None = None
    limit: int = 50
