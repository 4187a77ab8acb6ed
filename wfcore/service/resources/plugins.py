"""Plugins: what is installed, from where, and in which state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfcore.service.answers import send
from wfcore.service.site import Site

if TYPE_CHECKING:
    from falcon import Request, Response


class Plugins:
    """``/api/v1/plugins``."""

    def __init__(self, site: Site) -> None:
        self._app = site.app

    def on_get(self, _request: Request, response: Response) -> None:
        """List the installed plugins."""
        send(response, {"plugins": self._app.plugins()})
