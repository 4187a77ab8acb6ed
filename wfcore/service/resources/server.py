"""The server about itself: status, stop, plugins, and its own description."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wfcore import __version__
from wfcore.model.nodes import NodeRecord
from wfcore.model.terms import differing
from wfcore.model.times import rfc3339
from wfcore.service.answers import dumps, send
from wfcore.service.site import Site, actor

if TYPE_CHECKING:
    from falcon import Request, Response


class Server:
    """``/api/v1/server`` and ``/api/v1/server/stop``."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def on_get(self, _request: Request, response: Response) -> None:
        """The server's status."""
        send(response, self._status())

    def on_post_stop(self, request: Request, response: Response) -> None:
        """Stop the server gracefully."""
        self._site.app.audit.note(actor(request), "server.stop", self._site.address, "ok")
        send(response, {"stopping": True}, 202)
        self._site.shut()

    def _status(self) -> dict[str, Any]:
        site, app = self._site, self._site.app
        started = datetime.fromtimestamp(site.started_at / 1e6, UTC)
        return {
            "node": app.node,
            "version": __version__,
            "pid": os.getpid(),
            "address": site.address,
            "started_at": started.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "ready": not site.stopping.is_set(),
            "storage": app.config["storage"]["type"],
            "executions": dict(app.storage.counts()),
            "running_tasks": app.engine.running_tasks(),
            "health": dict(app.health()),
            "nodes": [_node(node, app.engine.node) for node in app.engine.nodes()],
        }


def _node(node: NodeRecord, mine: NodeRecord) -> dict[str, Any]:
    return {
        "node": node.id,
        "address": node.address,
        "place": node.place,
        "version": node.version,
        "role": node.role,
        "slots": node.slots,
        "tasks": node.tasks,
        "differs": differing(mine.terms, node.terms),
        "started_at": rfc3339(node.started_at),
        "heartbeat_at": rfc3339(node.heartbeat_at),
    }


class Description:
    """``/api/v1/openapi.json``."""

    def __init__(self, site: Site) -> None:
        self._describe = site.description
        self._document = b""

    def on_get(self, _request: Request, response: Response) -> None:
        """This API as an OpenAPI document."""
        if not self._document:
            self._document = dumps(self._describe())
        response.data = self._document
