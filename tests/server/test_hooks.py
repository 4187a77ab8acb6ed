"""Webhooks: who may call is the trigger's business, and the answer is what the workflow says."""

import hashlib
import hmac
import json
import threading
import time

import pytest

WORKFLOW = """
id: {id}
trigger: {{webhook: {{path: /{id}, {spec}}}}}
tasks:
  work: {{type: {type}}}
outputs: {{got: "{{{{ trigger.body }}}}"}}
"""
SAY = "core/log, inputs: {message: x}"
WAIT = "core/wait, inputs: {for: 1h}"
FAIL = "core/fail, inputs: {message: secret detail}"


def hook(server, id, spec="auth: none", type=SAY):
    server.apply(WORKFLOW.format(id=id, spec=spec, type=type))


def test_ack(server):
    hook(server, "ack")
    answer = server.post("/hooks/ack", {"a": 1}, token="")
    assert answer.status == 202
    id = answer.json["execution"]
    assert answer.headers["location"] == f"/api/v1/executions/{id}"
    whole = server.get(f"/api/v1/executions/{id}").json
    assert whole["trigger"]["kind"] == "webhook"
    assert whole["trigger"]["body"] == {"a": 1}


def test_result(server):
    hook(server, "result", "auth: none, respond: result")
    answer = server.post("/hooks/result", {"a": [1]}, token="")
    assert (answer.status, answer.json) == (200, {"got": {"a": [1]}})


def test_the_result_of_a_failure_tells_no_details(server):
    hook(server, "fails", "auth: none, respond: result", FAIL)
    answer = server.post("/hooks/fails", {}, token="")
    assert (answer.status, answer.code) == (500, "execution_failed")
    assert "secret detail" not in answer.body.decode()
    assert answer.json["execution"] in answer.json["error"]["message"]


def test_a_token_is_the_default(server):
    hook(server, "guarded", "method: POST")
    assert server.post("/hooks/guarded", {}, token="").code == "unauthorized"
    assert server.post("/hooks/guarded", {}, token="wrong").status == 401
    assert server.post("/hooks/guarded", {}).status == 202


def test_the_token_is_not_kept_in_the_payload(server):
    hook(server, "hidden", "method: POST")
    id = server.post("/hooks/hidden", {}).json["execution"]
    assert server.token not in server.get(f"/api/v1/executions/{id}").body.decode()


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_other_methods_of_the_same_path(server, method):
    hook(server, "many", "auth: none, method: POST")
    hook(server, f"many-{method.lower()}", "auth: none, method: " + method)
    assert server.call(method, "/hooks/many", token="").code == "not_found"
    assert server.call(method, f"/hooks/many-{method.lower()}", token="").status == 202


def test_what_the_trigger_sees(server):
    hook(server, "seen")
    answer = server.call(
        "POST", "/hooks/seen?a=1&b=x%20y&a=2", b"text", kind="text/plain", token="", X_Thing="Yes"
    )
    trigger = server.get(f"/api/v1/executions/{answer.json['execution']}").json["trigger"]
    assert trigger["query"] == {"a": "2", "b": "x y"}
    assert trigger["headers"]["x-thing"] == "Yes"
    assert (trigger["body"], trigger["method"], trigger["path"]) == ("text", "POST", "/seen")


def test_the_same_delivery_twice(server):
    hook(server, "twice")
    ids = {
        server.post("/hooks/twice", {}, token="", Idempotency_Key="d1").json["execution"] for _ in range(2)
    }
    assert len(ids) == 1


@pytest.mark.parametrize("path", ["", "nothing", "ack/", "ack/x", "%00", "../api/v1/server", "a" * 3000])
def test_nobody_listens(server, path):
    hook(server, "ack")
    answer = server.post(f"/hooks/{path}", {}, token="")
    assert (answer.status, answer.code) == (404, "not_found")


def test_a_disabled_workflow_does_not_listen(server):
    hook(server, "off")
    server.post("/api/v1/workflows/default/off/disable")
    assert server.post("/hooks/off", {}, token="").status == 404
    server.post("/api/v1/workflows/default/off/enable")
    assert server.post("/hooks/off", {}, token="").status == 202


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"{", "application/json", 400), (b"\xff", "application/json", 400), (b"x" * 2000, "text/plain", 400)],
)
def test_bad_deliveries(server, body, kind, status):
    hook(server, "strict", "auth: none, max_body: 1KiB")
    before = server.get("/api/v1/executions?workflow=strict").json
    answer = server.post("/hooks/strict", body, kind=kind, token="")
    assert answer.status == status
    assert answer.code
    assert server.get("/api/v1/executions?workflow=strict").json == before


def test_without_a_place_a_result_is_acknowledged(start):
    server = start(server__threads="2")
    hook(server, "slow-result", "auth: none, respond: result", WAIT)
    server.apply("id: busy\ntasks:\n  w: {type: core/wait, inputs: {for: 1h}}\n")
    with server.stream(server.submit("busy")["id"]):
        begun = time.monotonic()
        answer = server.post("/hooks/slow-result", {}, token="")
        assert time.monotonic() - begun < 6
    assert answer.status == 202
    assert answer.json["execution"]


def test_a_slow_result_is_acknowledged_in_the_end(inside, monkeypatch):
    monkeypatch.setattr("wfcore.service.resources.hooks.RESULT_SECONDS", 0.3)
    with inside() as client:
        hook(client, "late", "auth: none, respond: result", WAIT)
        answer = client.post("/hooks/late", {}, token="")
    assert answer.status == 202
    assert answer.headers["location"].endswith(answer.json["execution"])


def test_a_workflow_has_a_token_for_its_own_hooks_alone(server):
    hook(server, "mine", "method: POST")
    hook(server, "other", "method: POST")
    token = server.get("/api/v1/workflows/default/mine").json["triggers"][0]["token"]
    assert server.post("/hooks/mine", {}, token=token).status == 202
    assert server.post("/hooks/other", {}, token=token).status == 401
    assert server.call("GET", "/api/v1/workflows", token=token).status == 401


SIGNED = "auth: {hmac: {secret: HOOK, timestamp: X-Time}}"


def signed(body, at=None, key="of the hook"):
    stamp = str(int(time.time()) if at is None else at)
    digest = hmac.new(key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X_Time": stamp, "X_Signature": digest}


def test_signed_requests(inside, monkeypatch):
    monkeypatch.setenv("WORKFLOW_SECRET__HOOK", "of the hook")
    body = json.dumps({"a": 1}).encode()
    with inside() as client:
        hook(client, "signed", SIGNED)
        first = client.post("/hooks/signed", body, token="", **signed(body))
        assert first.status == 202
        refused = [
            client.post("/hooks/signed", body, token=""),
            client.post("/hooks/signed", body),
            client.post("/hooks/signed", body + b" ", token="", **signed(body)),
            client.post("/hooks/signed", body, token="", **signed(body, key="guessed")),
            client.post("/hooks/signed", body, token="", **signed(body, at=int(time.time()) - 400)),
        ]
        assert {(one.status, one.code) for one in refused} == {(401, "unauthorized")}
        denied = client.get("/api/v1/audit?action=request.deny").json["entries"]
        assert denied[0]["target"] == "POST /hooks/signed of default/signed"
        shown = client.get(f"/api/v1/executions/{first.json['execution']}").body.decode()
        assert "of the hook" not in shown


def test_a_signed_request_that_comes_again_starts_nothing(inside, monkeypatch):
    """Fifty times at once, each with another Idempotency-Key, which nobody has signed."""
    monkeypatch.setenv("WORKFLOW_SECRET__HOOK", "of the hook")
    body, ids = b"{}", []
    with inside() as client:
        hook(client, "again", SIGNED)
        headers = signed(body)

        def send(number):
            answer = client.post("/hooks/again", body, token="", Idempotency_Key=f"n{number}", **headers)
            ids.append(answer.json["execution"])

        threads = [threading.Thread(target=send, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ids) == 50
        assert len(set(ids)) == 1
        assert len(client.get("/api/v1/executions?workflow=again").json["executions"]) == 1


def test_a_webhook_whose_secret_is_missing_is_closed(inside, caplog):
    body = b"{}"
    with inside() as client:
        hook(client, "closed", SIGNED)
        for key in ("of the hook", "", "None"):
            answer = client.post("/hooks/closed", body, token="", **signed(body, key=key))
            assert (answer.status, answer.code) == (401, "unauthorized")
            assert "HOOK" not in answer.body.decode()
    assert "there is no secret HOOK" in caplog.text


def test_the_secret_of_a_webhook_may_be_the_workflows_own(inside, monkeypatch):
    body = b"{}"
    with inside(secrets__providers="local") as client:
        hook(client, "own", SIGNED)
        for scope, value in (("", "everybody's key"), ("default/own", "the workflow's key")):
            answer = client.call("PUT", f"/api/v1/secrets/HOOK?scope={scope}", json.dumps({"value": value}))
            assert answer.status == 200, answer.body
        assert (
            client.post("/hooks/own", body, token="", **signed(body, key="the workflow's key")).status == 202
        )
        assert client.post("/hooks/own", body, token="", **signed(body, key="everybody's key")).status == 401
