"""n8n, by its webhooks."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from peers.base import CHAIN, SHORT, Called, await_answer, free_port


class N8n(Called):
    """One process with SQLite and its default settings, or so that it saves the data of every node at once.

    It runs the nodes of an execution one after the other, so there is no ``fan``.
    """

    def __init__(self, home: Path, installed: Path, *, progress: bool) -> None:
        super().__init__(home)
        self.name = "n8n-each-step-saved" if progress else "n8n"
        self._program = installed / "n8n/node_modules/.bin/n8n"
        self._progress = progress

    def start(self) -> None:
        """See Peer."""
        port, broker = free_port(), free_port()
        environment = {
            **os.environ, "N8N_USER_FOLDER": str(self.home), "N8N_PORT": str(port),
            "N8N_LISTEN_ADDRESS": "127.0.0.1", "N8N_DIAGNOSTICS_ENABLED": "false", "DB_TYPE": "sqlite",
            "N8N_VERSION_NOTIFICATIONS_ENABLED": "false", "N8N_RUNNERS_BROKER_PORT": str(broker),
            "N8N_TEMPLATES_ENABLED": "false", "N8N_PERSONALIZATION_ENABLED": "false",
        }  # fmt: skip
        for name, length in (("chain", CHAIN), ("short", SHORT)):
            file = self.home / f"{name}.json"
            file.write_text(json.dumps(self._workflow(name, length)))
            for words in (["import:workflow", f"--input={file}"], ["publish:workflow", f"--id={name}"]):
                done = subprocess.run(
                    [self._program, *words], env=environment, capture_output=True, text=True
                )
                if done.returncode:
                    raise SystemExit(f"n8n {words}: {done.stdout[-500:]}{done.stderr[-1000:]}")
        self.spawn([self._program, "start"], env=environment)
        await_answer(f"http://127.0.0.1:{port}/healthz")
        self.opened(port)
        deadline = time.monotonic() + 60
        while self._wire.post(self.path("short"))[0] != 200:
            if time.monotonic() > deadline:
                raise SystemExit(f"n8n does not take webhooks: {(self.home / 'log').read_text()[-1000:]}")
            time.sleep(0.5)

    def path(self, workflow: str) -> str:
        """See Called."""
        if workflow == "fan":
            raise NotImplementedError
        return f"/webhook/{workflow}"

    def _workflow(self, name: str, length: int) -> dict[str, Any]:
        """A webhook, then so many nodes, each adding one."""
        hook = {"path": name, "httpMethod": "POST", "responseMode": "lastNode", "options": {}}
        nodes = [_node("hook", "n8n-nodes-base.webhook", 2, hook, webhookId=name)]
        links = {}
        for number in range(length):
            value = "={{ ($json.v ?? 0) + 1 }}"
            assignments = [{"id": f"v{number}", "name": "v", "type": "number", "value": value}]
            parameters = {"assignments": {"assignments": assignments}, "options": {}}
            nodes.append(_node(f"t{number}", "n8n-nodes-base.set", 3.4, parameters))
            before = f"t{number - 1}" if number else "hook"
            links[before] = {"main": [[{"node": f"t{number}", "type": "main", "index": 0}]]}
        settings = {"executionOrder": "v1", "saveExecutionProgress": self._progress}
        return {
            "id": name,
            "name": name,
            "nodes": nodes,
            "connections": links,
            "settings": settings,
            "active": False,
        }


def _node(name: str, type: str, version: float, parameters: dict[str, Any], **more: str) -> dict[str, Any]:
    return {
        "id": name, "name": name, "type": type, "typeVersion": version, "position": [0, 0],
        "parameters": parameters, **more,
    }  # fmt: skip
