"""Restate: its server, and a service in Python with its SDK."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path

from peers.base import Called, await_answer, free_port

APPLICATION = Path(__file__).with_name("apps") / "on_restate.py"


class Restate(Called):
    """One node with its default settings, on free ports."""

    name = "restate"

    def __init__(self, home: Path, installed: Path) -> None:
        super().__init__(home)
        self._installed = installed / "restate"

    def start(self) -> None:
        """See Peer."""
        service, ingress, admin, node = (free_port() for _ in range(4))
        python = self._installed / "venv/bin/python"
        self.spawn([python, "-m", "hypercorn", "-b", f"127.0.0.1:{service}", "on_restate:app"],
                   env={**os.environ, "PYTHONPATH": str(APPLICATION.parent)})  # fmt: skip
        (server,) = self._installed.glob("node_modules/@restatedev/restate-server-*/bin/restate-server")
        self.spawn([server], env={
            **os.environ, "RESTATE_BASE_DIR": str(self.home / "data"), "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LOG_FILTER": "warn", "RESTATE_NODE_NAME": "bench",
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
            "RESTATE_ADVERTISED_ADDRESS": f"http://127.0.0.1:{node}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
        })  # fmt: skip
        for port in (admin, ingress):
            await_answer(f"http://127.0.0.1:{port}/health")
        body = json.dumps({"uri": f"http://127.0.0.1:{service}"}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{admin}/deployments", body, {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=60).close()
        self.opened(ingress)

    def path(self, workflow: str) -> str:
        """See Called."""
        return f"/bench/{workflow}"
