"""The ``core`` pack: the actions that every installation has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wfcore.api import Action, Context, Stateless
from wfcore_plugins.actions.core import code, flow, http, kv
from wfcore_plugins.actions.core.db import Databases


class CoreActions(Stateless):
    """HTTP, databases, key/value records and control of the flow, without settings of its own."""

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._databases = Databases(context.connections, context.data_dir)
        self._sandbox = context.sandbox

    def stop(self, deadline: float) -> None:
        """Close the database connections that are idle."""
        self._databases.close()

    def actions(self) -> Sequence[Action]:
        """All actions of the pack."""
        return (
            *http.actions(),
            *self._databases.actions(),
            *kv.actions(),
            *flow.actions(),
            *code.actions(self._sandbox),
        )
