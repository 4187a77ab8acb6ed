"""What is wrong with a document, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Path = tuple[str | int, ...]

#: More are not worth telling.
MAX_FLAWS: Final = 200


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong, below which path; ``at_key`` when it is the key rather than the value."""

    path: Path
    message: str
    at_key: bool = False
