"""The OpenAPI document is valid, complete, and true of what the server answers."""

import re

import pytest

from wfcore.service.openapi import document
from wfcore.service.routes import ROUTES
from wfcore.service.schemas import SCHEMAS


def plain(path):
    return re.sub(r":\w+}", "}", path)


def test_it_is_valid():
    from openapi_spec_validator import validate

    validate(document())


def test_it_has_every_operation_and_no_other():
    paths = document()["paths"]
    there = {(path, method) for path, item in paths.items() for method in item}
    assert there == {(plain(route.path), o.method.lower()) for route in ROUTES for o in route.operations}


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for item in document()["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_each_operation_says_it_all(route):
    item = document()["paths"][plain(route.path)]
    for operation in route.operations:
        told = item[operation.method.lower()]
        assert told["summary"].endswith(".")
        places = {(place["in"], place["name"]) for place in told["parameters"]}
        assert places == (
            {("query", param.name) for param in operation.query}
            | {("path", field) for field in re.findall(r"{(\w+)", route.path)}
            | {("header", header) for header in operation.headers}
        )
        assert (told.get("security") == []) == route.public
        assert {str(status) for status in operation.answers} <= set(told["responses"])
        assert ("401" in told["responses"]) or route.public


def test_every_schema_is_used():
    from json import dumps

    text = dumps(document())
    for name in SCHEMAS:
        assert f'#/components/schemas/{name}"' in text


ANSWERS = [
    ("GET", "/api/v1/workflows", "Workflows"),
    ("GET", "/api/v1/workflows/default/quick", "Detail"),
    ("POST", "/api/v1/workflows/default/quick/enable", "Summary"),
    ("POST", "/api/v1/workflows/default/quick/executions?wait=5", "Execution"),
    ("POST", "/api/v1/workflows/default/broken/executions?wait=5", "Execution"),
    ("GET", "/api/v1/executions", "Executions"),
    ("GET", "/api/v1/executions/{id}", "Inspection"),
    ("GET", "/api/v1/executions/{id}/facts", "Facts"),
    ("GET", "/api/v1/executions/{id}/logs", "Logs"),
    ("GET", "/api/v1/executions/nope", "Error"),
    ("GET", "/api/v1/plugins", "Plugins"),
    ("GET", "/api/v1/server", "Server"),
    ("GET", "/healthz", "Health"),
    ("GET", "/readyz", "Readiness"),
]


@pytest.mark.parametrize(("method", "path", "schema"), ANSWERS)
def test_answers_fit_their_schema(server, method, path, schema):
    from jsonschema import Draft202012Validator

    if "{id}" in path:
        path = path.replace("{id}", server.submit("broken", wait=5)["id"])
    answer = server.call(method, path).json
    whole = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": dict(SCHEMAS)}}
    Draft202012Validator(whole).validate(answer)
    told = SCHEMAS[schema].get("properties", {})
    assert set(answer) == set(told), "fields that the document does not have"


def test_the_answer_to_a_batch_fits_its_schema(server):
    from jsonschema import Draft202012Validator

    asked = {"executions": [{"key": "schema"}, {"key": "schema"}, {"labels": {"a": "b"}}]}
    whole = {"$ref": "#/components/schemas/Begun", "components": {"schemas": dict(SCHEMAS)}}
    Draft202012Validator({**whole, "$ref": "#/components/schemas/Batch"}).validate(asked)
    answer = server.post("/api/v1/workflows/default/quick/executions/batch", asked).json
    Draft202012Validator(whole).validate(answer)
    told = SCHEMAS["Begun"]["properties"]["executions"]["items"]["properties"]
    assert all(set(one) == set(told) for one in answer["executions"])
