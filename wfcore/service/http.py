"""The WSGI application: routes from the table, one token rule, one error shape."""

from __future__ import annotations

import logging
import secrets
from typing import Any, Final

import falcon
from falcon import Request, Response

from wfcore.errors import PluginError, WorkflowError
from wfcore.service.answers import error_body, send, status_body
from wfcore.service.gate import Gate
from wfcore.service.routes import resources
from wfcore.service.site import Site

PLUGIN_PREFIX: Final = "/api/v1/plugins/"
_log = logging.getLogger("workflow.http")


def build_app(site: Site) -> falcon.App[Request, Response]:
    """The application with every route of the table and those that plugins contribute. Raises PluginError."""
    api = falcon.App(middleware=[Gate(site)])
    api.add_error_handler(Exception, _failed)
    worker = site.app.config["server"]["role"] == "worker"
    api.add_error_handler(falcon.HTTPError, _refused_by_worker if worker else _refused_by_http)
    api.add_error_handler(WorkflowError, _refused)
    for route, resource in resources(site):
        if worker and not route.everywhere:
            continue
        api.add_route(route.path, resource, suffix=route.suffix)
    for path, resource in site.app.hooks.routes(site).items():
        _mount(api, path, resource)
    return api


def _mount(api: falcon.App[Request, Response], path: str, resource: Any) -> None:
    """Add what a plugin contributes. Raises PluginError for what falcon does not take."""
    try:
        api.add_route(PLUGIN_PREFIX + path.lstrip("/"), resource)
    except (TypeError, ValueError, AttributeError) as error:
        raise PluginError(
            f"the route {path!r} of a plugin cannot be served: {error}",
            remedy="correct its wf_routes, or list the plugin under plugins.disabled",
        ) from error


def _refused(request: Request, response: Response, error: WorkflowError, _params: Any) -> None:
    if error.http_status >= 500 and error.http_status != 503:
        _log.error("%s %s: %s", request.method, request.path, error)
    send(response, error_body(error), error.http_status)
    if error.http_status == 401:
        response.set_header("WWW-Authenticate", "Bearer")
    elif error.http_status == 503:
        response.set_header("Retry-After", "1")


def _refused_by_http(request: Request, response: Response, error: falcon.HTTPError, _params: Any) -> None:
    status = error.status_code
    message, remedy = error.description or error.title, None
    if status == 404:
        message, remedy = f"there is no {request.path}", "see /api/v1/openapi.json for what there is"
    elif status == 405:
        allow = dict(error.headers or {}).get("Allow", "")
        message, remedy = f"{request.path} does not take {request.method}", f"it takes {allow}"
    send(response, status_body(status, message or str(error.status), remedy), status)
    response.set_headers(error.headers or {})


def _refused_by_worker(request: Request, response: Response, error: falcon.HTTPError, params: Any) -> None:
    if error.status_code != 404:
        _refused_by_http(request, response, error, params)
        return
    message = f"this server is a worker, there is no {request.path}"
    remedy = "ask a server whose role is all or api: `--server URL` or WORKFLOW_SERVER"
    send(response, status_body(404, message, remedy), 404)


def _failed(request: Request, response: Response, error: Exception, _params: Any) -> None:
    """A bug: the log gets the traceback, the client only where to look."""
    reference = secrets.token_hex(4)
    _log.error("%s %s failed, reference %s", request.method, request.path, reference, exc_info=error)
    message = "the server failed on this request"
    send(response, status_body(500, message, f"see the server's log, reference {reference}"), 500)
