"""The product's engine without its server: as a library, as DBOS is used."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from peers.base import Asked

APPLICATION = Path(__file__).with_name("apps") / "on_workflow.py"


class Embedded(Asked):
    """An application that does nothing else, and lets so many executions and tasks run at once."""

    def __init__(self, home: Path, storage: dict[str, str], workflows: int) -> None:
        super().__init__(home)
        self.name = f"embedded-{storage['type']}"
        self._settings = {f"storage.{key}": value for key, value in storage.items()}
        for limit in ("maxConcurrentWorkflows", "maxConcurrentTasks"):
            self._settings[f"execution.{limit}"] = str(workflows)

    def start(self) -> None:
        """See Peer."""
        self.launch(sys.executable, APPLICATION, json.dumps(self._settings))

    def batch(self, number: int) -> float:
        """See Peer."""
        return self.ask("batch", number)
