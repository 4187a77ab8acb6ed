"""The ``core`` pack: the actions that every installation has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from wfcore.api import Action, Context
from wfcore_plugins.actions.core import code, flow, http, kv
from wfcore_plugins.actions.core.db import Databases


class CoreActions:
    """HTTP, databases, key/value records and control of the flow, without settings of its own."""

    contract: ClassVar[int] = 1
    schema: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._databases = Databases(context.connections, context.data_dir)
        self._sandbox = context.sandbox

    def start(self) -> None:
        """Nothing to acquire: connections are opened by the first action that needs them."""

    def stop(self, deadline: float) -> None:
        """Close the database connections that are idle."""
        self._databases.close()

    def health(self) -> str:
        """Always well: a database that is down fails the tasks that use it."""
        return ""

    def actions(self) -> Sequence[Action]:
        """All actions of the pack."""
        return (
            *http.actions(),
            *self._databases.actions(),
            *kv.actions(),
            *flow.actions(),
            *code.actions(self._sandbox),
        )
