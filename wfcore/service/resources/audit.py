"""The audit log: list, export, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfcore.model.records import AuditQuery
from wfcore.service import params
from wfcore.service.answers import send
from wfcore.service.site import Site
from wfcore.service.trail import Trail, place

if TYPE_CHECKING:
    from falcon import Request, Response


class Audit:
    """``/api/v1/audit``, with ``/entries`` and ``/verify`` below it."""

    def __init__(self, site: Site) -> None:
        self._trail = Trail(site.app.storage)

    def on_get(self, request: Request, response: Response) -> None:
        """List entries, newest first."""
        before = params.PLACE.read(request)
        query = AuditQuery(
            actor=params.ACTOR.read(request),
            action=params.ACTION.read(request),
            since=params.SINCE.read(request),
            until=params.UNTIL.read(request),
            before=place(before) if before else None,
            limit=params.ENTRIES.read(request),
        )
        send(response, self._trail.list(query))

    def on_get_entries(self, request: Request, response: Response) -> None:
        """Read the log of one server in order."""
        server, after, limit = (p.read(request) for p in (params.SERVER, params.AFTER, params.LIMIT))
        send(response, self._trail.entries(server, after, limit))

    def on_get_verify(self, _request: Request, response: Response) -> None:
        """Whether the log is whole."""
        send(response, self._trail.verify())
