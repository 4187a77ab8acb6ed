"""Brings in the installed hook plugins, one by one, so that an error names its plugin."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

from wfcore.errors import PluginError
from wfcore.hooks.calls import Hooks
from wfcore.plugins.catalog import Entry
from wfcore.plugins.drivers import Drivers, broken, fetch
from wfcore.plugins.host import Live
from wfcore.plugins.kinds import HOOKS


def load(drivers: Drivers, hooks: Hooks, disabled: Collection[str] = ()) -> list[Live]:
    """Import every plugin of the group ``workflow.hooks`` but those that are disabled.

    A class is a driver: it is built and returned, for the host to start and register. Anything
    else (a module, an object) is registered at once. Raises PluginError that names all
    that are broken: a policy that silently stays away would let everything through.
    """
    live, faults = [], []
    for name in dict.fromkeys(entry.name for entry in drivers.catalog.of(HOOKS)):
        if name in disabled:
            continue
        try:
            driver = _bring(drivers, hooks, drivers.catalog.find(HOOKS, name))
        except PluginError as error:
            faults.append(error.message)
        else:
            live += [Live(HOOKS, name, driver)] if driver is not None else []
    if faults:
        remedy = "update or uninstall it, or list its name under plugins.disabled"
        raise PluginError("; ".join(faults), remedy=remedy)
    return live


def _bring(drivers: Drivers, hooks: Hooks, entry: Entry) -> Any | None:
    found = fetch(entry)
    if inspect.isclass(found):
        return drivers.build(HOOKS, entry.name)
    if found is None:
        raise broken(entry, "is None")
    hooks.register(f"{HOOKS.name}.{entry.name}", found)
    return None
