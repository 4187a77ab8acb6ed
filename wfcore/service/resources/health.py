"""Probes and metrics: is the process alive, does it take work, what does it do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfcore.service.answers import send
from wfcore.service.exposition import exposition
from wfcore.service.site import Site

if TYPE_CHECKING:
    from falcon import Request, Response


class Healthz:
    """``/healthz``: answers as long as the process does."""

    def __init__(self, _site: Site) -> None:
        """Asks nobody."""

    def on_get(self, _request: Request, response: Response) -> None:
        """Whether the process answers."""
        response.data = b'{"status":"ok"}'


class Readyz:
    """``/readyz``: 503 while the server stops or something is unwell; what, only ``/api/v1/server`` tells."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def on_get(self, _request: Request, response: Response) -> None:
        """Whether the server takes work."""
        status = "unwell" if any(self._site.app.health().values()) else "ready"
        if self._site.stopping.is_set():
            status = "stopping"
        send(response, {"status": status}, 200 if status == "ready" else 503)


class Metrics:
    """``/metrics``: the kernel's gauges and what the hook plugins contribute."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def on_get(self, _request: Request, response: Response) -> None:
        """Metrics in the Prometheus text format, version 0.0.4."""
        response.content_type = "text/plain; version=0.0.4; charset=utf-8"
        response.data = exposition(self._site).encode()
