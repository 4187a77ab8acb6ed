"""A workflow that only people (and the API) start."""

from __future__ import annotations

from typing import Any

from wfcore.api import Stateless, TriggerFault


class ManualTrigger(Stateless):
    """``manual: {}``; ``manual:`` and ``manual: true`` say the same."""

    def check(self, spec: Any) -> dict[str, Any]:
        """Always ``{}``. Raises TriggerFault when there is anything in it."""
        if spec is None or spec is True or spec == {}:
            return {}
        raise TriggerFault("has no settings; write 'manual: {}'")
