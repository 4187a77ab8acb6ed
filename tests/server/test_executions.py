"""Executions through the API: submit, list, inspect, follow by long-poll, cancel."""

import time

import pytest

PATH = "/api/v1/workflows/default/quick/executions"


def test_submit(server):
    answer = server.post(PATH, {"inputs": {"name": "Ada"}, "labels": {"team": "a"}})
    execution = answer.json
    assert answer.status == 201
    assert answer.headers["location"] == f"/api/v1/executions/{execution['id']}"
    assert (execution["workflow"], execution["trigger"], execution["labels"]) == (
        "quick",
        "manual",
        {"team": "a"},
    )


def test_submit_and_wait_for_the_end(server):
    execution = server.submit("quick", wait=10, inputs={"name": "Ada"})
    assert execution["state"] == "SUCCESS"
    whole = server.get(f"/api/v1/executions/{execution['id']}").json
    assert (whole["inputs"], whole["outputs"]) == ({"name": "Ada"}, {"said": "Ada"})
    assert [task["path"] for task in whole["tasks"]] == ["hello"]


def test_waiting_ends_with_its_time(server):
    begun = time.monotonic()
    assert server.submit("slow", wait=0.3)["state"] in ("RUNNING", "WAITING")
    assert 0.3 <= time.monotonic() - begun < 5


def test_a_failure_is_told(server):
    execution = server.submit("broken", wait=10)
    assert execution["state"] == "FAILED"
    assert execution["error"]["task"] == "no"
    assert "on purpose" in execution["error"]["message"]


def test_nothing_at_all_is_a_submission(server):
    assert server.post(PATH).status == 201
    assert server.post(PATH, b"", kind=None).status == 201


def test_the_same_key_is_the_same_execution(server):
    first = server.post(PATH, {}, Idempotency_Key="order-1")
    again = server.post(PATH, {}, Idempotency_Key="order-1")
    other = server.post(PATH, {}, Idempotency_Key="order-2")
    assert (first.status, again.status, other.status) == (201, 200, 201)
    assert first.json["id"] == again.json["id"] != other.json["id"]
    assert again.headers["location"] == first.headers["location"]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "caf\xe9"])
def test_bad_keys(server, key):
    answer = server.post(PATH, {}, Idempotency_Key=key)
    assert (answer.status, answer.code) == (400, "usage")
    assert "Idempotency-Key" in answer.json["error"]["message"]


def newest(server):
    """The id of the newest execution, which may still be running."""
    return [one["id"] for one in server.get("/api/v1/executions?workflow=quick&limit=1").json["executions"]]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "usage"),
        (b"[]", "application/json", 400, "usage"),
        (b'{"inputs": NaN}', "application/json", 400, "usage"),
        (b'{"inputs": {}, "inputs": {}}', "application/json", 400, "usage"),
        (b'{"inputs": {"name": "\\ud800"}}', "application/json", 400, "usage"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "application/json", 400, "usage"),
        (b'{"input": {}}', "application/json", 400, "usage"),
        (b'{"inputs": []}', "application/json", 400, "usage"),
        (b'{"labels": {"a": 1}}', "application/json", 400, "usage"),
        (b'{"labels": ["a"]}', "application/json", 400, "usage"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{}", None, 415, "unsupported_media_type"),
        (b"inputs=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b'{"inputs": {"unknown": 1}}', "application/json", 422, "invalid_input"),
        (b'{"inputs": {"name": [1]}}', "application/json", 422, "invalid_input"),
    ],
)
def test_bad_submissions(server, body, kind, status, code):
    before = newest(server)
    answer = server.post(PATH, body, kind=kind)
    assert (answer.status, answer.code) == (status, code)
    assert newest(server) == before, "nothing was started"


@pytest.mark.parametrize("query", ["wait=11", "wait=-1", "wait=soon", "wait=1&wait=2"])
def test_bad_waits(server, query):
    assert server.post(f"{PATH}?{query}", {}).status == 400


def test_list_in_pages(server):
    server.apply("id: paged\nnamespace: pages\ntasks:\n  a: {type: core/log, inputs: {message: x}}\n")
    made = [server.post("/api/v1/workflows/pages/paged/executions", {}).json["id"] for _ in range(5)]
    seen, query = [], "namespace=pages&limit=2"
    while query:
        page = server.get(f"/api/v1/executions?{query}").json
        assert len(page["executions"]) <= 2
        seen += [execution["id"] for execution in page["executions"]]
        query = page["next"] and f"namespace=pages&limit=2&before={page['next']}"
    assert seen == made[::-1]


def test_list_by_state_and_workflow(server):
    failed = server.submit("broken", wait=10)["id"]
    found = server.get("/api/v1/executions?workflow=broken&state=FAILED,CANCELLED").json["executions"]
    assert failed in {execution["id"] for execution in found}
    assert {execution["workflow"] for execution in found} == {"broken"}
    assert server.get("/api/v1/executions?workflow=broken&state=SUCCESS").json == {
        "executions": [],
        "next": None,
    }


@pytest.mark.parametrize(
    "query",
    [
        "state=LOST",
        "limit=0",
        "limit=2000",
        "limit=x",
        "before=a%00",
        "before=yesterday",
        "before=0198c0de-0000-7000-8000-00000000000Z",
        "workflow=" + "x" * 300,
    ],
)
def test_bad_lists(server, query):
    answer = server.get(f"/api/v1/executions?{query}")
    assert (answer.status, answer.code) == (400, "usage")


@pytest.mark.parametrize("id", ["missing", "00000000-0000-7000-8000-000000000000", "%00", "x" * 5000])
@pytest.mark.parametrize(
    ("method", "suffix"),
    [
        ("GET", ""),
        ("GET", "/facts"),
        ("GET", "/facts?wait=1"),
        ("GET", "/logs"),
        ("GET", "/events"),
        ("POST", "/cancel"),
    ],
)
def test_unknown_executions(server, method, suffix, id):
    answer = server.call(method, f"/api/v1/executions/{id}{suffix}")
    assert (answer.status, answer.code) == (404, "not_found")


def test_facts_and_logs(server):
    id = server.submit("quick", wait=10)["id"]
    page = server.get(f"/api/v1/executions/{id}/facts").json
    assert page["state"] == "SUCCESS"
    assert [fact["seq"] for fact in page["facts"]] == list(range(1, len(page["facts"]) + 1))
    assert page["next"] == page["facts"][-1]["seq"]
    kinds = [fact["kind"] for fact in page["facts"]]
    assert (kinds[0], kinds[-1]) == ("execution.created", "execution.finished")
    logs = server.get(f"/api/v1/executions/{id}/logs").json
    assert [(line["task"], line["level"], line["message"]) for line in logs["logs"]] == [
        ("hello", "INFO", "hello world")
    ]
    first = server.get(f"/api/v1/executions/{id}/facts?limit=2").json
    rest = server.get(f"/api/v1/executions/{id}/facts?after={first['next']}").json
    assert first["facts"] + rest["facts"] == page["facts"]


@pytest.mark.parametrize("name", ["facts", "logs"])
@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=0", "limit=99999", "wait=31", "wait=x", "after=1&after=2"]
)
def test_bad_pages(server, name, query):
    id = server.submit("quick", wait=10)["id"]
    answer = server.get(f"/api/v1/executions/{id}/{name}?{query}")
    assert (answer.status, answer.code) == (400, "usage")


@pytest.mark.parametrize("name", ["facts", "logs"])
def test_what_has_ended_is_not_waited_for(server, name):
    id = server.submit("quick", wait=10)["id"]
    begun = time.monotonic()
    page = server.get(f"/api/v1/executions/{id}/{name}?after=9999&wait=20").json
    assert time.monotonic() - begun < 6
    assert (page[name], page["state"], page["next"]) == ([], "SUCCESS", 9999)


def test_a_long_poll_wakes_with_the_news(server, in_background):
    id = server.submit("slow", wait=0.5)["id"]
    seen = server.get(f"/api/v1/executions/{id}/facts").json["next"]
    waiting = in_background(server.get, f"/api/v1/executions/{id}/facts?after={seen}&wait=20")
    time.sleep(0.3)
    begun = time.monotonic()
    server.post(f"/api/v1/executions/{id}/cancel", {"reason": "enough"})
    page = waiting.result().json
    assert time.monotonic() - begun < 6
    assert page["facts"][0]["seq"] == seen + 1


def test_a_long_poll_ends_with_its_time(server):
    id = server.submit("slow", wait=0.5)["id"]
    seen = server.get(f"/api/v1/executions/{id}/facts").json["next"]
    begun = time.monotonic()
    page = server.get(f"/api/v1/executions/{id}/facts?after={seen}&wait=0.5").json
    assert 0.5 <= time.monotonic() - begun < 5
    assert (page["facts"], page["next"]) == ([], seen)


def test_following_a_log_passes_over_other_facts(server, in_background):
    """The cursor moves on with facts that are no lines, so that nothing is read twice and nothing spins."""
    source = (
        "id: chatty\norder: sequence\ntasks:\n"
        "  a: {type: core/set, inputs: {v: 1}}\n  w: {type: core/wait, inputs: {for: 400ms}}\n"
        "  b: {type: core/log, inputs: {message: late}}\n  z: {type: core/wait, inputs: {for: 1h}}\n"
    )
    server.apply(source)
    id = server.submit("chatty")["id"]
    page = server.get(f"/api/v1/executions/{id}/logs?wait=10").json
    assert [line["message"] for line in page["logs"]] == ["late"]
    empty = server.get(f"/api/v1/executions/{id}/logs?after={page['next']}&wait=0.4").json
    assert empty["logs"] == []
    assert empty["next"] >= page["next"]


def test_cancel(server):
    id = server.submit("slow", wait=0.5)["id"]
    answer = server.post(f"/api/v1/executions/{id}/cancel", {"reason": "not needed"})
    assert answer.status == 202
    page = server.get(f"/api/v1/executions/{id}/facts?wait=5&after=0").json
    while page["state"] != "CANCELLED":
        page = server.get(f"/api/v1/executions/{id}/facts?wait=5&after={page['next']}").json
    again = server.post(f"/api/v1/executions/{id}/cancel")
    assert (again.status, again.code) == (409, "conflict")


@pytest.mark.parametrize("body", [{"reason": 1}, {"reason": "x" * 1001}, {"reasons": "x"}, b"[", b"[]"])
def test_bad_cancels(server, body):
    id = server.submit("slow")["id"]
    assert server.post(f"/api/v1/executions/{id}/cancel", body).status == 400
    assert server.get(f"/api/v1/executions/{id}").json["state"] in ("PENDING", "RUNNING", "WAITING")
