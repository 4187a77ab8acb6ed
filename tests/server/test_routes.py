"""The table of routes against the running server: nothing answers without it, and nothing without a token."""

import inspect
import json

import pytest

from wfcore.service.routes import HOOKS_PREFIX, ROUTES

OPERATIONS = [(route, operation) for route in ROUTES for operation in route.operations]
GUARDED = [(route, operation) for route, operation in OPERATIONS if not route.public]


def name(value):
    return getattr(value, "path", None) or getattr(value, "method", None)


def path_of(route):
    path = route.path.replace("{path:path}", "nowhere/at-all")
    return path.replace("{namespace}", "default").replace("{id}", "missing")


def test_the_public_list_is_exactly_this():
    assert {route.path for route in ROUTES if route.public} == {"/healthz", "/readyz", "/hooks/{path:path}"}


@pytest.mark.parametrize(("route", "operation"), GUARDED, ids=name)
def test_no_token_no_answer(server, route, operation):
    for token in ("", "wrong", server.token[:-1], server.token + "x"):
        answer = server.call(operation.method, path_of(route), token=token)
        assert (answer.status, answer.code) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert server.token not in answer.body.decode()


@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/v1/nothing", "/healthz/", "/healthz/x", "/hooks", "/hooksx", "//metrics", "/HEALTHZ",
     "/api/v1/../../healthz", "/readyz%2f..%2fmetrics"],
)  # fmt: skip
def test_nor_for_what_is_not_there(server, path):
    assert server.get(path, token="").status == 401


def test_the_token_belongs_into_the_header(server):
    assert server.get(f"/api/v1/server?token={server.token}", token="").status == 401
    assert server.get("/api/v1/server", token="", Authorization=server.token).status == 401
    assert server.get("/api/v1/server", token="", Authorization=f"bearer {server.token}").status == 200
    assert server.get("/api/v1/server", token="", Cookie=f"token={server.token}").status == 401


@pytest.mark.parametrize(("route", "operation"), OPERATIONS, ids=name)
def test_the_router_knows_each_route(server, route, operation):
    if operation.method == "POST" and route.suffix == "stop":
        pytest.skip("see test_stop.py")
    answer = server.call(operation.method, path_of(route))
    assert answer.status != 405
    assert answer.status < 500
    if answer.status == 404 and operation.method != "HEAD":
        assert not answer.json["error"]["message"].startswith("there is no /"), "the router does not know it"


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if not route.path.startswith(HOOKS_PREFIX)], ids=name
)
def test_other_methods(server, route):
    allowed = {
        operation.method for other in ROUTES if other.path == route.path for operation in other.operations
    }
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"} - allowed:
        answer = server.call(method, path_of(route))
        assert (answer.status, answer.code) == (405, "method_not_allowed"), method
        assert allowed <= set(answer.headers["allow"].replace(" ", "").split(","))


def test_methods_that_http_does_not_know(server):
    answer = server.call("BREW", "/api/v1/server")
    assert answer.status in (400, 405)
    assert answer.code in ("usage", "method_not_allowed")


@pytest.mark.parametrize(
    ("route", "operation"), [(r, o) for r, o in OPERATIONS if not r.free and r.suffix != "stop"], ids=name
)
def test_unknown_query_parameters(server, route, operation):
    answer = server.call(operation.method, path_of(route) + "?bogus=1")
    assert (answer.status, answer.code) == (400, "usage")
    assert "bogus" in answer.json["error"]["message"]


def test_a_near_miss_is_named(server):
    answer = server.get("/api/v1/executions?sate=FAILED")
    assert answer.status == 400
    assert "'state'" in answer.json["error"]["remedy"]


def test_unknown_paths(server):
    for path in ("/api/v1/nothing", "/", "/api/v1/executions/x/y/z"):
        answer = server.get(path)
        assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/server", "/api/v1/nothing", "/hooks/x", "/metrics"])
@pytest.mark.parametrize("token", ["", ...])
def test_the_headers_of_every_answer(server, path, token):
    headers = server.get(path, token=token).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers
    assert "via" not in headers


def test_every_responder_is_in_the_table():
    """A method on a resource that no operation documents would be a route that nobody knows of."""
    made = {}
    for route in ROUTES:
        suffix = f"_{route.suffix}" if route.suffix else ""
        made.setdefault(route.resource, set()).update(
            f"on_{operation.method.lower()}{suffix}" for operation in route.operations
        )
    for resource, documented in made.items():
        there = {name for name, _ in inspect.getmembers(resource, callable) if name.startswith("on_")}
        assert there == documented


def test_the_document_is_served(server):
    from wfcore.service.openapi import document

    assert server.get("/api/v1/openapi.json").json == json.loads(json.dumps(document()))
