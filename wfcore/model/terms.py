"""What servers on one storage have to agree about, for work to be the same wherever it is done.

Each server enters its terms as text: names, and of each value a digest that tells nothing else of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def written(terms: Mapping[str, Any]) -> str:
    """``name=digest`` of each, where names are settings."""
    return " ".join(f"{name}={_digest(value)}" for name, value in terms.items())


def differing(mine: str, theirs: str) -> list[str]:
    """The names whose values differ; what only one of the two has to know does not count."""
    here, there = _read(mine), _read(theirs)
    return [name for name, digest in here.items() if there.get(name, digest) != digest]


def _read(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split())


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
