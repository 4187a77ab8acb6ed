"""A web request below ``/hooks`` starts the workflow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from wfcore.api import Context, Stateless, TriggerFault, Unauthorized, UsageError, WebRequest
from wfcore_plugins.triggers import signature
from wfcore_plugins.triggers.body import read
from wfcore_plugins.triggers.fields import choice, mapping, size, text

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
KEYS: Final = ("path", "method", "auth", "respond", "max_body")
MAX_BODY: Final = 1024 * 1024
LONGEST_PATH: Final = 200
#: Headers that carry credentials; a payload is stored and shown.
HIDDEN: Final = frozenset((
    "authorization", "cookie", "proxy-authorization", "x-api-key", "x-auth-token", "x-gitlab-token",
    "x-telegram-bot-api-secret-token",
))  # fmt: skip

_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


class WebhookTrigger(Stateless):
    """``webhook: {path, method, auth, respond, max_body}``."""

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        super().__init__(config, context)
        self._context = context

    def check(self, spec: Any) -> dict[str, Any]:
        """The same keys, with defaults; ``max_body`` in bytes. Raises TriggerFault."""
        whole = mapping(spec, KEYS)
        method = whole.get("method", "POST")
        return {
            "path": _path(text(whole, "path")),
            "method": choice(
                {"method": method.upper() if isinstance(method, str) else method}, "method", METHODS, ""
            ),
            "auth": _auth(whole),
            "respond": choice(whole, "respond", ("ack", "result"), "ack"),
            "max_body": size(whole, "max_body", MAX_BODY),
        }

    def address(self, spec: Mapping[str, Any]) -> str:
        """``POST /ingest``."""
        return f"{spec['method']} {spec['path']}"

    def accept(self, spec: Mapping[str, Any], request: WebRequest) -> dict[str, Any]:
        """{body, headers, query, method, path}; the body as its content type says.

        Raises Unauthorized without a valid token or signature, unless ``auth`` is none, and UsageError
        for a body that is too large or not what it claims to be.
        """
        if spec["auth"] == "bearer" and not request.authorized:
            raise Unauthorized(
                f"{self.address(spec)} wants a token",
                remedy="send the header 'Authorization: Bearer TOKEN' with a token of this server",
            )
        if isinstance(spec["auth"], Mapping):
            self._verify(spec, request)
        if len(request.body) > spec["max_body"]:
            raise UsageError(
                f"the body has {len(request.body)} bytes, {self.address(spec)} takes {spec['max_body']}",
                remedy="send less, or raise max_body of the webhook trigger",
            )
        return {
            "body": read(request.body, request.headers.get("content-type", "")),
            "headers": {name: value for name, value in request.headers.items() if name not in HIDDEN},
            "query": dict(request.query),
            "method": request.method,
            "path": request.path,
        }

    def key(self, spec: Mapping[str, Any], request: WebRequest) -> str | None:
        """A request whose time was signed is the same whenever it comes again."""
        if not isinstance(spec["auth"], Mapping):
            return None
        signed = self._verify(spec, request)
        return None if signed.time is None else f"signed:{signed.time}:{signed.digest[:64]}"

    def _verify(self, spec: Mapping[str, Any], request: WebRequest) -> signature.Signed:
        """Raises Unauthorized also when the server has no such secret: then nobody can have signed."""
        settings, context = spec["auth"]["hmac"], self._context
        secret = (
            context.secrets.get(settings["secret"], request.workflow) if context.secrets is not None else None
        )
        if not secret:
            context.logger.error(
                "%s is closed: there is no secret %s", self.address(spec), settings["secret"]
            )
            raise Unauthorized("the webhook cannot check signatures now", remedy="tell the server's operator")
        return signature.verify(settings, request, secret, context.clock.now() / 1_000_000)


def _path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise TriggerFault(
            "a path looks like /ingest or /team/ingest: letters, digits, '.', '_', '~', '-'", ("path",)
        )
    if {".", ".."} & set(path.split("/")):
        raise TriggerFault("a path has no '.' or '..' segments", ("path",))
    if len(path) > LONGEST_PATH:
        raise TriggerFault(f"a path has at most {LONGEST_PATH} characters", ("path",))
    return path


def _auth(spec: Mapping[str, Any]) -> str | dict[str, Any]:
    auth = spec.get("auth", "bearer")
    if isinstance(auth, Mapping) and set(auth) == {"hmac"}:
        try:
            return {"hmac": signature.check(auth["hmac"])}
        except TriggerFault as fault:
            raise TriggerFault(fault.message, ("auth", "hmac", *fault.path)) from None
    if isinstance(auth, Mapping):
        raise TriggerFault("expected bearer, none, or a mapping with hmac", ("auth",))
    return choice({"auth": auth}, "auth", ("bearer", "none"), "bearer")
