"""The driver contracts, version 1. A driver is named by the configuration or by a workflow's YAML.

Every driver is built as ``Driver(config, context)``: ``config`` is its section, checked
against its ``schema`` (cerberus rules, defaults filled in). It declares ``contract = 1``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from wfcore.errors import SourceFault as SourceFault  # part of this contract
from wfcore.errors import TriggerFault as TriggerFault  # part of this contract
from wfcore.model.execution import ExecutionRecord, Fact, TaskRecord
from wfcore.model.records import (
    ExecutionQuery,
    Message,
    PackageRecord,
    Step,
    TriggerRecord,
    WorkflowRecord,
)
from wfcore.model.workflow import Code

if TYPE_CHECKING:
    from wfcore.egress import Guard

#: The version of all contracts in this module.
CONTRACT = 1


class Clock(Protocol):
    """Where all times come from."""

    def now(self) -> int:
        """UTC, microseconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never go back, for durations."""


class Records(Protocol):
    """Durable key/value pairs, each driver in a namespace of its own; values are JSON."""

    def get(self, key: str) -> Any | None:
        """The value, or None when there is none or it has expired."""

    def set(self, key: str, value: Any, *, ttl: float | None = None) -> None:
        """Store ``value``, for ``ttl`` seconds when given."""

    def delete(self, key: str) -> bool:
        """Remove it; False when there was none."""


class SecretReader(Protocol):
    """Read access to the secrets of all providers, first hit wins."""

    def get(self, name: str) -> str | None:
        """The secret's value, or None when no provider knows it."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the kernel hands a driver; there is no way back to the application.

    ``connections`` are the named databases of the configuration. The storage driver is built
    first, so its ``records``, ``secrets`` and ``egress`` are None.
    """

    name: str
    logger: logging.Logger
    clock: Clock
    data_dir: Path
    secrets: SecretReader | None = None
    records: Callable[[str], Records] | None = None
    egress: Guard | None = None
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sandbox: Sandbox | None = None


class Driver(Protocol):
    """What every driver has. ``stop`` gets the seconds that are left; ``health`` an empty text when well."""

    contract: ClassVar[int]
    schema: ClassVar[Mapping[str, Any]]

    def start(self) -> None:
        """Acquire what it needs; raise PluginError with a remedy when it cannot."""

    def stop(self, deadline: float) -> None:
        """Release everything within ``deadline`` seconds; called once, even after a failed start."""

    def health(self) -> str:
        """Empty when well, else one line that says what is wrong."""


@runtime_checkable
class Storage(Driver, Protocol):
    """Where everything is kept; the tables are the queue, the log and the truth."""

    def migrate(self, *, check: bool = False) -> list[str]:
        """Bring the schema up to date and name the migrations applied; ``check`` only names them."""

    def commit(self, steps: Sequence[Step]) -> frozenset[str]:
        """Write all steps in one durable transaction; the ids of executions whose step was refused.

        A step is refused alone: another owner or epoch, an existing id, a key (Step.execution.key)
        already used by the workflow, or a tick that has fired. Raises on anything else, and then
        nothing of the group was written.
        """

    def adopt(self, owner: str, limit: int) -> list[ExecutionRecord]:
        """Take open executions of dead owners: sets owner, raises epoch; RUNNING and WAITING before PENDING.

        On a storage that belongs to one server every open execution of another owner is dead.
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

    def post(self, message: Message) -> bool:
        """Put a message into an execution's inbox; False when its twin is already there."""

    def inbox(self, owner: str) -> list[Message]:
        """The messages for executions of this owner, oldest first; a committed Step removes them."""

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

    def get_record(self, namespace: str, key: str, now: int) -> str | None:
        """The JSON text of a record that has not expired at ``now``."""

    def set_record(self, namespace: str, key: str, value: str, expires_at: int | None) -> None:
        """Write a record."""

    def delete_record(self, namespace: str, key: str) -> bool:
        """Delete a record; False when there was none."""

    def put_blob(self, content: bytes) -> str:
        """Store content durably under its sha256 (hex) and return that."""

    def get_blob(self, digest: str) -> bytes:
        """The content. Raises NotFound."""

    def purge(self, before: int, limit: int) -> int:
        """Delete up to ``limit`` executions that ended before that time with all of theirs; how many."""

    def sweep(self, now: int) -> int:
        """Delete expired records, old ticks and blobs without execution or package; how many rows went."""


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt of a task, as a dispatcher carries it; ``key`` is its idempotency key."""

    execution: str
    path: str
    attempt: int
    key: str


class Dispatcher(Driver, Protocol):
    """Where attempts run. The engine never hands over more than ``maxConcurrentTasks`` at once."""

    def attach(self, run: Callable[[Job], None]) -> None:
        """Receive the function that runs one attempt to its end; called once, before ``start``."""

    def dispatch(self, job: Job) -> None:
        """Run the attempt soon; returns at once."""


@dataclass(frozen=True, slots=True)
class WebRequest:
    """A request to a webhook, as its trigger sees it; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    remote: str
    authorized: bool  #: the request carries a token that the server accepts for starting this workflow


class Trigger(Driver, Protocol):
    """A kind of trigger. ``spec`` is the value of its key in the YAML, normalised by ``check``.

    A kind is timed (has ``due``), addressed (has ``address`` and ``accept``), or neither.
    """

    def check(self, spec: Any) -> Any:
        """The normalised spec. Raises TriggerFault(path, message) for what is wrong with it."""


@runtime_checkable
class TimedTrigger(Trigger, Protocol):
    """Fires at computed times; the kernel keeps the rows, the timers and the catch-up."""

    def due(self, spec: Any, after: datetime) -> datetime | None:
        """The first due time strictly after ``after`` (both aware, UTC); None when there is none."""


@runtime_checkable
class AddressedTrigger(Trigger, Protocol):
    """Fires on a request below ``/hooks``."""

    def address(self, spec: Any) -> str:
        """``METHOD /path``, unique in the installation."""

    def accept(self, spec: Any, request: WebRequest) -> Mapping[str, Any]:
        """The trigger's payload. Raises Unauthorized, UsageError, … to refuse."""


class TaskContext(Protocol):
    """What an action may ask of the task it runs for."""

    execution: str
    namespace: str
    workflow: str
    task: str
    attempt: int
    key: str  #: the idempotency key: the same for every attempt, another for an explicit retry
    deadline: float | None  #: on the monotonic clock, seconds
    egress: Guard
    clock: Clock
    started_at: int  #: when the first attempt started, UTC microseconds: ``now()`` in expressions
    env: Mapping[str, str]  #: the environment variables that workflows may read
    code: Code | None  #: what the task says under ``language`` and ``source``
    permissions: Mapping[str, Any] | None  #: what the task says under ``permissions``
    pins: Mapping[str, str]  #: the packages that the workflow was applied with: name -> digest
    depth: int  #: 0 for the task's own action, one more for each action called from within one

    def log(self, message: str, level: str = "INFO") -> None:
        """Add a line to the execution's log; ``level`` is DEBUG, INFO, WARNING or ERROR."""

    def check(self) -> None:
        """Raises Cancel when the task was cancelled or its time is over."""

    def sleep(self, seconds: float) -> None:
        """Pause; raises Cancel as soon as the task is cancelled or its time is over."""

    def remaining(self, default: float) -> float:
        """Seconds until the deadline, at most ``default``."""

    def on_cancel(self, close: Callable[[], None]) -> AbstractContextManager[None]:
        """While inside, ``close`` is called from another thread on cancel, to interrupt blocking I/O."""

    def records(self, namespace: str) -> Records:
        """Durable key/value pairs, for the actions of one pack."""

    def nested(self, name: str) -> TaskContext:
        """The same task for an action called from within one: a level deeper, ``name`` added to its key."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call of sandboxed code may use.

    ``timeout`` is wall time in seconds, host calls included; ``memory`` and ``output`` (the result as
    JSON) are bytes; ``calls`` how many host calls it may make.
    """

    timeout: float = 30.0
    memory: int = 64 * 1024 * 1024
    output: int = 16 * 1024 * 1024
    calls: int = 10_000


@dataclass(frozen=True, slots=True)
class Module:
    """Code for a runtime, named by its content: ``digest`` is its sha256 (hex), ``read`` gives the bytes."""

    digest: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a module's action: the same call with the same host answers gives the same result.

    ``inputs`` are JSON values and bytes; ``context`` is what the code may know of its task (JSON). ``now``
    (milliseconds since the epoch) and ``seed`` (64 bits) are all the time and randomness it gets.
    """

    module: Module
    action: str
    inputs: Any
    context: Mapping[str, Any]
    now: int
    seed: int
    limits: Limits = field(default_factory=Limits)


#: Answers one host call, ``{"op": …}``: a JSON value; raises WorkflowError to refuse, Cancel to end it all.
Host = Callable[[Mapping[str, Any]], Any]


class Runtime(Driver, Protocol):
    """Runs code that nobody trusts. It contains; what the code may reach, the ``host`` it is given decides.

    Every message from the code is hostile input, and one call's fate is never another's.
    """

    def check(self, content: bytes) -> None:
        """Refuse a module that would not run. Raises PluginError that says why."""

    def module(self, language: str, source: str, file: str) -> bytes:
        """A module made from source text; ``file`` is its name in errors. Raises SourceFault."""

    def invoke(self, call: Call, host: Host, task: TaskContext) -> Any:
        """The result of the call, JSON values and bytes; blocks until it is there, or ``task`` is to stop.

        Raises TerminalError and RetryableError: of the kind that the code gave, or ``timeout``, ``memory``,
        ``stack``, ``output``, ``host_calls``, ``trap``, ``sandbox`` (its process died). Raises Cancel.
        """


class Sandbox(Protocol):
    """Sandboxed code as action packs use it: a runtime together with what the code is allowed to reach."""

    def check(self, code: Code) -> None:
        """Refuse source that is not well formed. Raises SourceFault."""

    def run(self, code: Code, data: Any, task: TaskContext) -> Any:
        """What the default export returns for ``data``, with the permissions of the task and no others.

        Raises as ``Runtime.invoke``, and SourceFault.
        """


@dataclass(frozen=True, slots=True)
class Result:
    """What an action returns when plain output is not enough: side data, or a wait.

    ``meta`` is seen as ``tasks.x.meta``. With ``wait_until`` (UTC microseconds) the task is
    suspended, durably and without a thread, and succeeds with ``output`` at that time.
    """

    output: Any = None
    meta: Mapping[str, Any] | None = None
    wait_until: int | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a pack. ``inputs`` are cerberus rules; ``run`` returns a plain value or a Result.

    ``run`` raises TerminalError or RetryableError; anything else is a terminal error of kind ``bug``.
    """

    name: str
    run: Callable[[Mapping[str, Any], TaskContext], Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""


class Actions(Driver, Protocol):
    """A pack of actions; its entry-point name is the prefix of a task's ``type``."""

    def actions(self) -> Sequence[Action]:
        """The actions of the pack; names are unique and without the prefix."""


class Secrets(Driver, Protocol):
    """A provider of secrets; asked in the order of ``secrets.providers``."""

    def get(self, name: str) -> str | None:
        """The value, or None when this provider does not know the name."""

    def names(self) -> Iterator[str]:
        """The names it can list; never values."""
