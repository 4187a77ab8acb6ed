"""What the server writes: one JSON encoder, one error shape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from wfcore.errors import WorkflowError

if TYPE_CHECKING:
    from falcon import Response

#: ASCII, so that even half a surrogate pair in an old output can be sent.
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode

#: Statuses that only HTTP has, and the codes they get in an error.
STATUS_CODES: Final = {
    400: "usage",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    431: "headers_too_large",
    501: "not_implemented",
    503: "unavailable",
}


def dumps(value: Any) -> bytes:
    """Compact JSON on one line."""
    return _encode(value).encode()


def send(response: Response, value: Any, status: int = 200) -> None:
    """Answer with JSON."""
    response.status = status
    response.data = dumps(value)


def error_body(error: WorkflowError) -> dict[str, Any]:
    """The one shape of errors."""
    return {"error": error.to_dict()}


def status_body(status: int, message: str, remedy: str | None = None) -> dict[str, Any]:
    """The same shape for an error that is known only by its HTTP status."""
    code = STATUS_CODES.get(status, "bug" if status >= 500 else "usage")
    return {"error": {"code": code, "message": message, "remedy": remedy}}
