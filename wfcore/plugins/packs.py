"""Actions by their type: the prefix names the pack, which is imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wfcore.errors import PluginError
from wfcore.plugins.contracts import Action, Actions


class Packs:
    """``pack`` gives the started driver of a prefix, ``installed`` all prefixes."""

    def __init__(self, pack: Callable[[str], Actions], installed: Iterable[str]) -> None:
        self._pack = pack
        self._installed = tuple(installed)
        self._tables: dict[str, dict[str, Action]] = {}

    def get(self, type: str) -> Action | None:
        """The action of a task's type; None when no driver has it. Raises PluginError for a broken driver."""
        prefix, _, name = type.partition("/")
        return self._table(prefix).get(name) if prefix in self._installed else None

    def owns(self, type: str) -> bool:
        """Whether the type's prefix is a driver's, whose namespace it is then."""
        return type.partition("/")[0] in self._installed

    def names(self) -> Iterable[str]:
        """All action types of all packs that work."""
        for prefix in self._installed:
            try:
                table = self._table(prefix)
            except PluginError:
                continue  # a broken pack that nobody named is no reason to fail
            yield from (f"{prefix}/{name}" for name in table)

    def _table(self, prefix: str) -> dict[str, Action]:
        table = self._tables.get(prefix)
        if table is None:
            table = self._tables[prefix] = {action.name: action for action in self._pack(prefix).actions()}
        return table
