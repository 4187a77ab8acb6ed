"""docs/reference/http-api.md has every route, parameter, field, state and error code."""

import re
from pathlib import Path

import pytest

from wfcore import errors
from wfcore.audit.actions import MEANINGS
from wfcore.engine import flow
from wfcore.model.execution import EXECUTION_STATES
from wfcore.service.answers import STATUS_CODES
from wfcore.service.routes import HOOKS_PREFIX, ROUTES
from wfcore.service.schemas import SCHEMAS

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "http-api.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^### ", TEXT, flags=re.M)[1:]}
OPERATIONS = [
    (route, operation)
    for route in ROUTES
    if not route.path.startswith(HOOKS_PREFIX)
    for operation in route.operations
]


def heading(route, operation):
    return f"{operation.method} {route.path}"


def test_the_page_has_every_route_and_no_other():
    expected = [heading(*each) for each in OPERATIONS] + ["any /hooks/{path}"]
    assert sorted(SECTIONS) == sorted(expected)


@pytest.mark.parametrize(("route", "operation"), OPERATIONS, ids=lambda each: getattr(each, "path", None))
def test_each_route_says_what_it_takes(route, operation):
    section = SECTIONS[heading(route, operation)]
    for param in operation.query:
        assert f"`{param.name}`" in section
    for header in operation.headers:
        assert f"`{header}`" in section
    for error in operation.errors:
        assert str(error) in section
    if 200 not in operation.answers:
        for status in operation.answers:
            assert str(status) in section


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_field_is_there(name):
    for field in SCHEMAS[name].get("properties", {}):
        assert re.search(rf"`{field}`|\"{field}\"", TEXT), field


def test_every_error_code_is_there():
    raised = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.WorkflowError)
    ]
    inner = {"error", "terminal", "retryable", "unreachable"}  # they never reach an answer
    codes = {(each.code, each.http_status) for each in raised if each.code not in inner}
    codes |= {(code, status) for status, code in STATUS_CODES.items()} | {
        ("bug", 500),
        ("execution_failed", 500),
    }
    rows = {(code, int(status)) for code, status in re.findall(r"^\| `(\w+)` \| (\d+) \|", TEXT, re.M)}
    assert rows == codes


def test_every_state_and_kind_of_fact_is_there():
    for state in EXECUTION_STATES:
        assert f"`{state}`" in TEXT
    told = set(re.findall(r"`((?:execution|task)\.\w+|log)`", SECTIONS["GET /api/v1/executions/{id}/facts"]))
    written = set()
    for file in (Path(flow.__file__).parent).glob("*.py"):
        written |= set(re.findall(r"\"((?:execution|task)\.[a-z]+|log)\"", file.read_text()))
    assert written - told - set(MEANINGS) == set()


def test_who_has_access_is_there():
    rows = dict(re.findall(r"^\| ([a-z' ]+) \| ((?:any )?`(?:[A-Z]+ )?/.*) \|$", TEXT, re.M))
    told = {route: access for access, routes in rows.items() for route in routes.split(", ")}
    expected = {
        f"`{operation.method} {route.path}`": access_words(operation.access)
        for route, operation in OPERATIONS
    }
    assert told == {**expected, "any `/hooks/{path}`": "none"}


def access_words(access):
    if access.role is None:
        return "none"
    where = {
        "everywhere": "of all namespaces",
        "path": "of the namespace in the path",
        "query": "of the namespace of the list",
        "scope": "of the namespace of the scope",
        "execution": "of the execution's namespace",
        "body": "of the namespaces of what is sent or shown",
        "anywhere": "of any namespace",
    }
    return f"{access.role} {where[access.scope]}"
