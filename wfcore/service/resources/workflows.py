"""Workflows: apply, validate, list, describe, switch, delete."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from wfcore.service.answers import send
from wfcore.service.body import read_workflow
from wfcore.service.params import DRY_RUN, FILE
from wfcore.service.site import Site, actor, listed_namespace

if TYPE_CHECKING:
    from falcon import Request, Response


class WorkflowList:
    """``/api/v1/workflows``, and ``/validate`` below it."""

    def __init__(self, site: Site) -> None:
        self._workflows, self._limit = site.app.workflows, site.max_body

    def on_get(self, request: Request, response: Response) -> None:
        """List workflows."""
        send(response, {"workflows": self._workflows.list(listed_namespace(request))})

    def on_post(self, request: Request, response: Response) -> None:
        """Apply a workflow."""
        file, dry_run = FILE.read(request), DRY_RUN.read(request)
        source, files = read_workflow(request, self._limit)
        applied = self._workflows.apply(source, file, files, dry_run=dry_run, by=actor(request))
        send(response, asdict(applied))

    def on_post_validate(self, request: Request, response: Response) -> None:
        """Check a workflow; nothing is stored."""
        source, files = read_workflow(request, self._limit)
        workflow = self._workflows.validate(source, FILE.read(request), files)
        send(response, {"namespace": workflow.namespace, "id": workflow.id, "valid": True})


class WorkflowItem:
    """``/api/v1/workflows/{namespace}/{id}``, with ``/enable`` and ``/disable`` below it."""

    def __init__(self, site: Site) -> None:
        self._workflows, self._tokens = site.app.workflows, site.tokens

    def on_get(self, request: Request, response: Response, namespace: str, id: str) -> None:
        """Describe a workflow; the token of its hooks is for those who may start it."""
        token = self._tokens.hook(namespace, id) if actor(request).has("operator") else None
        detail = self._workflows.describe(namespace, id)
        for trigger in detail["triggers"]:
            trigger["token"] = token if trigger["address"] else None
        send(response, detail)

    def on_get_permissions(self, _request: Request, response: Response, namespace: str, id: str) -> None:
        """Say who can reach what."""
        send(response, self._workflows.permissions(namespace, id))

    def on_delete(self, request: Request, response: Response, namespace: str, id: str) -> None:
        """Delete a workflow; its executions stay."""
        self._workflows.delete(namespace, id, by=actor(request))
        response.status = 204

    def on_post_enable(self, request: Request, response: Response, namespace: str, id: str) -> None:
        """Turn a workflow on."""
        send(response, self._workflows.set_enabled(namespace, id, True, by=actor(request)))

    def on_post_disable(self, request: Request, response: Response, namespace: str, id: str) -> None:
        """Turn a workflow off; running executions go on."""
        send(response, self._workflows.set_enabled(namespace, id, False, by=actor(request)))
