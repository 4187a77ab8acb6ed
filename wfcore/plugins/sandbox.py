"""Code that nobody trusts: the contract of the runtimes that run it, and what action packs get of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from wfcore.plugins.driver import Driver
from wfcore.plugins.task import TaskContext

if TYPE_CHECKING:
    from wfcore.model.workflow import Code


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
