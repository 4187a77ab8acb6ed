"""Request bodies, read strictly: what a lax reader lets through is ambiguous or hostile further in."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from wfcore.errors import TooLarge, UsageError, WorkflowError
from wfcore.language.words import quoted

if TYPE_CHECKING:
    from falcon import Request

MAX_DEPTH: Final = 64
YAML_TYPES: Final = ("application/yaml", "text/yaml", "application/x-yaml")
JSON_TYPES: Final = ("application/json",)
#: The escapes of UTF-16 surrogates; only a document that has one is searched for a lone one.
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class WrongMedia(WorkflowError):
    """A request body of a content type, charset or encoding that the route does not read."""

    code: ClassVar[str] = "unsupported_media_type"
    exit_code, http_status = 2, 415


def read_json(request: Request, limit: int, depth: int = MAX_DEPTH) -> dict[str, Any]:
    """The body as a JSON object (RFC 8259); an empty body is an empty object.

    Raises UsageError for anything that is not one unambiguous object of at most ``depth`` levels,
    WrongMedia, or TooLarge for more than ``limit`` bytes.
    """
    body = read_bytes(request, limit)
    if not body:
        return {}
    _require_type(request, JSON_TYPES)
    value = parse_json(body, depth=depth)
    if not isinstance(value, dict):
        raise UsageError("the request body is not a JSON object", remedy='send an object: {"key": value}')
    return value


def read_yaml(request: Request, limit: int) -> bytes:
    """The body as it came; the language reads it. Raises UsageError when empty, WrongMedia, TooLarge."""
    body = read_bytes(request, limit)
    _require_type(request, YAML_TYPES)
    if not body:
        raise UsageError("the request body is empty", remedy="send the workflow's YAML")
    return body


def read_workflow(request: Request, limit: int) -> tuple[bytes, dict[str, str]]:
    """A workflow's YAML, and the files that its tasks name: as YAML alone or as {"source", "files"} in JSON.

    Raises UsageError, WrongMedia, TooLarge.
    """
    if (request.content_type or "").partition(";")[0].strip().lower() not in JSON_TYPES:
        return read_yaml(request, limit), {}
    body = read_json(request, limit)
    check_keys(body, ("source", "files"), "the request body")
    source, files = body.get("source"), body.get("files", {})
    texts = isinstance(files, dict) and all(isinstance(text, str) for text in files.values())
    if not isinstance(source, str) or not source or not texts:
        raise UsageError(
            "the request body has no workflow", remedy='send {"source": "YAML", "files": {"name": "text"}}'
        )
    return source.encode(), files


def read_bytes(request: Request, limit: int) -> bytes:
    """The whole body. Raises TooLarge, or WrongMedia when it is compressed."""
    if (request.content_length or 0) > limit:
        raise TooLarge(
            f"the request body is larger than {limit} bytes", remedy="send less, or raise server.maxBody"
        )
    if request.env.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
        raise WrongMedia("a compressed request body is not read", remedy="send it without Content-Encoding")
    return request.bounded_stream.read()


def parse_json(text: bytes, what: str = "the request body", depth: int = MAX_DEPTH) -> Any:
    """The JSON value of UTF-8 text, which errors call ``what``. Raises UsageError; see ``read_json``."""
    try:
        value = _DECODER.decode(text.decode())
    except UnicodeDecodeError as error:
        raise _fault(what, f"is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        fault = f"is not JSON: {error.msg}, at line {error.lineno}, column {error.colno}"
        raise _fault(what, fault) from None
    except RecursionError:
        raise _fault(what, f"is nested more than {depth} levels deep") from None
    except ValueError as error:
        raise _fault(what, str(error)) from None
    if text.count(b"{") + text.count(b"[") > depth and _depth(value) > depth:
        raise _fault(what, f"is nested more than {depth} levels deep")
    if _SURROGATE.search(text) and not _encodable(value):
        raise _fault(what, "has half of a surrogate pair in a text")
    return value


def check_keys(value: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raises UsageError for the first key that is not one of ``known``."""
    for key in value:
        if key not in known:
            raise UsageError(f"{where}: unknown key {quoted(key)}", remedy=f"known keys: {', '.join(known)}")


def _require_type(request: Request, types: tuple[str, ...]) -> None:
    kind, _, parameters = (request.content_type or "").partition(";")
    charset = parameters.strip().lower()
    if kind.strip().lower() not in types:
        sent = f"is {kind.strip()!r}" if kind else "is missing"
        raise WrongMedia(f"the content type {sent}", remedy=f"send Content-Type: {types[0]}")
    if charset and charset.replace('"', "") != "charset=utf-8":
        raise WrongMedia(f"the content type has {charset!r}", remedy="send UTF-8")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        name, count = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"has the key {name[:80]!r} {count} times in one object")
    return value


def _constant(text: str) -> Any:
    raise ValueError(f"has {text}, which is no JSON number")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"has a number that is too large: {text[:40]}")
    return value


def _integer(text: str) -> int:
    if len(text) > 1000:
        raise ValueError(f"has a number of {len(text)} digits")
    return int(text)


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return depth


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _fault(what: str, fault: str) -> UsageError:
    return UsageError(f"{what} {fault}", remedy="correct the JSON and send it again")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_constant, parse_float=_float, parse_int=_integer
)
