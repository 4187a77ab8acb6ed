"""A timed trigger: once a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar

from wfcore.api import CONTRACT, Context, TriggerFault


class DailyTrigger:
    """``daily: "09:30"`` fires at that time, UTC."""

    contract: ClassVar[int] = CONTRACT
    schema: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        pass

    def start(self) -> None:
        pass

    def stop(self, deadline: float) -> None:
        pass

    def health(self) -> str:
        return ""

    def check(self, spec: Any) -> Any:
        try:
            return {"at": time.fromisoformat(spec["at"] if isinstance(spec, Mapping) else spec).isoformat()}
        except (TypeError, KeyError, ValueError):
            raise TriggerFault("expected a time of day like '09:30'") from None

    def due(self, spec: Any, after: datetime) -> datetime | None:
        due = datetime.combine(after.astimezone(UTC), time.fromisoformat(spec["at"]), UTC)
        return due if due > after else due + timedelta(days=1)
