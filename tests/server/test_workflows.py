"""Workflows through the API: good and bad input of each route."""

import json

import pytest

YAML = "application/yaml"
HOOKED = """
id: {id}
trigger: {{webhook: {{path: /taken}}}}
tasks:
  a: {{type: core/log, inputs: {{message: x}}}}
"""


def source(id, message="one", extra=""):
    return f"id: {id}\n{extra}tasks:\n  a: {{type: core/log, inputs: {{message: {message}}}}}\n"


def apply(server, text, query="", kind=YAML):
    return server.post(f"/api/v1/workflows{query}", text, kind=kind)


def test_apply_is_idempotent(server):
    first, again, changed = (apply(server, source("idem", m)).json for m in ("one", "one", "two"))
    assert first == {
        "namespace": "default",
        "id": "idem",
        "revision": 1,
        "enabled": True,
        "result": "created",
    }
    assert again == {**first, "result": "unchanged"}
    assert changed == {**first, "revision": 2, "result": "updated"}


def test_the_files_that_tasks_name_are_part_of_a_workflow(server):
    text = "id: coded\ntasks:\n  a: {type: core/code, file: code/a.js}\n"
    codes = ("export default () => 1", "export default () => 1", "export default () => 2")
    bodies = [{"source": text, "files": {"code/a.js": code}} for code in codes]
    answers = [apply(server, json.dumps(body), kind="application/json").json for body in bodies]
    assert [answer["result"] for answer in answers] == ["created", "unchanged", "updated"]
    refused = apply(server, json.dumps({"source": text, "files": {}}), kind="application/json")
    assert (refused.status, refused.code) == (422, "invalid_workflow")
    assert "code/a.js" in refused.json["error"]["message"]


def test_dry_run_changes_nothing(server):
    for _ in range(2):
        assert apply(server, source("dry"), "?dry_run=true").json["result"] == "created"
    assert server.get("/api/v1/workflows/default/dry").status == 404
    assert apply(server, source("dry"), "?dry_run=false").json["result"] == "created"


@pytest.mark.parametrize(
    "kind", ["application/yaml", "text/yaml", "application/x-yaml", "text/yaml; charset=utf-8"]
)
def test_the_types_of_yaml(server, kind):
    assert apply(server, source("kinds"), kind=kind).status == 200


def test_a_missing_id_is_the_stem_of_the_file(server):
    text = "tasks:\n  a: {type: core/log, inputs: {message: x}}\n"
    assert apply(server, text, "?file=from-file.yaml").json["id"] == "from-file"


@pytest.mark.parametrize("route", ["", "/validate"])
def test_all_problems_with_their_places(server, route):
    text = "id: bad\nnonsense: 1\ntasks:\n  a: {type: core/nothing}\n  b: {type: core/log, needs: [zzz]}\n"
    answer = apply(server, text, f"{route}?file=dir.yaml")
    assert (answer.status, answer.code) == (422, "invalid_workflow")
    problems = answer.json["error"]["problems"]
    assert len(problems) >= 3
    assert all(set(p) == {"file", "line", "column", "path", "message"} for p in problems)
    assert {p["file"] for p in problems} == {"dir.yaml"}
    assert [p["line"] for p in problems] == sorted(p["line"] for p in problems)
    assert server.get("/api/v1/workflows/default/bad").status == 404


@pytest.mark.parametrize("route", ["", "/validate"])
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("id: x", "application/json", 400),
        ("{}", "application/json", 400),
        ('{"source": 1}', "application/json", 400),
        ('{"source": "id: x", "files": {"a.ts": 1}}', "application/json", 400),
        ('{"source": "id: x", "file": {}}', "application/json", 400),
        ('{"source": "id: x"}', "application/json", 422),
        ("id: x", "text/plain", 415),
        ("id: x", None, 415),
        ("id: x", "text/yaml; charset=latin-1", 415),
        ("", YAML, 400),
        (b"\xff\xfe\x00", YAML, 422),
        ("{" * 1000, YAML, 422),
        ("just text", YAML, 422),
        ("a: &a [*a, *a]", YAML, 422),
    ],
)
def test_bodies_that_are_no_workflow(server, route, body, kind, status):
    answer = apply(server, body, route, kind)
    assert answer.status == status
    assert answer.code
    assert answer.json["error"]["message"]


@pytest.mark.parametrize(
    "query", ["?file=a%0Ab", "?file=" + "x" * 300, "?dry_run=maybe", "?dry_run=true&dry_run=true"]
)
def test_bad_parameters(server, query):
    answer = apply(server, source("never"), query)
    assert (answer.status, answer.code) == (400, "usage")
    assert server.get("/api/v1/workflows/default/never").status == 404


def test_validate_stores_nothing(server):
    answer = server.post(
        "/api/v1/workflows/validate", source("only-checked", extra="namespace: team.a\n"), kind=YAML
    )
    assert answer.json == {"namespace": "team.a", "id": "only-checked", "valid": True}
    assert server.get("/api/v1/workflows/team.a/only-checked").status == 404


def test_list_and_describe(server):
    apply(server, source("listed", extra="namespace: team.b\ndescription: What it does.\nlabels: {a: b}\n"))
    (summary,) = server.get("/api/v1/workflows?namespace=team.b").json["workflows"]
    assert (summary["id"], summary["description"], summary["labels"]) == (
        "listed",
        "What it does.",
        {"a": "b"},
    )
    assert "listed" in {w["id"] for w in server.get("/api/v1/workflows").json["workflows"]}
    assert server.get("/api/v1/workflows?namespace=empty").json == {"workflows": []}
    detail = server.get("/api/v1/workflows/team.b/listed").json
    assert detail["source"].startswith("id: listed")
    assert [task["name"] for task in detail["tasks"]] == ["a"]


@pytest.mark.parametrize(
    "path", ["default/missing", "nowhere/quick", "default/%00", "%2e%2e/x", "default/" + "x" * 5000]
)
@pytest.mark.parametrize(
    ("method", "suffix"),
    [("GET", ""), ("DELETE", ""), ("POST", "/enable"), ("POST", "/disable"), ("POST", "/executions")],
)
def test_unknown_workflows(server, method, suffix, path):
    answer = server.call(method, f"/api/v1/workflows/{path}{suffix}")
    assert answer.status in (400, 404)
    assert answer.code in ("usage", "not_found")


def test_the_switch(server):
    apply(server, source("switch"))
    assert server.post("/api/v1/workflows/default/switch/disable").json["enabled"] is False
    answer = server.post("/api/v1/workflows/default/switch/executions", {})
    assert (answer.status, answer.code) == (409, "conflict")
    assert server.post("/api/v1/workflows/default/switch/enable").json["enabled"] is True
    assert server.post("/api/v1/workflows/default/switch/executions", {}).status == 201


def test_delete(server):
    apply(server, source("gone"))
    id = server.submit("gone", wait=5)["id"]
    answer = server.call("DELETE", "/api/v1/workflows/default/gone")
    assert (answer.status, answer.body) == (204, b"")
    assert server.call("DELETE", "/api/v1/workflows/default/gone").status == 404
    assert server.get(f"/api/v1/executions/{id}").json["state"] == "SUCCESS"


def test_a_taken_hook_url(server):
    assert apply(server, HOOKED.format(id="owner")).status == 200
    answer = apply(server, HOOKED.format(id="thief"))
    assert (answer.status, answer.code) == (409, "conflict")
    assert "owner" in answer.json["error"]["message"]
    assert server.get("/api/v1/workflows/default/thief").status == 404


def test_who_owns_a_taken_hook_url_is_not_told_to_another_namespace(server):
    hidden = HOOKED.format(id="confidential").replace("/taken", "/hidden")
    assert apply(server, f"namespace: theirs\n{hidden}").status == 200
    for namespace, told in (("mine", False), ("theirs", True)):
        answer = apply(server, f"namespace: {namespace}\n{hidden.replace('confidential', 'curious')}")
        assert (answer.status, answer.code) == (409, "conflict")
        assert ("confidential" in answer.json["error"]["message"]) is told
