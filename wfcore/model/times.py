"""Times as JSON shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, overload

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@overload
def rfc3339(at: int) -> str: ...
@overload
def rfc3339(at: None) -> None: ...
@overload
def rfc3339(at: int | None) -> str | None: ...
def rfc3339(at: int | None) -> str | None:
    """UTC microseconds as RFC 3339 text, always with six decimals."""
    return None if at is None else _text(at)


@lru_cache(maxsize=256)
def _text(at: int) -> str:
    """Remembered, since much that is shown together has happened together: all that one commit holds."""
    moment = EPOCH + timedelta(microseconds=at)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
