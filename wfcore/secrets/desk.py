"""What the engine asks of secrets: their values, seals for what is stored, masks for what is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wfcore.secrets.masks import Masks
from wfcore.secrets.sealer import Sealer, Seals


@dataclass(frozen=True, slots=True)
class Desk:
    """``read`` gives the value of a name as a workflow (``namespace/id``) sees it, None when it is not set.

    ``known`` are all values that this process has had in hand.
    """

    read: Callable[[str, str], str | None]
    sealer: Sealer
    known: Masks

    def masks(self) -> Masks:
        """Masks for the secrets that one attempt comes to see."""
        return Masks(self.known)

    def seals(self, execution: str, seen: Callable[[Any], None]) -> Seals:
        """Seals for one execution; ``seen`` is told of each secret that is opened."""
        return Seals(self.sealer, execution, seen)
