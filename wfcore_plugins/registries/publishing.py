"""Handing packages in to a registry's server."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from wfcore.api import (
    Conflict,
    Forbidden,
    Guard,
    InvalidPackage,
    NotFound,
    Publication,
    Response,
    Unauthorized,
    Unreachable,
    WorkflowError,
)

from .asking import ask

_KINDS: Final[Mapping[int, type[WorkflowError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
}


def publish(guard: Guard, url: str, publication: Publication) -> Mapping[str, Any]:
    """Hand a package in. Raises as ``OpenRegistry.publish``."""
    said = {
        "package": base64.b64encode(publication.content).decode(),
        "signature": publication.signature,
        "changelog": publication.changelog,
    }
    return _post(guard, f"{url}/api/v1/packages", said, publication.token)


def yank(guard: Guard, url: str, said: Mapping[str, str], token: str) -> Mapping[str, Any]:
    """Take a version back. Raises as ``OpenRegistry.yank``."""
    return _post(guard, f"{url}/api/v1/yank", said, token)


def _post(guard: Guard, where: str, said: Mapping[str, str], token: str) -> Mapping[str, Any]:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return _answer(ask(guard, where, method="POST", headers=headers, body=json.dumps(said).encode()), where)


def _answer(answer: Response, where: str) -> Mapping[str, Any]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    if answer.status < 300 and isinstance(said, dict):
        return said
    error = said.get("error") if isinstance(said, dict) else None
    if not isinstance(error, dict):
        raise Unreachable(
            f"{where} answers {answer.status}, not as a registry that takes packages does",
            remedy="correct its URL in registries.http.indexes",
        )
    kind = _KINDS.get(answer.status, InvalidPackage)
    raise kind(str(error.get("message")), remedy=error.get("remedy"))
