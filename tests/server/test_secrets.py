"""Secrets over HTTP: set and never shown, used at once, masked and sealed, encrypted anew meanwhile."""

import base64
import threading

import pytest

PATH = "/api/v1/secrets"
VALUE = "k4nari-of-the-server"
FLOW = """
id: flow
namespace: team.ops
secrets: [TOKEN]
tasks:
  keep: {type: core/set, inputs: {up: "{{ secrets.TOKEN | upper }}", open: here}}
  say: {type: core/log, inputs: {message: "token {{ secrets.TOKEN }} and {{ tasks.keep.output.up }}"}}
  no: {type: core/fail, needs: [say], inputs: {message: "not with {{ 'u:' ~ secrets.TOKEN | base64 }}"}}
on_failure:
  tell: {type: core/log, inputs: {message: "{{ error.message }}"}}
"""
ECHO = """
id: echo
secrets: [TOKEN]
tasks:
  keep: {type: core/set, inputs: {all: {a: "{{ secrets.TOKEN }}", b: ["x", "Bearer {{ secrets.TOKEN }}"]}}}
  hash: {type: core/set, inputs: {of: "{{ tasks.keep.output.all.b[1] | sha256 }}"}}
  once: {type: core/set, sensitive: true, inputs: {session: not-known-before}}
  use: {type: core/log, inputs: {message: "session {{ tasks.once.output.session }}"}}
outputs:
  all: "{{ tasks.keep.output.all }}"
  hash: "{{ tasks.hash.output.of }}"
  once: "{{ tasks.once.output }}"
"""


def put(server, name="TOKEN", value=VALUE, scope=""):
    query = f"?scope={scope}" if scope else ""
    return server.call("PUT", f"{PATH}/{name}{query}", {"value": value})


def run(server, id, namespace="default"):
    path = f"/api/v1/workflows/{namespace}/{id}/executions?wait=10"
    answer = server.post(path, {})
    assert answer.status == 201, answer.body
    execution = answer.json
    url = f"/api/v1/executions/{execution['id']}"
    return server.get(url).json, server.get(f"{url}/logs").json["logs"], server.get(f"{url}/facts")


@pytest.fixture
def clean(server):
    """The server without secrets."""
    yield server
    for one in server.get(PATH).json["secrets"]:
        server.call("DELETE", f"{PATH}/{one['name']}" + (f"?scope={one['scope']}" if one["scope"] else ""))


def test_set_listed_changed_and_deleted(clean):
    made = put(clean)
    assert made.status == 200
    assert (made.json["result"], made.json["name"], made.json["provider"]) == ("created", "TOKEN", "local")
    assert put(clean, value="another").json["result"] == "updated"
    assert put(clean, scope="team.ops").json["scope"] == "team.ops"
    assert put(clean, "OTHER", scope="team.ops/flow").json["result"] == "created"
    listed = clean.get(PATH)
    rows = [(one["name"], one["scope"], one["updated_at"] is not None) for one in listed.json["secrets"]]
    assert rows == [("TOKEN", "", True), ("TOKEN", "team.ops", True), ("OTHER", "team.ops/flow", True)]
    for answer in (made, listed):
        assert VALUE.encode() not in answer.body
    gone = clean.call("DELETE", f"{PATH}/TOKEN?scope=team.ops")
    assert (gone.status, gone.json["result"]) == (200, "deleted")
    assert clean.call("DELETE", f"{PATH}/TOKEN?scope=team.ops").code == "not_found"
    assert len(clean.get(PATH).json["secrets"]) == 2


@pytest.mark.parametrize(
    ("name", "query", "body", "status", "told"),
    [
        ("1X", "", {"value": VALUE}, 400, "cannot be the name of a secret"),
        ("a%20b", "", {"value": VALUE}, 400, "cannot be the name of a secret"),
        ("X" * 129, "", {"value": VALUE}, 400, "cannot be the name of a secret"),
        ("X", "?scope=a/b/c", {"value": VALUE}, 400, "is no scope of secrets"),
        ("X", "?scope=%40seal", {"value": VALUE}, 400, "is no scope of secrets"),
        ("X", "?scope=../x", {"value": VALUE}, 400, "is no scope of secrets"),
        ("X", "", {}, 400, "has no value"),
        ("X", "", {"value": 5}, 400, "has no value"),
        ("X", "", {"value": None}, 400, "has no value"),
        ("X", "", {"valeu": VALUE}, 400, "unknown key 'valeu'"),
        ("X", "", {"value": "abc"}, 400, "has 3 characters"),
        ("X", "", {"value": "x" * 65537}, 400, "has 65537 characters"),
        ("X", "?scpoe=a", {"value": VALUE}, 400, "scpoe"),
    ],
)
def test_what_cannot_be_set(clean, name, query, body, status, told):
    answer = clean.call("PUT", f"{PATH}/{name}{query}", body)
    assert (answer.status, told in answer.json["error"]["message"]) == (status, True), answer.body
    assert VALUE.encode() not in answer.body
    assert clean.get(PATH).json["secrets"] == []


@pytest.mark.parametrize(
    ("name", "query", "status", "told"),
    [
        ("NONE", "", 404, "there is no secret NONE"),
        ("TOKNE", "", 404, "did you mean 'TOKEN'"),
        ("TOKEN", "?scope=other", 404, "there is no secret TOKEN in other"),
        ("..", "", 400, "cannot be the name"),
        ("TOKEN", "?scope=a//b", 400, "is no scope"),
    ],
)
def test_what_cannot_be_deleted(clean, name, query, status, told):
    put(clean)
    answer = clean.call("DELETE", f"{PATH}/{name}{query}")
    assert (answer.status, told in answer.json["error"]["message"]) == (status, True), answer.body


def test_any_name_will_do(clean):
    for name in ("rotate", "keys", "secrets", "_", "a-b"):
        assert put(clean, name).json["result"] == "created", name
        assert clean.call("DELETE", f"{PATH}/{name}").status == 200


def test_bad_rotations(clean):
    for body in ({"new_key": "yes"}, {"newkey": True}):
        assert clean.post("/api/v1/secret-keys/rotate", body).status == 400


def test_a_failing_workflow_shows_nothing_of_it(clean):
    put(clean, scope="team.ops")
    clean.apply(FLOW)
    execution, logs, facts = run(clean, "flow", "team.ops")
    assert execution["state"] == "FAILED"
    tasks = {task["path"]: task for task in execution["tasks"]}
    assert tasks["keep"]["output"] == {"up": "***", "open": "here"}
    assert tasks["no"]["error"]["message"] == "not with u:***"
    assert [line["message"] for line in logs] == ["token *** and ***", "not with u:***"]
    for text in (VALUE, VALUE.upper(), base64.b64encode(VALUE.encode()).decode()[:12]):
        assert text.encode() not in facts.body
        assert text not in str(execution) + str(logs)


def test_what_derives_from_it_is_masked_everywhere_and_still_works(clean):
    put(clean)
    clean.apply(ECHO)
    execution, logs, _ = run(clean, "echo")
    assert execution["state"] == "SUCCESS", execution
    assert execution["outputs"] == {"all": {"a": "***", "b": ["x", "***"]}, "hash": "***", "once": "***"}
    tasks = {task["path"]: task["output"] for task in execution["tasks"]}
    assert tasks["once"] == "***"
    assert [line["message"] for line in logs] == ["session ***"]
    content = clean.get(f"/api/v1/executions/{execution['id']}/content?part=outputs")
    assert content.json == execution["outputs"]
    assert VALUE not in clean.output


def test_the_narrowest_scope_counts(clean):
    clean.apply(FLOW)
    assert "'TOKEN' is not set" in run(clean, "flow", "team.ops")[0]["error"]["message"]
    put(clean, scope="team.other")
    assert "'TOKEN' is not set" in run(clean, "flow", "team.ops")[0]["error"]["message"]
    put(clean)
    assert run(clean, "flow", "team.ops")[0]["error"]["message"] == "not with u:***"


def test_code_and_records_take_no_secret(clean):
    put(clean)
    clean.apply("""
id: refuses
secrets: [TOKEN]
tasks:
  code: {type: core/code, source: "export default (x) => x", inputs: {x: "{{ secrets.TOKEN }}"}}
  kv: {type: core/kv.set, inputs: {key: a, value: ["{{ secrets.TOKEN }}"]}}
  ask: {type: core/assert, inputs: {that: "{{ secrets.TOKEN }}"}}
""")
    execution, _, _ = run(clean, "refuses")
    for task in execution["tasks"]:
        assert task["error"]["type"] == "secret", task
        assert "takes no secrets as inputs" in task["error"]["message"]


def test_a_rotation_while_work_goes_on(clean, request):
    put(clean)
    clean.apply(ECHO)
    before = {one["name"]: one["created_at"] for one in clean.get(PATH).json["secrets"]}
    ended, failed = threading.Event(), []

    def work():
        while not ended.is_set():
            execution, _, _ = run(clean, "echo")
            if execution["state"] != "SUCCESS":
                failed.append(execution)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    keys = set()
    for new_key in (True, False, True, True):
        done = clean.post("/api/v1/secret-keys/rotate", {"new_key": new_key})
        assert done.status == 200, done.body
        assert done.json["renewed"] >= 1
        assert done.json["retired"] == int(new_key)
        keys.add(done.json["key"])
    ended.set()
    for worker in workers:
        worker.join()
    assert not failed
    assert len(keys) == 3
    assert {one["name"]: one["created_at"] for one in clean.get(PATH).json["secrets"]} == before
    assert run(clean, "echo")[0]["state"] == "SUCCESS"


def test_the_log_warns_of_the_key_and_shows_no_value(start):
    server = start()
    put(server)
    server.apply(ECHO)
    run(server, "echo")
    assert "THE MASTER KEY OF THE SECRETS LIES BESIDE THEM" in server.output
    assert VALUE not in server.output
    assert (server.data_dir / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_server_that_lost_its_key_says_so_and_lives(start):
    server = start()
    put(server)
    server.apply(ECHO)
    server.signal()
    server.wait()
    (server.data_dir / "secret.key").write_text(base64.b64encode(b"x" * 32).decode())
    again = start()
    execution, _, _ = run(again, "echo")
    assert execution["error"]["type"] == "secret"
    assert "the master key" in execution["error"]["message"]
    assert again.get("/healthz").status == 200
    assert put(again, value="a new value").status == 200
    assert run(again, "echo")[0]["state"] == "SUCCESS"


def test_every_act_is_in_the_audit_log_without_the_value(clean):
    put(clean, "AUDITED")
    put(clean, "AUDITED", scope="team.ops")
    clean.call("DELETE", f"{PATH}/AUDITED")
    clean.call("DELETE", f"{PATH}/AUDITED")
    clean.post("/api/v1/secret-keys/rotate", {})
    answer = clean.get("/api/v1/audit?action=secret&limit=6")
    entries = [(one["action"], one["target"], one["result"]) for one in reversed(answer.json["entries"])]
    assert entries == [
        ("secret.set", "AUDITED", "ok"),
        ("secret.set", "AUDITED in team.ops", "ok"),
        ("secret.delete", "AUDITED", "ok"),
        ("secret.delete", "AUDITED", "not_found"),
        ("secret.rotate", "all", "begun"),
        ("secret.rotate", "all", "ok"),
    ]
    assert VALUE.encode() not in answer.body
