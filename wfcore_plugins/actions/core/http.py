"""HTTP requests through the egress guard, with answers parsed and failures sorted into two kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from wfcore.api import Action, InvalidInput, Result, RetryableError, TaskContext
from wfcore_plugins.actions.core import answers
from wfcore_plugins.actions.core.values import as_bytes, scalar, seconds, to_json

_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_LOGIN = {"username": {"type": "string", "required": True}, "password": {"type": "string", "required": True}}
_COMMON: Mapping[str, Any] = {
    "url": {"type": "string", "required": True, "empty": False},
    "query": {"type": "dict", "keysrules": {"type": "string"}},
    "headers": {"type": "dict", "keysrules": {"type": "string"}},
    "auth": {
        "type": "dict",
        "minlength": 1,
        "maxlength": 1,
        "schema": {"basic": {"type": "dict", "schema": _LOGIN}, "bearer": {"type": "string", "empty": False}},
    },
    "timeout": {},
    "follow_redirects": {"type": "boolean"},
    "max_bytes": {"type": "integer", "min": 1, "max": 1 << 30},
    "fail_on_status": {"type": "boolean"},
    "response": {"type": "string", "allowed": ["auto", "json", "text", "bytes"]},
}
_BODY: Mapping[str, Any] = {
    "json": {"nullable": True, "excludes": ["body", "form"]},
    "body": {"type": ["string", "binary", "dict"], "excludes": ["json", "form"]},
    "form": {"type": "dict", "keysrules": {"type": "string"}, "excludes": ["json", "body"]},
}
_METHOD = {"method": {"type": "string", "required": True, "empty": False}}


def actions() -> Sequence[Action]:
    """get, post and request."""
    return (
        Action("http.get", partial(_run, "GET"), _COMMON, "Fetch a URL."),
        Action("http.post", partial(_run, "POST"), {**_COMMON, **_BODY}, "Send data to a URL by POST."),
        Action(
            "http.request", partial(_run, None), {**_METHOD, **_COMMON, **_BODY}, "Send any HTTP request."
        ),
    )


def _run(verb: str | None, inputs: Mapping[str, Any], task: TaskContext) -> Result:
    method = verb or str(inputs["method"]).upper()
    headers = _headers(inputs)
    body = _body(inputs, headers)
    if method not in _SAFE:
        headers.setdefault("idempotency-key", task.key)
    timeout = seconds(inputs.get("timeout", 30), "timeout")
    if timeout == 0:
        raise InvalidInput("timeout: it must be above 0 seconds")
    started = task.clock.monotonic()
    try:
        response = task.egress.request(
            method,
            _url(inputs),
            headers=headers,
            body=body,
            timeout=max(task.remaining(timeout), 0.001),
            max_bytes=inputs.get("max_bytes", 10 * 1024 * 1024),
            redirects=5 if inputs.get("follow_redirects", True) else 0,
            on_cancel=task.on_cancel,
            sensitive=[name for name, value in headers.items() if task.mask(value) != value],
        )
    except RetryableError:
        task.check()  # a request that a cancel has interrupted did not fail
        raise
    meta = {
        "status": response.status,
        "headers": dict(response.headers),
        "url": response.url,
        "elapsed_ms": round((task.clock.monotonic() - started) * 1000),
    }
    if response.status >= 400 and inputs.get("fail_on_status", True):
        raise answers.failure(method, response, task.clock.now(), task.mask)
    return Result(answers.parse(response, inputs.get("response", "auto")), meta)


def _headers(inputs: Mapping[str, Any]) -> dict[str, str]:
    headers = {
        name.lower(): scalar(value, f"headers.{name}") for name, value in inputs.get("headers", {}).items()
    }
    auth = inputs.get("auth")
    if auth:
        if "authorization" in headers:
            raise InvalidInput("auth: there is an Authorization header too; give one of them")
        headers["authorization"] = _authorization(auth)
    return headers


def _authorization(auth: Mapping[str, Any]) -> str:
    """RFC 7617 and RFC 6750."""
    import base64

    if "bearer" in auth:
        return f"Bearer {auth['bearer']}"
    name, password = auth["basic"]["username"], auth["basic"]["password"]
    if ":" in name:
        raise InvalidInput("auth.basic.username: it cannot contain a colon (RFC 7617)")
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _url(inputs: Mapping[str, Any]) -> str:
    """The URL with ``query`` behind its own query and before its fragment."""
    url = str(inputs["url"])
    query = _encoded(inputs.get("query", {}), "query")
    if not query:
        return url
    head, hash_, fragment = url.partition("#")
    joint = "" if head.endswith(("?", "&")) else "&" if "?" in head else "?"
    return f"{head}{joint}{query}{hash_}{fragment}"


def _encoded(pairs: Mapping[str, Any], name: str) -> str:
    """``a=1&b=2``; a list repeats its name, null leaves it out."""
    from urllib.parse import quote, urlencode

    flat = [
        (key, scalar(item, f"{name}.{key}"))
        for key, value in pairs.items()
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    ]
    return urlencode(flat, quote_via=quote)


def _body(inputs: Mapping[str, Any], headers: dict[str, str]) -> bytes | None:
    if "json" in inputs:
        headers.setdefault("content-type", "application/json")
        return _utf8(to_json(inputs["json"], "json"), "json")
    if "form" in inputs:
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
        return _encoded(inputs["form"], "form").encode()
    body = inputs.get("body")
    if isinstance(body, str):
        headers.setdefault("content-type", "text/plain; charset=utf-8")
        return _utf8(body, "body")
    if body is None:
        return None
    headers.setdefault("content-type", "application/octet-stream")
    content = as_bytes(body)
    if content is None:
        raise InvalidInput("body: it is neither text nor bytes; give mappings and lists as json or form")
    return content


def _utf8(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{name}: it contains half of a surrogate pair, which is no text") from None
