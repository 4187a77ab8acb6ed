"""What is installed, as users see it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from wfcore.plugins.catalog import Catalog
from wfcore.plugins.drivers import problems


def listing(catalog: Catalog, loaded: Container[str] = ()) -> list[dict[str, Any]]:
    """Every installed plugin and its state: loaded (``kind.name`` is in ``loaded``), available or broken.

    Imports them all, for that is how a broken one shows.
    """
    return [
        {
            "kind": entry.kind.name,
            "name": entry.name,
            "distribution": entry.distribution,
            "version": entry.version,
            "entry_point": entry.value,
            "state": "broken"
            if fault
            else "loaded"
            if f"{entry.kind.name}.{entry.name}" in loaded
            else "available",
            "error": fault or None,
        }
        for entry, fault in problems(catalog)
    ]
