"""Secrets encrypted in the storage of the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wfcore.api import Context, PluginError, SecretBox, Stateless


class LocalSecrets(Stateless):
    """Keeps values in the kernel's strongbox, whose master key never lies in the storage."""

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._given = context.strongbox

    @property
    def _box(self) -> SecretBox:
        if self._given is None:
            raise PluginError("the provider local has no strongbox", remedy="report it: this is a bug")
        return self._given

    def get(self, name: str, scope: str = "") -> str | None:
        """The value. Raises SecretError when its key is missing or its row was changed."""
        return self._box.get(name, scope)

    def names(self, scope: str = "") -> Iterator[str]:
        """The names of a scope, sorted."""
        return iter(self._box.names(scope))

    def put(self, name: str, value: str, scope: str = "") -> bool:
        """Store a value; True when there was none."""
        return self._box.put(name, value, scope)

    def remove(self, name: str, scope: str = "") -> bool:
        """Forget a value; False when there was none."""
        return self._box.remove(name, scope)
