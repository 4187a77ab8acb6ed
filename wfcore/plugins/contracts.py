"""The driver contracts, version 1. A driver is named by the configuration or by a workflow's YAML.

Every driver is built as ``Driver(config, context)``: ``config`` is its section, checked
against its ``schema`` (cerberus rules, defaults filled in). It declares ``contract = 1``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from wfcore.errors import SourceFault as SourceFault  # part of this contract
from wfcore.errors import TriggerFault as TriggerFault  # part of this contract
from wfcore.plugins.driver import CONTRACT as CONTRACT
from wfcore.plugins.driver import Clock as Clock
from wfcore.plugins.driver import Context as Context
from wfcore.plugins.driver import Driver as Driver
from wfcore.plugins.driver import Records as Records
from wfcore.plugins.driver import SecretBox as SecretBox
from wfcore.plugins.driver import SecretReader as SecretReader
from wfcore.plugins.driver import Stateless as Stateless
from wfcore.plugins.registry import Candidate as Candidate
from wfcore.plugins.registry import Hit as Hit
from wfcore.plugins.registry import IndexedRegistry as IndexedRegistry
from wfcore.plugins.registry import OpenRegistry as OpenRegistry
from wfcore.plugins.registry import Parcel as Parcel
from wfcore.plugins.registry import Publication as Publication
from wfcore.plugins.registry import Registry as Registry
from wfcore.plugins.registry import Revocation as Revocation
from wfcore.plugins.sandbox import Call as Call
from wfcore.plugins.sandbox import Host as Host
from wfcore.plugins.sandbox import Limits as Limits
from wfcore.plugins.sandbox import Module as Module
from wfcore.plugins.sandbox import Runtime as Runtime
from wfcore.plugins.sandbox import Sandbox as Sandbox
from wfcore.plugins.storage import Copyable as Copyable
from wfcore.plugins.storage import Movable as Movable
from wfcore.plugins.storage import Rows as Rows
from wfcore.plugins.storage import SharedStorage as SharedStorage
from wfcore.plugins.storage import Storage as Storage
from wfcore.plugins.task import LEVELS as LEVELS
from wfcore.plugins.task import TaskContext as TaskContext


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt of a task, as a dispatcher carries it; ``key`` is its idempotency key.

    ``label`` is that of the servers which may run it, if not any may.
    """

    execution: str
    path: str
    attempt: int
    key: str
    label: str = ""


class Dispatcher(Driver, Protocol):
    """Where attempts run. The engine never hands over more than ``maxConcurrentTasks`` at once."""

    def attach(self, run: Callable[[Job], None]) -> None:
        """Receive the function that runs one attempt to its end; called once, before ``start``."""

    def dispatch(self, job: Job) -> None:
        """Run the attempt soon; returns at once."""


@runtime_checkable
class Courier(Dispatcher, Protocol):
    """A dispatcher that carries attempts to servers elsewhere, by a broker; it needs a ``SharedStorage``.

    What it carries are only names: each attempt is a row there, which one server takes. So it may bring one
    twice or never: the engine dispatches anew what nobody has taken for ``resend`` seconds.
    """

    resend: float

    def work(self, tasks: int, labels: Sequence[str]) -> None:
        """Begin to run here up to ``tasks`` attempts at once, without a label or with one of these."""


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
    workflow: str = ""  #: the address (``namespace/id``) of the workflow that listens


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


@runtime_checkable
class KeyedTrigger(AddressedTrigger, Protocol):
    """One that can tell a request that it has seen before."""

    def key(self, spec: Any, request: WebRequest) -> str | None:
        """What an accepted request has in common with its repetitions, which start nothing anew; or None.

        At most 255 printable ASCII characters. It goes before the header Idempotency-Key.
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
    ``secrets`` says what becomes of secrets among the inputs: ``plain`` gives their values, ``kept`` gives
    them as opaque values that may only be returned, ``refused`` is an error.
    """

    name: str
    run: Callable[[Mapping[str, Any], TaskContext], Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    secrets: str = "plain"


class Actions(Driver, Protocol):
    """A pack of actions; its entry-point name is the prefix of a task's ``type``."""

    def actions(self) -> Sequence[Action]:
        """The actions of the pack; names are unique and without the prefix."""


class Secrets(Driver, Protocol):
    """A provider of secrets; asked in the order of ``secrets.providers``.

    ``scope`` is empty for what is everybody's, a namespace, or a workflow's address (``namespace/id``). A
    workflow's own secret is asked for before its namespace's, and that before everybody's. A provider that
    knows no scopes has nothing in them.
    """

    def get(self, name: str, scope: str = "") -> str | None:
        """The value, or None when this provider does not know the name. Raises Unavailable."""

    def names(self, scope: str = "") -> Iterator[str]:
        """The names of a scope that it can list; never values."""


@runtime_checkable
class WritableSecrets(Secrets, Protocol):
    """A provider that ``workflow secret set`` and ``delete`` can change."""

    def put(self, name: str, value: str, scope: str = "") -> bool:
        """Store a value, durably on return; True when there was none."""

    def remove(self, name: str, scope: str = "") -> bool:
        """Forget a value; False when there was none."""
