"""The WSGI application: routes from the table, one token rule, one error shape."""

from __future__ import annotations

import difflib
import logging
import secrets
from typing import Any, Final

import falcon
from falcon import Request, Response

from wfcore.errors import PluginError, Unauthorized, UsageError, WorkflowError
from wfcore.model.actor import Actor
from wfcore.service.answers import error_body, send, status_body
from wfcore.service.routes import HOOKS_PREFIX, allowed_queries, public_paths, resources
from wfcore.service.site import Site

PLUGIN_PREFIX: Final = "/api/v1/plugins/"
_HEADERS: Final = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
_log = logging.getLogger("workflow.http")


def build_app(site: Site) -> falcon.App[Request, Response]:
    """The application with every route of the table and those that plugins contribute. Raises PluginError."""
    api = falcon.App(middleware=[Gate(site)])
    api.add_error_handler(Exception, _failed)
    api.add_error_handler(falcon.HTTPError, _refused_by_http)
    api.add_error_handler(WorkflowError, _refused)
    for route, resource in resources(site):
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


class Gate:
    """Asks for a token before anything else, refuses unknown query parameters, and adds the fixed headers.

    Unknown paths need a token too, so that nobody learns from outside what is there.
    """

    def __init__(self, site: Site) -> None:
        self._accept = site.tokens.accept
        self._audit = site.app.audit
        self._public = public_paths()
        self._queries = allowed_queries()

    def process_request(self, request: Request, _response: Response) -> None:
        """Raises Unauthorized, and HTTPNotFound for a path with a NUL: no name has one."""
        path = request.path
        public = path in self._public or path.startswith(HOOKS_PREFIX)
        remote = request.remote_addr
        request.context.actor = Actor("admin", remote=remote)
        if not public and not self._accept(request.env.get("HTTP_AUTHORIZATION")):
            error = Unauthorized(
                "this needs a valid token",
                remedy="send `Authorization: Bearer TOKEN`; it is in admin.token of the data directory",
            )
            nobody = Actor("anonymous", "viewer", remote=remote)
            self._audit.refused(nobody, "request.deny", f"{request.method} {path}", error)
            raise error
        if "\0" in path:
            raise falcon.HTTPNotFound

    def process_resource(self, request: Request, _response: Response, _resource: Any, _params: Any) -> None:
        """Raises UsageError."""
        if not request.query_string:
            return
        known = self._queries.get((request.uri_template or "", request.method))
        if known is not None and (strange := set(request.params) - known):
            name = min(strange)
            near = difflib.get_close_matches(name, known, 1)
            remedy = (
                f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(sorted(known)) or 'none'}"
            )
            raise UsageError(f"unknown query parameter {name!r}", remedy=remedy)

    def process_response(
        self, _request: Request, response: Response, _resource: Any, _succeeded: bool
    ) -> None:
        """Adds the headers that every answer has."""
        response.set_headers(_HEADERS)


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


def _failed(request: Request, response: Response, error: Exception, _params: Any) -> None:
    """A bug: the log gets the traceback, the client only where to look."""
    reference = secrets.token_hex(4)
    _log.error("%s %s failed, reference %s", request.method, request.path, reference, exc_info=error)
    message = "the server failed on this request"
    send(response, status_body(500, message, f"see the server's log, reference {reference}"), 500)
