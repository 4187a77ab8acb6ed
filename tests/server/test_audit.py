"""What is done over the API is in the audit log, and so is what is refused."""

import base64

import pytest

from wfcore.audit.actions import MEANINGS
from wfcore.service.routes import ROUTES

AUDIT = "/api/v1/audit"
CODE = """\
id: asks
tasks:
  a:
    type: core/code
    language: js
    source: |
      export default async (data, ctx) => {
        try { await ctx.kv.get("x") } catch (error) { return error.message }
      }
"""


#: What each route that changes something is called in the log; None: nothing, or it says who elsewhere.
ACTS = {
    "POST /api/v1/workflows": "workflow.apply",
    "POST /api/v1/workflows/validate": None,
    "DELETE /api/v1/workflows/{namespace}/{id}": "workflow.delete",
    "POST /api/v1/workflows/{namespace}/{id}/enable": "workflow.enable",
    "POST /api/v1/workflows/{namespace}/{id}/disable": "workflow.disable",
    "POST /api/v1/workflows/{namespace}/{id}/executions/batch": None,  # the same, of each
    "POST /api/v1/workflows/{namespace}/{id}/executions": None,  # trigger.by of the execution
    "POST /api/v1/executions/{id}/cancel": "execution.cancel",
    "POST /api/v1/packages": "package.install",
    "POST /api/v1/packages/look": None,
    "DELETE /api/v1/packages/{namespace}/{name}": "package.remove",
    "PUT /api/v1/secrets/{name}": "secret.set",
    "DELETE /api/v1/secrets/{name}": "secret.delete",
    "POST /api/v1/secret-keys/rotate": "secret.rotate",
    "POST /api/v1/tokens": "token.create",
    "DELETE /api/v1/tokens/{name}": "token.revoke",
    "POST /api/v1/server/stop": "server.stop",
}


def entries(server, query=""):
    answer = server.get(f"{AUDIT}?limit=1000{query}")
    assert answer.status == 200, answer.body
    return answer.json["entries"]


def last(server):
    one = entries(server)[0]
    return one["actor"], one["action"], one["target"], one["result"]


@pytest.fixture(autouse=True)
def whole(server):
    """After every test the log is whole."""
    yield
    assert server.get(f"{AUDIT}/verify").json["valid"]


def test_no_route_that_changes_something_is_forgotten():
    """A new route has to say here how it is recorded."""
    changing = {
        f"{operation.method} {route.path}"
        for route in ROUTES
        for operation in route.operations
        if operation.access.role and operation.method != "GET"
    }
    assert changing == set(ACTS)
    assert {action for action in ACTS.values() if action} <= set(MEANINGS)


def test_an_execution_says_who_started_it(server):
    server.apply(server.quick)
    id = server.submit("quick")["id"]
    assert server.get(f"/api/v1/executions/{id}").json["trigger"]["by"] == "admin"
    token = server.post("/api/v1/tokens", {"name": "starter", "role": "operator"}).json["token"]
    path = "/api/v1/workflows/default/quick/executions"
    id = server.post(path, {"inputs": {}}, token=token).json["id"]
    assert server.get(f"/api/v1/executions/{id}").json["trigger"]["by"] == "token/starter"
    server.call("DELETE", "/api/v1/tokens/starter")


def test_the_life_of_a_workflow(server):
    server.apply("id: audited\ntasks:\n  a: {type: core/log, inputs: {message: x}}\n")
    assert last(server) == ("admin", "workflow.apply", "default/audited", "ok")
    one = entries(server)[0]
    assert one["remote"] == "127.0.0.1"
    assert one["detail"]["revision"] == 1
    assert one["detail"]["result"] == "created"
    count = len(entries(server))
    server.apply("id: audited\ntasks:\n  a: {type: core/log, inputs: {message: x}}\n")
    assert len(entries(server)) == count, "nothing was done"
    for act in ("disable", "enable"):
        assert server.post(f"/api/v1/workflows/default/audited/{act}").status == 200
        assert last(server) == ("admin", f"workflow.{act}", "default/audited", "ok")
    assert server.call("DELETE", "/api/v1/workflows/default/audited").status == 204
    assert last(server) == ("admin", "workflow.delete", "default/audited", "ok")
    assert server.call("DELETE", "/api/v1/workflows/default/audited").status == 404
    assert last(server) == ("admin", "workflow.delete", "default/audited", "not_found")


def test_a_cancel(server):
    server.apply(server.slow)
    id = server.submit("slow")["id"]
    assert server.post(f"/api/v1/executions/{id}/cancel", {"reason": "enough\nof this"}).status == 202
    assert last(server) == ("admin", "execution.cancel", id, "ok")
    detail = entries(server)[0]["detail"]
    assert detail == {"workflow": "default/slow", "reason": "enough\ufffdof this"}


def test_the_packages(server, plugin):
    body = {"package": base64.b64encode(plugin()).decode()}
    assert server.post("/api/v1/packages", body).status == 200
    assert last(server) == ("admin", "package.install", "community/hi 1.0.0", "ok")
    assert server.call("DELETE", "/api/v1/packages/community/hi").status == 200
    assert last(server) == ("admin", "package.remove", "community/hi", "ok")
    assert entries(server)[0]["detail"] == {"versions": ["1.0.0"], "force": False}


def test_an_action_that_may_not_connect_there(server):
    source = "id: reach\ntasks:\n  out: {type: core/http.get, inputs: {url: 'http://169.254.169.254/latest?k=v'}}\n"
    server.apply(source)
    id = server.submit("reach", wait=10)["id"]
    one = entries(server, "&action=egress.deny")[0]
    assert (one["actor"], one["target"], one["result"]) == (
        "workflow/default/reach",
        f"{id} out",
        "forbidden",
    )
    assert one["detail"]["action"] == "core/http.get"
    assert "169.254.169.254" in one["detail"]["error"]
    assert "k=v" not in str(one), "queries may hold anything"


def test_code_that_asks_for_more_than_it_may(server):
    server.apply(CODE)
    id = server.submit("asks", wait=10)["id"]
    one = entries(server, "&action=permission.deny")[0]
    assert (one["actor"], one["target"]) == ("workflow/default/asks", f"{id} a")
    assert one["detail"]["code"] == "default/asks.a"
    assert one["detail"]["error"].startswith("kv.get: ")


def test_a_request_without_a_token(server):
    server.get("/api/v1/server?x=secret", token="")
    one = next(one for one in entries(server) if one["action"] == "request.deny")
    assert (one["actor"], one["remote"], one["result"]) == ("anonymous", "127.0.0.1", "unauthorized")
    assert one["target"].startswith("GET /api/v1/")
    assert "secret" not in str(one), "queries may hold anything"


def test_pages_and_filters(server):
    server.apply(server.quick)
    for _ in range(3):
        server.post("/api/v1/workflows/default/quick/disable")
        server.post("/api/v1/workflows/default/quick/enable")
    everything = entries(server)
    page, read = server.get(f"{AUDIT}?limit=2").json, []
    while True:
        read += page["entries"]
        if page["next"] is None:
            break
        page = server.get(f"{AUDIT}?limit=2&before={page['next'].replace('/', '%2F')}").json
    assert read == everything
    assert {one["action"] for one in entries(server, "&action=workflow.enable")} == {"workflow.enable"}
    family = entries(server, "&action=workflow")
    assert family == [one for one in everything if one["action"].startswith("workflow.")]
    assert entries(server, "&actor=nobody") == []
    moment = everything[2]["at"]
    assert entries(server, f"&since={moment}") == everything[:3]
    assert entries(server, f"&until={moment}") == everything[3:]


def test_the_log_in_order(server):
    server.apply(server.quick)
    (one,) = server.get(f"{AUDIT}/verify").json["servers"]
    place = one["server"].replace("/", "%2F")
    page = server.get(f"{AUDIT}/entries?server={place}&limit=3").json
    assert [entry["seq"] for entry in page["entries"]] == [1, 2, 3][: one["last"]]
    rest = server.get(f"{AUDIT}/entries?server={place}&after={page['next']}&limit=10000").json
    assert rest["next"] == one["last"]
    after = [*page["entries"], *rest["entries"]]
    assert after[-1]["digest"] == one["digest"]
    assert server.get(f"{AUDIT}/entries?server=nobody").json == {"entries": [], "next": 0}


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ("before=x", "before='x' is no place in the log"),
        ("before=1.2", "is no place in the log"),
        ("since=yesterday", "since='yesterday' is not valid"),
        ("until=2026-01-01T00:00:00", "until='2026-01-01T00:00:00' is not valid"),
        ("limit=0", "limit='0' is not valid"),
        ("action=%00", "action="),
    ],
)
def test_bad_queries(server, query, about):
    answer = server.get(f"{AUDIT}?{query}")
    assert (answer.status, answer.code) == (400, "usage")
    assert about in answer.json["error"]["message"]
