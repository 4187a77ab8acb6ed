"""Requests made from the OpenAPI document, valid and not: every answer is one that the document promises."""

import json

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from wfcore.service.openapi import document

SCHEMA = schemathesis.openapi.from_dict(json.loads(json.dumps(document())))
SCHEMA.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
#: Streams do not end, and a server that was stopped answers nothing more.
LEFT = ("/api/v1/executions/{id}/events", "/api/v1/server/stop")
CHECKS = (not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance)


@SCHEMA.exclude(path=list(LEFT)).parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_the_document_says(case, server):
    case.call_and_validate(
        base_url=server.address,
        headers={"Authorization": f"Bearer {server.token}"},
        checks=CHECKS,
        timeout=20,
    )
