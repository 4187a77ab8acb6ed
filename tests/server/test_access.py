"""Each route against tokens of every role and of other namespaces: what the table says is what holds."""

import re

import pytest

from wfcore.model.actor import ROLES
from wfcore.service.access import Access
from wfcore.service.routes import ROUTES

OPERATIONS = [(route, operation) for route in ROUTES for operation in route.operations]
GUARDED = [(route, operation) for route, operation in OPERATIONS if operation.access.role]
FLOW = "id: flow\nnamespace: {}\ntasks:\n  a: {{type: core/log, inputs: {{message: x}}}}\n"


def name(value):
    return getattr(value, "path", None) or getattr(value, "method", None)


def path_of(route, namespace="default", id="missing"):
    path = route.path.replace("{namespace}", namespace).replace("{id}", id)
    return re.sub(r"\{\w+\}", "missing", path)


@pytest.fixture(scope="module")
def tokens(server):
    """A token for each role, and one for each that is limited to the namespace ``mine``."""
    made = {}
    for role in ROLES:
        for scope in ("all", "mine"):
            body = {"name": f"{role}-{scope}", "role": role, "namespaces": [] if scope == "all" else ["mine"]}
            answer = server.post("/api/v1/tokens", body)
            assert answer.status == 201, answer.body
            made[role, scope] = answer.json["token"]
    yield made
    for role, scope in made:
        assert server.call("DELETE", f"/api/v1/tokens/{role}-{scope}").status == 204


@pytest.fixture(scope="module")
def flows(server):
    """An execution in each of two namespaces."""
    ids = {}
    for namespace in ("mine", "other"):
        server.apply(FLOW.format(namespace))
        answer = server.post(f"/api/v1/workflows/{namespace}/flow/executions")
        ids[namespace] = answer.json["id"]
    return ids


def test_every_route_says_who_has_access():
    for _, operation in OPERATIONS:
        assert isinstance(operation.access, Access)


def test_what_changes_something_is_not_for_viewers():
    for route, operation in GUARDED:
        if operation.method != "GET":
            assert operation.access.role != "viewer", (route.path, operation.method)


def test_what_names_a_namespace_is_limited_to_it():
    """A twin of a route cannot forget the check: whatever has a workflow's namespace in its path has it."""
    for route, operation in GUARDED:
        if "/workflows/{namespace}" in route.path:
            assert operation.access.scope == "path", (route.path, operation.method)
        if "/executions/{id}" in route.path:
            assert operation.access.scope == "execution", (route.path, operation.method)
        if any(param.name == "namespace" for param in operation.query):
            assert operation.access.scope == "query", (route.path, operation.method)
        if any(param.name == "scope" for param in operation.query):
            assert operation.access.scope == "scope", (route.path, operation.method)


@pytest.mark.parametrize(("route", "operation"), GUARDED, ids=name)
def test_too_small_a_role(server, tokens, route, operation):
    needed = ROLES.index(operation.access.role)
    for role in ROLES[:needed]:
        answer = server.call(operation.method, path_of(route), token=tokens[role, "all"])
        assert (answer.status, answer.code) == (403, "forbidden"), role
        assert f"the role {operation.access.role}" in answer.json["error"]["message"]


@pytest.mark.parametrize(("route", "operation"), GUARDED, ids=name)
def test_another_namespace(server, tokens, flows, route, operation):
    token = tokens["admin", "mine"]
    path = path_of(route, "other", flows["other"])
    scope = operation.access.scope
    if scope == "query":
        path += "?namespace=other"
    if scope == "scope":
        answer = server.call(operation.method, path, token=token)
        assert (answer.status, answer.code) == (403, "forbidden"), "of the whole installation"
        path += "?scope=other/flow"
    if scope in ("anywhere", "body"):
        return  # those of "body" have tests of their own
    answer = server.call(operation.method, path, token=token)
    if scope == "execution":
        assert (answer.status, answer.code) == (404, "not_found")
        assert answer.json["error"]["message"] == f"there is no execution {flows['other']}"
    else:
        assert (answer.status, answer.code) == (403, "forbidden")


@pytest.mark.parametrize(("route", "operation"), GUARDED, ids=name)
def test_enough(server, tokens, flows, route, operation):
    if route.suffix == "stop":
        pytest.skip("see test_stop.py")
    scope, role = operation.access.scope, operation.access.role
    token = tokens[role, "all" if scope == "everywhere" else "mine"]
    path = path_of(route, "mine", flows["mine"]) + ("?scope=mine" if scope == "scope" else "")
    answer = server.call(operation.method, path, token=token)
    assert answer.status not in (401, 403)


@pytest.mark.parametrize(
    ("route", "operation"), [each for each in OPERATIONS if each not in GUARDED], ids=name
)
def test_what_is_public(server, route, operation):
    assert route.public, "a route is public with all of its methods or not at all"


def test_lists_show_the_tokens_own_namespaces(server, tokens, flows):
    for path, key in (("/api/v1/workflows", "workflows"), ("/api/v1/executions", "executions")):
        shown = server.get(path, token=tokens["viewer", "mine"]).json[key]
        assert {one["namespace"] for one in shown} == {"mine"}
        shown = server.get(path, token=tokens["viewer", "all"]).json[key]
        assert {one["namespace"] for one in shown} >= {"mine", "other"}


def test_a_token_of_several_namespaces_says_which_one_a_list_is_about(server, flows):
    made = server.post("/api/v1/tokens", {"name": "two", "role": "viewer", "namespaces": ["mine", "other"]})
    token = made.json["token"]
    answer = server.get("/api/v1/executions", token=token)
    assert answer.status == 403
    assert "mine, other" in answer.json["error"]["remedy"]
    for namespace in ("mine", "other"):
        shown = server.get(f"/api/v1/executions?namespace={namespace}", token=token).json["executions"]
        assert {one["namespace"] for one in shown} == {namespace}
    assert server.get("/api/v1/executions?namespace=default", token=token).status == 403


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_a_workflow_goes_only_into_the_tokens_namespace(server, tokens, query):
    path = f"/api/v1/workflows{query}"
    answer = server.post(
        path, FLOW.format("other"), kind="application/yaml", token=tokens["operator", "mine"]
    )
    assert (answer.status, answer.code) == (403, "forbidden")
    answer = server.post(path, FLOW.format("mine"), kind="application/yaml", token=tokens["operator", "mine"])
    assert answer.status == 200


def test_secrets_of_other_namespaces_are_not_listed(server, tokens):
    for scope in ("", "mine", "mine/flow", "other"):
        answer = server.call("PUT", f"/api/v1/secrets/SEEN?scope={scope}", {"value": "long enough"})
        assert answer.status == 200, answer.body
    listed = server.get("/api/v1/secrets", token=tokens["admin", "mine"]).json["secrets"]
    assert {one["scope"] for one in listed} == {"mine", "mine/flow"}
    assert server.get("/api/v1/secrets", token=tokens["operator", "all"]).status == 403
    for scope in ("", "mine", "mine/flow", "other"):
        server.call("DELETE", f"/api/v1/secrets/SEEN?scope={scope}")


def test_the_token_of_hooks_is_not_for_viewers(server, tokens):
    server.apply(
        "id: hooked\nnamespace: mine\ntrigger: {webhook: {path: /mine/hooked}}\n"
        + FLOW[FLOW.index("tasks") :].format()
    )
    path = "/api/v1/workflows/mine/hooked"
    (shown,) = server.get(path, token=tokens["viewer", "mine"]).json["triggers"]
    assert shown["token"] is None
    (shown,) = server.get(path, token=tokens["operator", "mine"]).json["triggers"]
    assert server.post("/hooks/mine/hooked", {}, token=shown["token"]).status == 202
    assert server.post("/hooks/mine/hooked", {}, token=tokens["operator", "mine"]).status == 202
    assert server.post("/hooks/mine/hooked", {}, token=tokens["viewer", "mine"]).status == 401
    assert server.get("/api/v1/workflows", token=shown["token"]).status == 401


def test_a_revoked_token_opens_nothing_at_once(server):
    token = server.post("/api/v1/tokens", {"name": "gone", "role": "admin"}).json["token"]
    assert server.get("/api/v1/self", token=token).json == {
        "name": "token/gone", "role": "admin", "namespaces": []
    }  # fmt: skip
    assert server.call("DELETE", "/api/v1/tokens/gone", token=token).status == 204
    assert server.get("/api/v1/self", token=token).status == 401
    assert server.call("DELETE", "/api/v1/tokens/gone").status == 404


def test_a_token_is_shown_once(server):
    made = server.post("/api/v1/tokens", {"name": "once", "role": "viewer", "expires": "1h"}).json
    assert made["expired"] is False
    listed = server.get("/api/v1/tokens").body.decode()
    assert '"once"' in listed
    assert made["token"] not in listed
    assert made["token"] not in server.get("/api/v1/audit").body.decode()
    assert server.post("/api/v1/tokens", {"name": "once", "role": "viewer"}).status == 409
    assert server.call("DELETE", "/api/v1/tokens/once").status == 204


def test_tokens_are_in_the_audit_log(server):
    server.post(
        "/api/v1/tokens", {"name": "told", "role": "operator", "namespaces": ["mine"], "expires": "never"}
    )
    one = server.get("/api/v1/audit?action=token.create&limit=1").json["entries"][0]
    assert (one["actor"], one["target"], one["result"]) == ("admin", "told", "ok")
    assert one["detail"] == {"role": "operator", "namespaces": ["mine"], "expires_at": None}
    server.call("DELETE", "/api/v1/tokens/told")
    one = server.get("/api/v1/audit?action=token.revoke&limit=1").json["entries"][0]
    assert (one["target"], one["result"]) == ("told", "ok")


def test_what_a_token_may_not_do_is_in_the_audit_log(server, tokens):
    server.call("DELETE", "/api/v1/workflows/other/flow", token=tokens["operator", "mine"])
    found = server.get("/api/v1/audit?action=request.deny&actor=token/operator-mine&limit=1000").json[
        "entries"
    ]
    assert ("DELETE /api/v1/workflows/other/flow", "forbidden") in {
        (one["target"], one["result"]) for one in found
    }


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({}, "`name` is not a text"),
        ({"name": "x"}, "`role` is not a text"),
        ({"name": "A b", "role": "viewer"}, "'A b' is no name for a token"),
        ({"name": "x" * 64, "role": "viewer"}, "is no name for a token"),
        ({"name": "x", "role": "root"}, "'root' is no role"),
        ({"name": "x", "role": "viewer", "namespaces": "a"}, "`namespaces` is not a list"),
        ({"name": "x", "role": "viewer", "namespaces": ["../a"]}, "'../a' is no namespace"),
        ({"name": "x", "role": "viewer", "expires": "soon"}, "`expires` is no duration"),
        ({"name": "x", "role": "viewer", "expires": "0s"}, "ten years at most"),
        ({"name": "x", "role": "viewer", "expires": "4000d"}, "ten years at most"),
        ({"name": "x", "role": "viewer", "digest": "0"}, "digest"),
    ],
)  # fmt: skip
def test_bad_tokens(server, body, about):
    answer = server.post("/api/v1/tokens", body)
    assert (answer.status, answer.code) == (400, "usage")
    assert about in answer.json["error"]["message"]
