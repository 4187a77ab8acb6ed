"""The one grammar of sizes in bytes."""

from __future__ import annotations

import re

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SIZE = re.compile(r"(\d{1,15})\s*([a-zA-Z]{0,3})")


def parse(value: object) -> int:
    """Bytes of ``64KiB``, ``16MiB``, ``1GiB``, ``10MB`` or of a whole number. Raises ValueError."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match and (unit := _UNITS.get(match[2].lower())):
        return int(match[1]) * unit
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18:
        return value
    raise ValueError(f"{value!r} is not a size; write one like 64KiB, 16MiB or 1GiB")
