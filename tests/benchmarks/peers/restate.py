"""Restate: its server, and a service in Python with its SDK."""

from __future__ import annotations

import http.client
import json
import os
import threading
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
        self._own = threading.local()

    def start(self) -> None:
        """See Peer."""
        service, self._ingress, admin, node = (free_port() for _ in range(4))
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
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{self._ingress}",
        })  # fmt: skip
        for port in (admin, self._ingress):
            await_answer(f"http://127.0.0.1:{port}/health")
        body = json.dumps({"uri": f"http://127.0.0.1:{service}"}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{admin}/deployments", body, {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=60).close()

    def call(self, workflow: str) -> None:
        """See Called."""
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection("127.0.0.1", self._ingress)
        path, headers = f"/bench/{workflow}", {"Content-Type": "application/json"}
        self._own.connection.request("POST", path, b"{}", headers)
        answer = self._own.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"restate: {answer.status} {content[:300]!r}")
