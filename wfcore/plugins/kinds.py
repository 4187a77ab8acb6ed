"""The one table of the kinds of plugins: the entry-point group, the contract, and where it is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of plugin. ``protocol`` is where in ``wfcore.plugins`` its contract stands.

    ``section`` is the part of the configuration that holds the settings of its drivers, one
    mapping for each name unless ``single``. ``together`` are verbs that a driver may leave out,
    but not one without the other.
    """

    name: str
    group: str
    protocol: str = ""
    section: str = ""
    single: bool = False
    together: tuple[str, ...] = ()

    @property
    def contract(self) -> type | None:
        """The Protocol of its drivers, None for what the kernel does not build; imported on request."""
        found: type | None = resolve_name(f"wfcore.plugins.{self.protocol}") if self.protocol else None
        return found

    @property
    def verbs(self) -> tuple[str, ...]:
        """The methods that a driver of this kind must have."""
        contract = self.contract
        if contract is None:
            return ()
        parts = [part for part in contract.__mro__ if getattr(part, "_is_protocol", False)]
        names = (name for part in reversed(parts) for name, value in vars(part).items() if callable(value))
        return tuple(dict.fromkeys(name for name in names if not name.startswith("_")))

    def where(self, name: str) -> str:
        """The dotted path of the section of the driver ``name``."""
        return self.section if self.single else f"{self.section}.{name}"

    def settings(self, config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """What the configuration says about the driver ``name``; ``storage.type`` only chooses it."""
        section = config[self.section]
        if self.single:
            return {key: value for key, value in section.items() if key != "type"}
        found: Mapping[str, Any] = section.get(name) or {}
        return found


STORAGE: Final = Kind("storage", "workflow.storage", "storage:Storage", "storage", single=True)
SECRETS: Final = Kind("secrets", "workflow.secrets", "contracts:Secrets", "secrets")
RUNTIMES: Final = Kind("runtime", "workflow.runtimes", "sandbox:Runtime", "runtimes")
ACTIONS: Final = Kind("actions", "workflow.actions", "contracts:Actions", "actions")
HOOKS: Final = Kind("hook", "workflow.hooks", "driver:Driver", "hooks")
REGISTRIES: Final = Kind(
    "registry", "workflow.registries", "registry:Registry", "registries", together=("search", "revoked")
)
DISPATCHERS: Final = Kind("dispatcher", "workflow.dispatchers", "contracts:Dispatcher", "dispatchers")
TRIGGERS: Final = Kind(
    "trigger", "workflow.triggers", "contracts:Trigger", "triggers", together=("address", "accept")
)
IMPORTERS: Final = Kind("importer", "workflow.importers")
COMMANDS: Final = Kind("command", "workflow.commands")

#: All kinds, in the order in which their drivers start.
KINDS: Final = (
    STORAGE,
    SECRETS,
    RUNTIMES,
    ACTIONS,
    HOOKS,
    REGISTRIES,
    DISPATCHERS,
    TRIGGERS,
    IMPORTERS,
    COMMANDS,
)
