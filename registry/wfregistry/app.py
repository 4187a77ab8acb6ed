"""The registry over HTTP: the files of the index for everybody, the rest for publishers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from typing import Any, Final

import falcon

from wfcore.errors import NotFound, UsageError, WorkflowError
from wfcore.packages import index
from wfregistry.catalogue import Catalogue
from wfregistry.tokens import Tokens

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_FOREVER: Final = "public, max-age=31536000, immutable"
_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


def build(catalogue: Catalogue, tokens: Tokens, most: int) -> Any:
    """The application; ``most`` is the largest body in bytes."""
    app = falcon.App(middleware=[_Safe()])
    app.req_options.strip_url_path_trailing_slash = False
    app.add_error_handler(WorkflowError, _refuse)
    app.add_error_handler(Exception, _fail)
    app.add_error_handler(falcon.HTTPError, _falcon)
    app.add_route(f"/{index.TOP}", Top(catalogue))
    app.add_route("/documents/{file}", Files(catalogue.document, ".json", "application/json"))
    app.add_route("/archives/{file}", Files(catalogue.archive, ".wfp", "application/octet-stream"))
    app.add_route("/api/v1/packages", Packages(catalogue, tokens, most))
    app.add_route("/api/v1/yank", Yank(catalogue, tokens))
    app.add_route("/api/v1/search", Search(catalogue))
    app.add_route("/healthz", Health(catalogue))
    return app


class Top:
    """``/index.json``."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """The signed index."""
        content, _ = self._catalogue.top()
        tag = hashlib.sha256(content).hexdigest()[:32]
        response.etag = tag
        if request.if_none_match and any(one in ("*", tag) for one in request.if_none_match):
            response.status = falcon.HTTP_304
            return
        response.content_type, response.data = "application/json", content


class Files:
    """What is named by its digest and never changes."""

    def __init__(self, read: Any, suffix: str, media: str) -> None:
        self._read = read
        self._suffix = suffix
        self._media = media

    def on_get(self, _request: falcon.Request, response: falcon.Response, file: str) -> None:
        """One file."""
        digest = file.removesuffix(self._suffix)
        if not file.endswith(self._suffix) or not _DIGEST.fullmatch(digest):
            raise NotFound("there is no such file", remedy="read index.json")
        response.content_type, response.data = self._media, self._read(digest)
        response.set_header("Cache-Control", _FOREVER)


class Packages:
    """``/api/v1/packages``."""

    def __init__(self, catalogue: Catalogue, tokens: Tokens, most: int) -> None:
        self._catalogue = catalogue
        self._tokens = tokens
        self._most = most

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Publish a package."""
        publisher = self._tokens.check(request.get_header("Authorization"))
        body = _body(request, self._most, ("package",), ("signature", "changelog"))
        try:
            content = base64.b64decode(body["package"], validate=True)
        except (binascii.Error, ValueError):
            raise UsageError("package is no base64", remedy="send the .wfp file in base64") from None
        done = self._catalogue.publish(
            publisher, content, body.get("signature", ""), body.get("changelog", "")
        )
        response.media = done
        response.status = falcon.HTTP_201 if done["result"] == "published" else falcon.HTTP_200


class Yank:
    """``/api/v1/yank``."""

    def __init__(self, catalogue: Catalogue, tokens: Tokens) -> None:
        self._catalogue = catalogue
        self._tokens = tokens

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Take a version back; an empty reason offers it again."""
        publisher = self._tokens.check(request.get_header("Authorization"))
        body = _body(request, 65_536, ("name", "version", "reason"))
        response.media = self._catalogue.yank(publisher, body["name"], body["version"], body["reason"])


class Search:
    """``/api/v1/search``."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """The packages that have all words of ``q``."""
        response.media = {"packages": self._catalogue.search(request.get_param("q") or "")}


class Health:
    """``/healthz``."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        """Whether the database answers."""
        response.media = {"status": "ok", "serial": self._catalogue.top()[1]}


class _Safe:
    def process_response(self, _request: Any, response: falcon.Response, _resource: Any, _ok: bool) -> None:
        for name, value in _HEADERS.items():
            if response.get_header(name) is None:
                response.set_header(name, value)


def _body(
    request: falcon.Request, most: int, needed: tuple[str, ...], also: tuple[str, ...] = ()
) -> dict[str, str]:
    """A JSON object of texts. Raises UsageError."""
    length = request.content_length
    if (request.content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise falcon.HTTPUnsupportedMediaType(description="send application/json")
    if length is None or length > most:
        raise falcon.HTTPContentTooLarge(description=f"at most {most} bytes are read")
    try:
        found = json.loads(request.bounded_stream.read(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the body is no JSON: {error}", remedy="send an object") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise UsageError("the body is no object of texts", remedy=f"send {', '.join(needed)}")
    wrong = [key for key in needed if key not in found] or [key for key in found if key not in needed + also]
    if wrong:
        raise UsageError(f"the body: {wrong[0]} is missing or unknown", remedy=f"send {', '.join(needed)}")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse(_request: Any, response: falcon.Response, error: WorkflowError, _params: Any) -> None:
    response.status = falcon.code_to_http_status(error.http_status)
    response.media = {"error": error.to_dict()}


def _falcon(_request: Any, response: falcon.Response, error: falcon.HTTPError, _params: Any) -> None:
    response.status = error.status
    told = {"code": "usage", "message": error.description or error.title, "remedy": None}
    response.media = {"error": told}


def _fail(_request: Any, response: falcon.Response, error: Exception, _params: Any) -> None:
    import logging

    logging.getLogger("wfregistry").error("a request failed", exc_info=error)
    response.status = falcon.HTTP_500
    response.media = {"error": {"code": "bug", "message": "an internal error", "remedy": None}}
