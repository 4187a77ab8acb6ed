"""The installed drivers and hooks as operators see them, with what is wrong with each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib.util import find_spec
from inspect import isclass
from typing import Any, Final

from wfcore.errors import PluginError
from wfcore.plugins.catalog import Catalog, Entry
from wfcore.plugins.drivers import broken, fetch, load

#: The distribution that the kernel comes in.
_KERNEL: Final = "workflow-engine"


def rows(catalog: Catalog, live: Collection[tuple[str, str]] = ()) -> list[dict[str, Any]]:
    """Every installed plugin: kind, name, distribution, version, entry_point, state, error.

    ``live`` are those that were built, by kind and name.
    """
    return [
        {
            "kind": entry.kind.name,
            "name": entry.name,
            "distribution": entry.distribution,
            "version": entry.version,
            "entry_point": entry.value,
            "state": "broken" if error else _state(entry, live),
            "error": error or None,
        }
        for entry, error in problems(catalog)
    ]


def _state(entry: Entry, live: Collection[tuple[str, str]]) -> str:
    return "loaded" if (entry.kind.name, entry.name) in live else "available"


def problems(catalog: Catalog) -> Iterator[tuple[Entry, str]]:
    """Every installed plugin with what is wrong with it (empty: nothing).

    Imports all that others have made. What came with the kernel was tested with it, and is only looked
    for: importing that too would be most of the time that a listing takes.
    """
    clashing = {entry for claims in catalog.clashes() for entry in claims}
    for entry in catalog.entries:
        try:
            if entry in clashing:
                catalog.find(entry.kind, entry.name)
            (_expect_there if entry.distribution == _KERNEL else _probe)(entry)
        except PluginError as error:
            yield entry, error.message
        else:
            yield entry, ""


def _expect_there(entry: Entry) -> None:
    if find_spec(entry.point.module) is None:
        raise broken(entry, f"cannot be imported: there is no module {entry.point.module}")


def _probe(entry: Entry) -> None:
    if not entry.kind.protocol or not isclass(fetch(entry)):
        fetch(entry)
    else:
        load(entry)
