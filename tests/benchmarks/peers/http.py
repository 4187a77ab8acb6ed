"""What the HTTP of the product costs alone: its libraries, with an application that does nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from harness import in_parallel, timed
from wire import Wire

from peers.base import Peer, await_answer, free_port

APPLICATION = Path(__file__).with_name("apps") / "on_http.py"
#: As many as the product has threads for requests, and its client connections, in B3.
THREADS, CONNECTIONS = 16, 16


class Http(Peer):
    """Requests as those of the product's B3, each answered at once."""

    name = "http"

    def start(self) -> None:
        """See Peer."""
        self._port = free_port()
        self.spawn([sys.executable, APPLICATION, self._port, THREADS])
        await_answer(f"http://127.0.0.1:{self._port}/")

    def run(self, workflow: str) -> float:
        """See Peer: one request, since there is no workflow."""
        if workflow != "short":
            raise NotImplementedError
        return timed(self._submitter(0))

    def burst(self, number: int) -> float:
        """See Peer."""
        return number / timed(lambda: in_parallel(number, CONNECTIONS, self._submitter))

    def _submitter(self, _: int) -> Callable[[], None]:
        wire = Wire(self._port)

        def submit() -> None:
            status, content = wire.post("/api/v1/workflows/default/short/executions", b'{"inputs": {}}')
            if status != 201:
                raise SystemExit(f"http: {status} {content[:300]!r}")

        return submit
