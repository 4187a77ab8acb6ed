"""Speaks to a server's HTTP API, with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from wfcore import errors
from wfcore.errors import Problem, Unreachable, UsageError, WorkflowError

#: Seconds without a byte after which a server is taken for gone; long-polls add their own time.
TIMEOUT: Final = 30.0
_LARGEST: Final = 256 * 2**20


class Client:
    """One server. Keeps its connection open between requests; not for several threads.

    ``token_file`` is where the token came from, if it is the one of the data directory.
    """

    def __init__(self, address: str, token: str | None, token_file: Path | None = None) -> None:
        self.address = address.rstrip("/")
        self.token_file = token_file
        self._token = token
        self._connection, self._path = _connect(self.address)

    def get(self, path: str, *, wait: float = 0, **query: Any) -> Any:
        """GET the JSON at ``path``; ``wait`` seconds are the server's own to answer."""
        if wait:
            query["wait"] = wait
        return self.call("GET", path, query=query, patience=wait)

    def content(self, path: str, **query: Any) -> bytes:
        """GET what is at ``path`` as it comes."""
        given = {name: value for name, value in query.items() if value is not None}
        target = f"{self._path}{quote(path)}?{urlencode(given)}"
        status, content = self._exchange("GET", target, None, self._headers(None, {}), TIMEOUT)
        if status >= 300:
            _answer(self.address, status, content)
        return content

    def post(
        self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Any:
        """POST a JSON body."""
        return self.call("POST", path, json.dumps(body or {}).encode(), query=query, headers=headers or {})

    def send_workflow(self, path: str, source: bytes, files: Mapping[str, str], **query: Any) -> Any:
        """POST a workflow's source, with the files that its tasks name."""
        if not files:
            return self.call("POST", path, source, query=query, headers={"Content-Type": "application/yaml"})
        return self.post(path, {"source": source.decode(), "files": files}, **query)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = 0,
    ) -> Any:
        """The decoded answer. Raises the WorkflowError that the server tells of, or Unreachable."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = self._path + quote(path) + (f"?{urlencode(given)}" if given else "")
        status, content = self._exchange(
            method, target, body, self._headers(body, headers or {}), TIMEOUT + patience
        )
        return _answer(self.address, status, content)

    def _headers(self, body: bytes | None, headers: Mapping[str, str]) -> dict[str, str]:
        result = {"Accept": "application/json"}
        if self._token:
            result["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            result["Content-Type"] = "application/json"
        return result | dict(headers)

    def _exchange(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str], timeout: float
    ) -> tuple[int, bytes]:
        connection = self._connection
        if method != "GET":  # only a GET may be sent again when an idle connection turns out to be closed
            connection.close()
        fresh = connection.sock is None
        try:
            connection.timeout = timeout
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.read(_LARGEST)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            stale = isinstance(error, ConnectionError | http.client.RemoteDisconnected)
            if not fresh and stale:
                return self._exchange(method, target, body, headers, timeout)
            raise self._gone(error) from error

    def _gone(self, error: Exception) -> Unreachable:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Unreachable(
            f"the server at {self.address} does not answer: {reason}",
            remedy="check the address, or start it with `workflow server start`",
        )


def _connect(address: str) -> tuple[http.client.HTTPConnection, str]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise UsageError(
            f"{address!r} is not the URL of a server", remedy="write it like http://127.0.0.1:7233"
        )
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, port), parts.path
    return http.client.HTTPConnection(host, port), parts.path


def _answer(address: str, status: int, content: bytes) -> Any:
    try:
        data = json.loads(content) if content else None
    except ValueError:
        data = ...
    if status < 300 and data is not ...:
        return data
    told = data.get("error") if isinstance(data, dict) else None
    if isinstance(told, dict) and isinstance(told.get("message"), str):
        raise error_of(told)
    raise Unreachable(
        f"{address} answered {status}, but not as a workflow server does",
        remedy="check the URL of the server",
    )


def error_of(told: Mapping[str, Any]) -> WorkflowError:
    """The error as the server raised it, with its class and so its exit code."""
    message, remedy, code = told["message"], told.get("remedy"), told.get("code")
    if code in ("invalid_workflow", "invalid_package"):
        keys = ("line", "column", "path", "message", "file")
        problems = [Problem(*(one[key] for key in keys)) for one in told["problems"]]
        if code == "invalid_workflow":
            return errors.InvalidWorkflow(problems, remedy=remedy)
        return errors.InvalidPackage(message, problems=problems, remedy=remedy)
    kinds = {
        kind.code: kind for kind in WorkflowError.__subclasses__() if kind.__init__ is WorkflowError.__init__
    }
    return kinds.get(str(code), errors.UsageError if code in _OURS else WorkflowError)(message, remedy=remedy)


#: What only the client can be at fault for, and that has no class of its own.
_OURS: Final = ("unsupported_media_type", "method_not_allowed", "headers_too_large")
