"""Slack: chat.postMessage and incoming webhooks."""

from __future__ import annotations

import itertools
import ssl
from typing import Any

from .web import Answer, Request, Server

TOO_LONG = 40_000
MOST_BLOCKS = 50


class Refusal(Exception):
    """Slack's own word for what is wrong, and what is told beside it."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.body = {"ok": False, "error": error, **more}


class SlackServer(Server):
    """A workspace with a bot. ``messages`` are those that were posted."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.scopes = {"xoxb-good": {"chat:write"}, "xoxb-reader": {"users:read"}}
        self.channels = {"C0ALERTS": "alerts", "C0PRIVATE": "private", "C0OLD": "old"}
        self.joined = {"C0ALERTS", "C0OLD"}
        self.archived = {"C0OLD"}
        self.webhooks = {"/services/T000/B000/XXXX": "C0ALERTS"}
        self.messages: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)

    @staticmethod
    def limited(seconds: int) -> Answer:
        """What is answered while requests come too fast."""
        return Answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(seconds)})

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/services/"):
            return self._webhook(request)
        if request.path != "/api/chat.postMessage":
            return Answer(200, {"ok": False, "error": "unknown_method", "req_method": request.path[5:]})
        try:
            return Answer(200, self._posted(request))
        except Refusal as refusal:
            return Answer(200, refusal.body)

    def _posted(self, request: Request) -> dict[str, Any]:
        self._authorize(request)
        said = _content(request)
        channel = self._channel(str(said.get("channel", "")).lstrip("#"))
        message = self._post(channel, said)
        answer: dict[str, Any] = {"ok": True, "channel": channel, "ts": message["ts"], "message": message}
        if request.type == "application/json" and "charset" not in request.headers["content-type"]:
            answer |= {"warning": "missing_charset", "response_metadata": {"warnings": ["missing_charset"]}}
        return answer

    def _authorize(self, request: Request) -> None:
        if request.bearer is None:
            raise Refusal("not_authed")
        if request.bearer not in self.scopes:
            raise Refusal("invalid_auth")
        scopes = self.scopes[request.bearer]
        if "chat:write" not in scopes:
            raise Refusal("missing_scope", needed="chat:write", provided=",".join(sorted(scopes)))

    def _channel(self, wanted: str) -> str:
        for id, name in self.channels.items():
            if wanted in (id, name):
                if id not in self.joined:
                    raise Refusal("not_in_channel")
                if id in self.archived:
                    raise Refusal("is_archived")
                return id
        raise Refusal("channel_not_found")

    def _post(self, channel: str, said: dict[str, Any]) -> dict[str, Any]:
        if not (said.get("text") or said.get("blocks") or said.get("attachments")):
            raise Refusal("no_text")
        if len(said.get("text") or "") > TOO_LONG:
            raise Refusal("msg_too_long")
        blocks = said.get("blocks", [])
        if (
            not isinstance(blocks, list)
            or len(blocks) > MOST_BLOCKS
            or any("type" not in one for one in blocks)
        ):
            faults = ["[ERROR] missing required field: type [json-pointer:/blocks/0]"]
            raise Refusal("invalid_blocks", errors=faults, response_metadata={"messages": faults})
        thread = said.get("thread_ts")
        if thread is not None and not any(one["ts"] == thread for one in self.messages):
            raise Refusal("thread_not_found")
        message = {**said, "channel": channel, "ts": f"1767225600.{next(self._numbers):06}"}
        self.messages.append(message)
        return message

    def _webhook(self, request: Request) -> Answer:
        channel = self.webhooks.get(request.path)
        if channel is None:
            return Answer(404, "no_service")
        if channel in self.archived:
            return Answer(410, "channel_is_archived")
        try:
            self._post(channel, _content(request))
        except Refusal as refusal:
            return Answer(400, refusal.body["error"])
        return Answer(200, "ok")


def _content(request: Request) -> dict[str, Any]:
    try:
        said = request.json()
    except ValueError:
        raise Refusal(
            "invalid_payload" if request.path.startswith("/services/") else "invalid_json"
        ) from None
    if not isinstance(said, dict):
        raise Refusal("invalid_payload" if request.path.startswith("/services/") else "json_not_object")
    return said
