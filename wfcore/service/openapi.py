"""The OpenAPI 3.1 document, made from the table of routes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from wfcore import __version__
from wfcore.service.route import Operation, Route
from wfcore.service.routes import ROUTES
from wfcore.service.schemas import SCHEMAS, ref

_FIELD: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


def document() -> dict[str, Any]:
    """The whole document. Each call makes a new one."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        item = paths.setdefault(_FIELD.sub(r"{\1}", route.path), {})
        item.update(
            {operation.method.lower(): _operation(route, operation) for operation in route.operations}
        )
    license = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    failure = {"description": "An error.", "content": _content("application/json", "Error")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "workflow", "version": __version__, "license": license},
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "responses": {"Error": failure},
        },
    }


def _operation(route: Route, operation: Operation) -> dict[str, Any]:
    words = [
        operation.method.lower(),
        *re.findall(r"\w+", _FIELD.sub(r"\1", route.path.removeprefix("/api/v1"))),
    ]
    made: dict[str, Any] = {
        "operationId": "_".join([operation.method.lower(), *words]),
        "summary": operation.summary,
        "parameters": _parameters(route, operation),
        "responses": _responses(route, operation),
    }
    if route.public:
        made["security"] = []
    if operation.body:
        content: dict[str, Any] = {}
        for media in operation.takes:
            content |= _content(media, operation.body)
        made["requestBody"] = {"content": content, "required": "application/yaml" in operation.takes}
    return made


def _parameters(route: Route, operation: Operation) -> list[dict[str, Any]]:
    text = {"type": "string"}
    places = [
        {"name": name, "in": "path", "required": True, "schema": text} for name in _FIELD.findall(route.path)
    ]
    for param in operation.query:
        schema = dict(param.schema)
        if param.default not in (None, ()):
            schema["default"] = param.default
        shape = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
        place = {"name": param.name, "in": "query", "description": param.description, "schema": schema}
        places.append({**place, **shape})
    headers = operation.headers.items()
    return places + [
        {"name": name, "in": "header", "description": what, "schema": text} for name, what in headers
    ]


def _responses(route: Route, operation: Operation) -> dict[str, Any]:
    answers = {
        str(status): _answer(operation, status, schema) for status, schema in operation.answers.items()
    }
    refusals = {400, 500, *operation.errors, *(() if route.public else (401, 403))} - set(operation.answers)
    return answers | {str(status): {"$ref": "#/components/responses/Error"} for status in sorted(refusals)}


def _answer(operation: Operation, status: int, schema: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if schema or status != HTTPStatus.NO_CONTENT:
        answer["content"] = _content(operation.gives, schema)
    return answer


def _content(media: str, schema: str) -> Mapping[str, Any]:
    return {media: {"schema": ref(schema) if schema else {"type": "string"}}}
