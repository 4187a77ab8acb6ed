"""DBOS, in an application of its own, on SQLite or PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from peers.base import Asked

APPLICATION = Path(__file__).with_name("apps") / "on_dbos.py"


class Dbos(Asked):
    """An application that does nothing else."""

    def __init__(self, home: Path, installed: Path, storage: dict[str, str]) -> None:
        super().__init__(home)
        self.name = f"dbos-{storage['type']}"
        self._python = installed / "dbos/venv/bin/python"
        self._url = f"sqlite:///{home}/dbos.sqlite" if storage["type"] == "sqlite" else storage["url"]

    def start(self) -> None:
        """See Peer."""
        self.launch(self._python, APPLICATION, self._url)
