"""The one table of routes: it drives router, access, check of queries and OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from wfcore.service import params
from wfcore.service.access import (
    ADMINISTER,
    ADMINISTER_SCOPE,
    ADMINISTER_SEEN,
    APPLY,
    CHECK,
    CONTROL,
    HOOK,
    OPERATE,
    PUBLIC,
    SEE,
    SEE_ALL,
    SEE_EXECUTION,
    SEE_LIST,
    SEE_NAMED,
    Access,
)
from wfcore.service.body import JSON_TYPES, YAML_TYPES
from wfcore.service.params import Param
from wfcore.service.resources.audit import Audit
from wfcore.service.resources.executions import ExecutionItem, ExecutionList, Submissions
from wfcore.service.resources.health import Healthz, Metrics, Readyz
from wfcore.service.resources.hooks import Hooks
from wfcore.service.resources.packages import PackageItem, PackageList
from wfcore.service.resources.plugins import Plugins
from wfcore.service.resources.secrets import SecretItem, SecretList
from wfcore.service.resources.server import Description, Server
from wfcore.service.resources.tokens import Self, TokenItem, TokenList
from wfcore.service.resources.workflows import WorkflowItem, WorkflowList
from wfcore.service.route import JSON, Operation, Route
from wfcore.service.site import Site

SSE: Final = "text/event-stream"
PROMETHEUS: Final = "text/plain"
#: Below this prefix the trigger decides who may call.
HOOKS_PREFIX: Final = "/hooks/"
_KEY: Final = {"Idempotency-Key": "The same key again gives the same execution, with status 200."}
_LAST: Final = {"Last-Event-ID": "Where to go on after a break; beats `after`."}
_PAGE: Final = (params.AFTER, params.LIMIT, params.WAIT_NEWS)
_LISTING: Final = (params.NAMESPACE, params.WORKFLOW, params.STATE, params.COUNT, params.BEFORE)
_YAML_ERRORS: Final = (413, 415, 422)
_HOOK_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_HOOK_ERRORS: Final = (401, 403, 404, 413, 415, 422, 503)
_WORKFLOW: Final = "/api/v1/workflows/{namespace}/{id}"
_EXECUTION: Final = "/api/v1/executions/{id}"


def _get(
    access: Access, summary: str, schema: str, *query: Param, errors: tuple[int, ...] = (), gives: str = JSON
) -> Operation:
    return Operation("GET", access, summary, {200: schema}, query, gives=gives, errors=errors)


def _post(access: Access, summary: str, schema: str, status: int, *errors: int) -> Operation:
    return Operation("POST", access, summary, {status: schema}, errors=errors)


def _hook(method: str) -> Operation:
    summary = f"Start the workflow whose webhook has this path and the method {method}."
    answers = {202: "Started", 200: "Anything"}
    return Operation(method, HOOK, summary, answers, body="Anything", takes=("*/*",), errors=_HOOK_ERRORS)


_APPLY: Final = Operation(
    "POST",
    APPLY,
    "Apply a workflow: a new revision unless it is unchanged.",
    {200: "Applied"},
    (params.FILE, params.DRY_RUN),
    body="Anything",
    takes=(*YAML_TYPES, *JSON_TYPES),
    errors=(409, *_YAML_ERRORS),
)
_VALIDATE: Final = Operation(
    "POST",
    CHECK,
    "Check a workflow; nothing is stored.",
    {200: "Valid"},
    (params.FILE,),
    body="Anything",
    takes=(*YAML_TYPES, *JSON_TYPES),
    errors=_YAML_ERRORS,
)
_DELETE: Final = Operation(
    "DELETE", OPERATE, "Delete a workflow; its executions stay.", {204: ""}, errors=(404,)
)
_SUBMIT: Final = Operation(
    "POST",
    OPERATE,
    "Start an execution.",
    {201: "Execution", 200: "Execution"},
    (params.WAIT_END,),
    body="Submission",
    headers=_KEY,
    errors=(403, 404, 409, 413, 415, 422, 503),
)
_SUBMIT_ALL: Final = Operation(
    "POST",
    OPERATE,
    "Start many executions; none when one of them is not well formed.",
    {201: "Begun", 200: "Begun"},
    body="Batch",
    errors=(403, 404, 409, 413, 415, 422, 503),
)
_FOLLOW: Final = Operation(
    "GET",
    SEE_EXECUTION,
    "Follow the history as server-sent events.",
    {200: "Fact"},
    (params.AFTER,),
    gives=SSE,
    headers=_LAST,
    errors=(404, 503),
)
_CANCEL: Final = Operation(
    "POST",
    CONTROL,
    "Cancel an execution.",
    {202: "Execution"},
    body="Cancellation",
    errors=(404, 409, 413, 415),
)
_READY: Final = Operation(
    "GET", PUBLIC, "Whether the server takes work.", {200: "Readiness", 503: "Readiness"}
)
_LIST: Final = _get(SEE_LIST, "List workflows.", "Workflows", params.NAMESPACE)
_DESCRIBE: Final = _get(SEE_NAMED, "Describe a workflow.", "Detail", errors=(404,))
_PERMISSIONS: Final = _get(SEE_NAMED, "Who can reach what in a workflow.", "Reaches", errors=(404,))
_ENABLE: Final = _post(OPERATE, "Turn a workflow on.", "Summary", 200, 404, 409)
_DISABLE: Final = _post(OPERATE, "Turn a workflow off.", "Summary", 200, 404)
_EXECUTIONS: Final = _get(SEE_LIST, "List executions, newest first.", "Executions", *_LISTING)
_INSPECT: Final = _get(SEE_EXECUTION, "Inspect an execution.", "Inspection", errors=(404,))
_CONTENT: Final = _get(
    SEE_EXECUTION, "Read one value, however large.", "Anything", params.PART, params.TASK, errors=(404,)
)
_FACTS: Final = _get(
    SEE_EXECUTION, "Read the history; with `wait` as a long-poll.", "Facts", *_PAGE, errors=(404, 503)
)
_LOGS: Final = _get(
    SEE_EXECUTION, "Read the log; with `wait` as a long-poll.", "Logs", *_PAGE, errors=(404, 503)
)
_PACKAGES: Final = _get(SEE, "List the installed plugin packages.", "Packages")
_INSTALL: Final = Operation(
    "POST",
    ADMINISTER,
    "Install a plugin package, with the permissions that it is granted.",
    {200: "Installed"},
    body="Installation",
    errors=(403, 404, 409, 413, 415, 422, 502),
)
_LOOK: Final = Operation(
    "POST",
    ADMINISTER,
    "Say what a reference would install, and what it asks for; nothing is installed.",
    {200: "Look"},
    body="Reference",
    errors=(403, 404, 413, 415, 422, 502),
)
_LOCK: Final = _get(ADMINISTER, "List what it takes to install all packages again, just so.", "Lock")
_UPDATES: Final = _get(
    ADMINISTER,
    "List the newer versions of installed packages.",
    "Updates",
    params.NAME,
    errors=(403, 404, 422, 502),
)
_SEARCH: Final = _get(ADMINISTER, "Search the registries.", "Hits", params.WORDS, errors=(403, 404, 422, 502))
_PACKAGE: Final = _get(SEE_ALL, "Describe a plugin package.", "PackageDetail", errors=(404,))
_REMOVE: Final = Operation(
    "DELETE",
    ADMINISTER,
    "Remove a plugin package.",
    {200: "Packages"},
    (params.VERSION, params.FORCE),
    errors=(404, 409),
)
_SECRETS: Final = _get(ADMINISTER_SEEN, "List the secrets, without their values.", "Secrets")
_SET_SECRET: Final = Operation(
    "PUT",
    ADMINISTER_SCOPE,
    "Set a secret.",
    {200: "SecretChange"},
    (params.SCOPE,),
    body="SecretValue",
    errors=(409, 413, 415),
)
_DELETE_SECRET: Final = Operation(
    "DELETE", ADMINISTER_SCOPE, "Delete a secret.", {200: "SecretChange"}, (params.SCOPE,), errors=(404, 409)
)
_ROTATE: Final = Operation(
    "POST",
    ADMINISTER,
    "Encrypt all stored secrets anew, under the master key in use or a new one.",
    {200: "Rotation"},
    body="RotationRequest",
    errors=(409, 413, 415),
)
_AUDIT: Final = _get(
    ADMINISTER,
    "List the audit log, newest first.",
    "Entries",
    *(params.ACTOR, params.ACTION, params.SINCE, params.UNTIL, params.PLACE, params.ENTRIES),
)
_ENTRIES: Final = _get(
    ADMINISTER,
    "Read the audit log of one server in order.",
    "Chain",
    params.SERVER,
    params.AFTER,
    params.LIMIT,
)
_VERIFY: Final = _get(ADMINISTER, "Whether the audit log is whole.", "Verification")
_TOKENS: Final = _get(ADMINISTER, "List the tokens.", "Tokens")
_CREATE: Final = Operation(
    "POST",
    ADMINISTER,
    "Make a token; its text is in this answer and nowhere else.",
    {201: "NewToken"},
    body="TokenRequest",
    errors=(409, 413, 415),
)
_REVOKE: Final = Operation("DELETE", ADMINISTER, "Revoke a token.", {204: ""}, errors=(404,))
_STOP: Final = _post(ADMINISTER, "Stop the server gracefully.", "Stopping", 202)

ROUTES: Final[tuple[Route, ...]] = (
    Route("/api/v1/workflows", WorkflowList, (_LIST, _APPLY)),
    Route("/api/v1/workflows/validate", WorkflowList, (_VALIDATE,), "validate"),
    Route(_WORKFLOW, WorkflowItem, (_DESCRIBE, _DELETE)),
    Route(f"{_WORKFLOW}/permissions", WorkflowItem, (_PERMISSIONS,), "permissions"),
    Route(f"{_WORKFLOW}/enable", WorkflowItem, (_ENABLE,), "enable"),
    Route(f"{_WORKFLOW}/disable", WorkflowItem, (_DISABLE,), "disable"),
    Route(f"{_WORKFLOW}/executions", Submissions, (_SUBMIT,)),
    Route(f"{_WORKFLOW}/executions/batch", Submissions, (_SUBMIT_ALL,), "batch"),
    Route("/api/v1/executions", ExecutionList, (_EXECUTIONS,)),
    Route(_EXECUTION, ExecutionItem, (_INSPECT,)),
    Route(f"{_EXECUTION}/content", ExecutionItem, (_CONTENT,), "content"),
    Route(f"{_EXECUTION}/facts", ExecutionItem, (_FACTS,), "facts"),
    Route(f"{_EXECUTION}/logs", ExecutionItem, (_LOGS,), "logs"),
    Route(f"{_EXECUTION}/events", ExecutionItem, (_FOLLOW,), "events"),
    Route(f"{_EXECUTION}/cancel", ExecutionItem, (_CANCEL,), "cancel"),
    Route("/api/v1/plugins", Plugins, (_get(SEE, "List the installed plugins.", "Plugins"),)),
    Route("/api/v1/packages", PackageList, (_PACKAGES, _INSTALL)),
    Route("/api/v1/packages/look", PackageList, (_LOOK,), "look"),
    Route("/api/v1/packages/lock", PackageList, (_LOCK,), "lock"),
    Route("/api/v1/packages/updates", PackageList, (_UPDATES,), "updates"),
    Route("/api/v1/packages/search", PackageList, (_SEARCH,), "search"),
    Route("/api/v1/packages/{namespace}/{name}", PackageItem, (_PACKAGE, _REMOVE)),
    Route("/api/v1/secrets", SecretList, (_SECRETS,)),
    Route("/api/v1/secret-keys/rotate", SecretList, (_ROTATE,), "rotate"),
    Route("/api/v1/secrets/{name}", SecretItem, (_SET_SECRET, _DELETE_SECRET)),
    Route("/api/v1/audit", Audit, (_AUDIT,)),
    Route("/api/v1/audit/entries", Audit, (_ENTRIES,), "entries"),
    Route("/api/v1/audit/verify", Audit, (_VERIFY,), "verify"),
    Route("/api/v1/tokens", TokenList, (_TOKENS, _CREATE)),
    Route("/api/v1/tokens/{name}", TokenItem, (_REVOKE,)),
    Route("/api/v1/self", Self, (_get(SEE, "Who sends this.", "Self"),)),
    Route("/api/v1/server", Server, (_get(SEE_ALL, "The server's status.", "Server"),), everywhere=True),
    Route("/api/v1/server/stop", Server, (_STOP,), "stop", everywhere=True),
    Route("/api/v1/openapi.json", Description, (_get(SEE, "This document.", "Anything"),)),
    Route("/hooks/{path:path}", Hooks, tuple(map(_hook, _HOOK_METHODS)), free=True),
    Route("/healthz", Healthz, (_get(PUBLIC, "Whether the process answers.", "Health"),), everywhere=True),
    Route("/readyz", Readyz, (_READY,), everywhere=True),
    Route(
        "/metrics",
        Metrics,
        (_get(SEE_ALL, "Metrics as Prometheus text.", "", gives=PROMETHEUS),),
        everywhere=True,
    ),
)


def accesses() -> dict[tuple[str, str], Access]:
    """Who has access to each (path, method)."""
    return {
        (route.path, operation.method): operation.access for route in ROUTES for operation in route.operations
    }


def allowed_queries() -> dict[tuple[str, str], frozenset[str]]:
    """The names of the query parameters that each (path, method) takes; a free route is not in it."""
    return {
        (route.path, operation.method): frozenset(param.name for param in operation.query)
        for route in ROUTES
        if not route.free
        for operation in route.operations
    }


def public_paths() -> frozenset[str]:
    """The exact paths that need no token."""
    return frozenset(route.path for route in ROUTES if route.public and "{" not in route.path)


def resources(site: Site) -> list[tuple[Route, Any]]:
    """Each route with its resource; routes of one class share one resource."""
    made: dict[Callable[[Site], object], object] = {}
    return [(route, made.setdefault(route.resource, route.resource(site))) for route in ROUTES]
