"""The product itself, on either storage."""

from __future__ import annotations

from pathlib import Path

from harness import Server, chain, fan, proportional_memory, timed
from light import batch, burst

from peers.base import CHAIN, FAN, SHORT, Peer


class Product(Peer):
    """One server; SQLite commits with synchronous=FULL.

    It lets ``workflows`` executions run at once, and as many tasks: by default it lets fifty tasks.
    """

    def __init__(self, home: Path, storage: dict[str, str], workflows: int) -> None:
        super().__init__(home)
        self.name = f"workflow-{storage['type']}"
        # Its own turn may be minutes away, and the client keeps its connection.
        settings = {
            "server": {"port": 0, "channelTimeout": "1h"},
            "execution": {"maxConcurrentWorkflows": workflows, "maxConcurrentTasks": workflows},
        }
        self._server = Server(home, storage, settings)

    def start(self) -> None:
        """See Peer."""
        self._server.start()
        self._client = self._server.client()
        for source in (chain("chain", CHAIN), fan("fan", FAN), chain("short", SHORT)):
            self._client.apply(source)

    def run(self, workflow: str) -> float:
        """See Peer."""
        return timed(lambda: self._client.run(workflow))

    def burst(self, number: int) -> float:
        """See Peer."""
        return burst([self._server], "short", number)

    def batch(self, number: int) -> float:
        """See Peer."""
        return batch(self._server, "short", number)

    def memory(self) -> float:
        """See Peer."""
        return proportional_memory(self._server.pid)

    def stop(self) -> None:
        """See Peer."""
        self._server.stop()
