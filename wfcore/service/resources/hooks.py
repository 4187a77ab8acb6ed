"""Webhooks: any request below ``/hooks`` goes to the trigger that has its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wfcore.errors import Forbidden, NotFound, Unauthorized
from wfcore.model.execution import SUCCESS
from wfcore.plugins.contracts import WebRequest
from wfcore.service.answers import send
from wfcore.service.body import read_bytes
from wfcore.service.params import idempotency_key
from wfcore.service.site import Site, actor
from wfcore.service.stream import park_until_end

if TYPE_CHECKING:
    from falcon import Request, Response

    from wfcore.model.execution import ExecutionRecord
    from wfcore.model.records import TriggerRecord

#: ``respond: result`` waits this long, in seconds, for the execution to end.
RESULT_SECONDS: Final = 10.0


class Hooks:
    """``/hooks/{path}``, every method; who may call is the trigger's decision."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def _fire(self, request: Request, response: Response, path: str) -> None:
        """Start the workflow that listens here."""
        app, method = self._site.app, request.method
        trigger = app.storage.trigger_at(f"{method} /{path}")
        if trigger is None:
            raise NotFound(
                f"no workflow listens to {method} /hooks/{path}",
                remedy="apply and enable a workflow with this webhook; `workflow describe` shows its URL",
            )
        asked = self._web_request(request, trigger, f"/{path}")
        try:
            execution, respond = app.hooked(trigger, asked)
        except (Unauthorized, Forbidden) as error:
            target = f"{method} /hooks/{path} of {trigger.namespace}/{trigger.workflow}"
            app.audit.refused(actor(request), "request.deny", target, error)
            raise
        if execution is None:  # the trigger's `if` does not hold
            send(response, {"execution": None}, 202)
            return
        response.set_header("Location", f"/api/v1/executions/{execution.id}")
        ended = self._await(request, execution.id) if respond == "result" else None
        if ended is None:
            send(response, {"execution": execution.id}, 202)
        else:
            self._answer(response, ended)

    on_get = on_post = on_put = on_patch = on_delete = on_head = on_options = _fire

    def _await(self, request: Request, id: str) -> ExecutionRecord | None:
        return park_until_end(self._site, self._site.halt(request), id, RESULT_SECONDS)

    def _answer(self, response: Response, ended: ExecutionRecord) -> None:
        if ended.state == SUCCESS:
            response.data = self._site.app.executions.answer(ended)
            return
        error = {
            "code": "execution_failed",
            "message": f"execution {ended.id} ended as {ended.state}",
            "remedy": "see its log",
        }
        send(response, {"error": error, "execution": ended.id}, 500)

    def _web_request(self, request: Request, row: TriggerRecord, path: str) -> WebRequest:
        authorization = request.env.get("HTTP_AUTHORIZATION")
        idempotency_key(request)  # refuses one that is not valid
        return WebRequest(
            method=request.method,
            path=path,
            headers={name.lower(): value for name, value in request.headers.items()},
            query={
                name: value if isinstance(value, str) else value[-1] for name, value in request.params.items()
            },
            body=read_bytes(request, self._site.max_body),
            remote=request.remote_addr,
            authorized=self._site.tokens.accept_hook(authorization, row.namespace, row.workflow),
            workflow=f"{row.namespace}/{row.workflow}",
        )
