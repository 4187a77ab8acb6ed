"""Prefect: its server, and flows in an application of its own."""

from __future__ import annotations

import os
from pathlib import Path

from peers.base import Asked, await_answer, free_port

APPLICATION = Path(__file__).with_name("apps") / "on_prefect.py"


class Prefect(Asked):
    """One server with SQLite; flows run in a process beside it."""

    name = "prefect"

    def __init__(self, home: Path, installed: Path) -> None:
        super().__init__(home)
        self._venv = installed / "prefect/venv"

    def start(self) -> None:
        """See Peer."""
        port = free_port()
        environment = {
            "PREFECT_HOME": str(self.home), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }  # fmt: skip
        command = [self._venv / "bin/prefect", "server", "start", "--host", "127.0.0.1", "--port", port]
        self.spawn(command, env={**os.environ, **environment})
        await_answer(f"http://127.0.0.1:{port}/api/health")
        self.launch(self._venv / "bin/python", APPLICATION, **environment)
