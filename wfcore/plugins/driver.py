"""What every driver is, and what it may be handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import logging
    from pathlib import Path

    from wfcore.egress.guard import Guard
    from wfcore.plugins.sandbox import Sandbox

#: The version of all contracts.
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

    def get(self, name: str, workflow: str = "") -> str | None:
        """The secret's value as a workflow (``namespace/id``) has it, or None when no provider knows it."""


class SecretBox(Protocol):
    """The encrypted store of the kernel. ``scope`` is empty, a namespace, or a workflow's address."""

    def get(self, name: str, scope: str = "") -> str | None:
        """The value, None when there is none. Raises SecretError."""

    def names(self, scope: str = "") -> Sequence[str]:
        """The names of a scope, sorted."""

    def put(self, name: str, value: str, scope: str = "") -> bool:
        """Store a value; True when there was none. Raises SecretError."""

    def remove(self, name: str, scope: str = "") -> bool:
        """Forget a value; False when there was none."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the kernel hands a driver; there is no way back to the application.

    ``connections`` are the named databases of the configuration. The storage driver is built
    first, so its ``records``, ``secrets`` and ``egress`` are None. ``strongbox`` keeps what it is
    given encrypted in the storage.
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
    build: Callable[[Path], bytes] | None = None
    strongbox: SecretBox | None = None


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


class Stateless:
    """The part of a driver that has nothing to acquire or release, and is always well.

    Drivers may begin with it; it has no settings and forgets its context.
    """

    contract: ClassVar[int] = CONTRACT
    schema: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: Mapping[str, Any], context: object) -> None:
        del config, context

    def start(self) -> None:
        """Nothing to acquire."""

    def stop(self, deadline: float) -> None:
        """Nothing to release."""

    def health(self) -> str:
        """Always well."""
        return ""
