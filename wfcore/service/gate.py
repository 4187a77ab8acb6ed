"""Who may call what: every request passes here before any resource sees it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import falcon
from falcon import Request, Response

from wfcore.errors import Forbidden, NotFound, Unauthorized, UsageError, WorkflowError
from wfcore.model.actor import Actor
from wfcore.service.access import ADMINISTER, Access
from wfcore.service.params import NAMESPACE, SCOPE
from wfcore.service.routes import HOOKS_PREFIX, accesses, allowed_queries, public_paths
from wfcore.service.site import Site, actor

_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


class Gate:
    """Asks for a token before anything else, then for the role and the namespace that the table says.

    Unknown paths need a token too, so that nobody learns from outside what is there. What is not in the
    table (what plugins contribute) is for administrators, unless the resource has a ``role`` itself.
    """

    def __init__(self, site: Site) -> None:
        self._tokens = site.tokens
        self._audit = site.app.audit
        self._storage = site.app.storage
        self._public = public_paths()
        self._queries = allowed_queries()
        self._accesses = accesses()
        self._templates = {path for path, _ in self._accesses}

    def process_request(self, request: Request, _response: Response) -> None:
        """Raises Unauthorized, and HTTPNotFound for a path with a NUL: no name has one."""
        path, remote = request.path, request.remote_addr
        public = path in self._public or path.startswith(HOOKS_PREFIX)
        found = None if public else self._tokens.identify(request.env.get("HTTP_AUTHORIZATION"), remote)
        request.context.identified = found is not None
        request.context.actor = found or Actor("anonymous", "viewer", remote=remote)
        if not public and found is None:
            self._refuse(request, _unknown())
        if "\0" in path:
            raise falcon.HTTPNotFound

    def process_resource(
        self, request: Request, _response: Response, resource: Any, params: Mapping[str, Any]
    ) -> None:
        """Raises Unauthorized, Forbidden, NotFound for an execution of another namespace, and UsageError."""
        access = self._access(request, resource)
        if access is not None and access.role is not None:
            if not request.context.identified:  # whatever the path looked like to ``process_request``
                self._refuse(request, _unknown())
            try:
                self._admit(request, access, params)
            except (Forbidden, NotFound) as error:
                self._refuse(request, error)
        self._expect_known(request)

    def process_response(
        self, _request: Request, response: Response, _resource: Any, _succeeded: bool
    ) -> None:
        """Adds the headers that every answer has."""
        response.set_headers(_HEADERS)

    def _access(self, request: Request, resource: Any) -> Access | None:
        """What this method of this path asks for; None: it is answered that there is no such method."""
        template = request.uri_template or ""
        if template in self._templates:
            return self._accesses.get((template, request.method))
        role = getattr(resource, "role", None)
        return Access(role, "everywhere") if role is not None else ADMINISTER

    def _admit(self, request: Request, access: Access, params: Mapping[str, Any]) -> None:
        who, role = actor(request), access.role
        if access.scope == "query":
            request.context.namespace = self._listed(request, who)
        if role is not None and not who.has(role):
            raise Forbidden(
                f"this needs the role {role}; the token has {who.role}",
                remedy="ask an administrator for another token",
            )
        if not who.namespaces:
            return
        match access.scope:
            case "everywhere":
                raise _too_wide(who)
            case "scope":
                namespace = (SCOPE.read(request) or "").partition("/")[0]
                if not namespace:
                    raise _too_wide(who)
                who.expect(namespace)
            case "path":
                who.expect(params["namespace"])
            case "execution":
                self._expect_seen(who, params["id"])

    def _listed(self, request: Request, who: Actor) -> str | None:
        """The namespace that a list is about: the one that is named, the token's own if it has but one,
        else None: all of them.
        """
        named: str | None = NAMESPACE.read(request)
        if named is not None:
            who.expect(named)
            return named
        if len(who.namespaces) > 1:
            raise Forbidden(
                "the token is limited to namespaces, and none is named",
                remedy=f"say which: --namespace one of {', '.join(who.namespaces)}",
            )
        return who.namespaces[0] if who.namespaces else None

    def _expect_seen(self, who: Actor, id: str) -> None:
        record = self._storage.execution(id)
        if record is not None and not who.sees(record.namespace):
            raise NotFound(
                f"there is no execution {id}", remedy="see `workflow execution list` for what is there"
            )

    def _refuse(self, request: Request, error: WorkflowError) -> NoReturn:
        self._audit.refused(actor(request), "request.deny", f"{request.method} {request.path}", error)
        raise error

    def _expect_known(self, request: Request) -> None:
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


def _unknown() -> Unauthorized:
    return Unauthorized(
        "this needs a valid token",
        remedy="send `Authorization: Bearer TOKEN`; it is in admin.token of the data directory",
    )


def _too_wide(who: Actor) -> Forbidden:
    return Forbidden(
        f"this is about the whole installation; the token is limited to {', '.join(who.namespaces)}",
        remedy="ask an administrator for another token",
    )
