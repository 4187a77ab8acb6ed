"""Many executions of a workflow by one request: all that are asked for, or none and one clear error."""

import pytest

from wfcore.api import hookimpl
from wfcore.service.params import BATCH_LIMIT

PATH = "/api/v1/workflows/default/quick/executions/batch"


def begin(server, *asked, path=PATH):
    return server.post(path, {"executions": list(asked)})


def many(server):
    """How many executions there are."""
    return sum(server.get("/api/v1/server").json["executions"].values())


def test_each_is_an_execution_of_its_own(server):
    answer = begin(
        server, {"inputs": {"name": "Ada"}, "labels": {"team": "a"}}, {}, {"inputs": {"name": "Eve"}}
    )
    begun = answer.json["executions"]
    assert answer.status == 201
    assert [one["created"] for one in begun] == [True] * 3
    assert len({one["id"] for one in begun}) == 3
    assert [one["labels"] for one in begun] == [{"team": "a"}, {}, {}]
    ends = [ended(server, one["id"]) for one in begun]
    assert [end["outputs"]["said"] for end in ends] == ["Ada", "world", "Eve"], "in the order of the request"
    assert {end["trigger"]["by"] for end in ends} == {"admin"}


def ended(server, id):
    after = 0
    while True:
        page = server.get(f"/api/v1/executions/{id}/facts?wait=5&after={after}").json
        after = page["next"]
        if page["state"] == "SUCCESS":
            return server.get(f"/api/v1/executions/{id}").json


def test_keys_are_those_of_single_submissions(server):
    single = server.post(PATH.removesuffix("/batch"), {}, Idempotency_Key="batch-0").json["id"]
    first = begin(server, *({"key": f"batch-{number}"} for number in (0, 1, 2, 1)))
    ids = [one["id"] for one in first.json["executions"]]
    assert first.status == 201
    assert [one["created"] for one in first.json["executions"]] == [False, True, True, False]
    assert (ids[0], ids[1]) == (single, ids[3]), "and within a batch too"
    again = begin(server, *({"key": f"batch-{number}"} for number in (2, 1, 0)))
    assert again.status == 200
    assert [one["id"] for one in again.json["executions"]] == ids[2::-1]


@pytest.mark.parametrize(
    ("asked", "status", "code", "says"),
    [
        ([{}, 1], 400, "usage", "executions[1]: is not an object"),
        ([{"input": {}}], 400, "usage", "executions[0]: the execution: unknown key 'input'"),
        ([{}, {}, {"inputs": []}], 400, "usage", "executions[2]: `inputs` is not an object"),
        ([{"labels": {"a": 1}}], 400, "usage", "executions[0]: `labels` are not"),
        ([{}, {"key": ""}], 400, "usage", "executions[1]: `key` is not valid"),
        ([{"key": 1}], 400, "usage", "executions[0]: `key` is not valid"),
        ([{"key": "x" * 256}], 400, "usage", "executions[0]: `key` is not valid"),
        ([{}, {"inputs": {"nmae": 1}}], 422, "invalid_input", "executions[1]: there is no input 'nmae'"),
        ([{"inputs": {"name": [1]}}], 422, "invalid_input", "executions[0]: input 'name' must be"),
    ],
)
def test_when_one_is_wrong_none_begins(server, asked, status, code, says):
    before = many(server)
    answer = begin(server, *asked)
    assert (answer.status, answer.code) == (status, code)
    assert answer.json["error"]["message"].startswith(says)
    assert many(server) == before


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b'{"executions": []}', b'{"executions": {}}', b'{"executions": null}',
     b'{"executions": [{}], "inputs": {}}', b'{"executions": [' + b"{}," * BATCH_LIMIT + b"{}]}"],
)  # fmt: skip
def test_bad_bodies(server, body):
    before = many(server)
    answer = server.post(PATH, body)
    assert (answer.status, answer.code) == (400, "usage")
    assert many(server) == before


def test_a_key_for_all_of_them_is_refused(server):
    answer = server.post(PATH, {"executions": [{}]}, Idempotency_Key="all")
    assert (answer.status, answer.code) == (400, "usage")
    assert "`key`" in answer.json["error"]["remedy"]


class Policy:
    @hookimpl
    def wf_admit_execution(self, workflow, trigger, inputs):
        return "not him" if inputs.get("name") == "Voldemort" else None


def test_what_a_policy_objects_to(inside):
    with inside() as client:
        client.app.hooks.register("policy", Policy())
        client.apply(client.quick)
        answer = begin(client, {}, {"inputs": {"name": "Voldemort"}})
        assert (answer.status, answer.code) == (403, "forbidden")
        assert answer.json["error"]["message"].startswith("executions[1]: ")
        assert many(client) == 0
        assert begin(client, {}).status == 201


def test_where_there_is_nothing_to_begin(server):
    answer = begin(server, {}, path="/api/v1/workflows/default/nobody/executions/batch")
    assert (answer.status, answer.code) == (404, "not_found")
    assert "executions[" not in answer.json["error"]["message"]
    server.apply("id: off\nenabled: false\ntasks:\n  a: {type: core/set}\n")
    answer = begin(server, {}, path="/api/v1/workflows/default/off/executions/batch")
    assert (answer.status, answer.code) == (409, "conflict")


def test_as_many_as_one_request_may_have(server):
    server.apply("id: lots\ntasks:\n  a: {type: core/set}\n")
    path = "/api/v1/workflows/default/lots/executions/batch"
    begun = begin(server, *[{}] * BATCH_LIMIT, path=path).json["executions"]
    assert len({one["id"] for one in begun}) == BATCH_LIMIT
    assert {ended(server, one["id"])["state"] for one in begun[:: BATCH_LIMIT // 10]} == {"SUCCESS"}
