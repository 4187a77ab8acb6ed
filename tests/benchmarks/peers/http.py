"""What the HTTP of the product costs alone: its libraries, with an application that does nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from harness import submit_many, timed
from wire import Wire

from peers.base import Peer, await_answer, free_port

APPLICATION = Path(__file__).with_name("apps") / "on_http.py"
#: As many as the product has.
THREADS = 16


class Http(Peer):
    """Requests as those of the product's B3, each answered at once."""

    name = "http"

    def start(self) -> None:
        """See Peer."""
        self._port = free_port()
        self.spawn([sys.executable, APPLICATION, self._port, THREADS])
        await_answer(f"http://127.0.0.1:{self._port}/")

    def wire(self) -> Wire:
        """A connection to it, as to a server of the product."""
        return Wire(self._port)

    def run(self, workflow: str) -> float:
        """See Peer: one request, since there is no workflow."""
        if workflow != "short":
            raise NotImplementedError
        return timed(lambda: submit_many([self], workflow, 1, connections=1))

    def burst(self, number: int) -> float:
        """See Peer."""
        return number / timed(lambda: submit_many([self], "short", number))
