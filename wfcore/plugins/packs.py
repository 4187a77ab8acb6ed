"""Actions by their type: the prefix names the pack, which is imported when it is first asked for."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wfcore.errors import PluginError
from wfcore.plugins.contracts import Action, Actions


class Packs:
    """``pack`` gives the started driver of a prefix, ``installed`` all prefixes."""

    def __init__(self, pack: Callable[[str], Actions], installed: Iterable[str]) -> None:
        self._pack = pack
        self._installed = tuple(installed)
        self._tables: dict[str, dict[str, Action]] = {}

    def find(self, type: str, pins: Mapping[str, str]) -> Action:
        """The action of a task's type; drivers have no versions to pin. Raises PluginError."""
        action = self._find(type)
        if action is None:
            near = difflib.get_close_matches(type, list(self.names()), 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            remedy = "install the plugin that brings it; `workflow plugin list` shows what is there"
            raise PluginError(f"no plugin provides the action {type}{hint}", remedy=remedy)
        return action

    def rules(self, type: str) -> Mapping[str, Any] | None:
        """The cerberus rules of an action's inputs, or None when there is no such action."""
        action = self._find(type)
        return None if action is None else action.inputs

    def names(self) -> Iterable[str]:
        """All action types of all packs that work."""
        for prefix in self._installed:
            try:
                table = self._table(prefix)
            except PluginError:
                continue  # a broken pack that nobody named is no reason to fail
            yield from (f"{prefix}/{name}" for name in table)

    def _find(self, type: str) -> Action | None:
        prefix, _, name = type.partition("/")
        return self._table(prefix).get(name) if prefix in self._installed else None

    def _table(self, prefix: str) -> dict[str, Action]:
        table = self._tables.get(prefix)
        if table is None:
            table = self._tables[prefix] = {action.name: action for action in self._pack(prefix).actions()}
        return table
