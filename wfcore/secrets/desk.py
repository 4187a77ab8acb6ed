"""What the engine asks of secrets: their values, and seals for what is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wfcore.secrets.sealer import Sealer, Seals


@dataclass(frozen=True, slots=True)
class Desk:
    """``read`` gives the value of a name for a workflow (``namespace/id``), None when it is not set."""

    read: Callable[[str, str], str | None]
    sealer: Sealer

    def seals(self, execution: str, seen: Callable[[Any], None]) -> Seals:
        """Seals for one execution; ``seen`` is told of each secret that is opened."""
        return Seals(self.sealer, execution, seen)
