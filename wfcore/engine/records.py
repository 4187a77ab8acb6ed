"""Durable key/value pairs over the storage driver, each user in a namespace of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from wfcore.engine.flow import SECOND
from wfcore.errors import TerminalError
from wfcore.plugins.contracts import Clock, Storage

#: The largest value, in bytes of JSON.
LARGEST = 1024 * 1024
#: What is to be kept for longer (seconds) is kept for good: no clock of ours gets there.
LONGEST = 1000 * 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class StoredRecords:
    """The Records of one namespace."""

    storage: Storage
    clock: Clock
    namespace: str

    def get(self, key: str) -> Any | None:
        """The value, or None when there is none or it has expired."""
        text = self.storage.get_record(self.namespace, key, self.clock.now())
        return None if text is None else json.loads(text)

    def set(self, key: str, value: Any, *, ttl: float | None = None) -> None:
        """Store ``value``, for ``ttl`` seconds when given. Raises TerminalError for what cannot be stored."""
        try:
            text = json.dumps(value, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise TerminalError(f"the value cannot be stored as JSON: {error}", kind="output") from None
        if len(text) > LARGEST:
            remedy = "store it elsewhere and keep a reference"
            raise TerminalError(f"the value has more than {LARGEST} bytes", kind="output", remedy=remedy)
        if ttl is not None and ttl > LONGEST:
            ttl = None
        expires_at = None if ttl is None else self.clock.now() + round(ttl * SECOND)
        self.storage.set_record(self.namespace, key, text, expires_at)

    def delete(self, key: str) -> bool:
        """Remove it; False when there was none."""
        return self.storage.delete_record(self.namespace, key)
