"""Telegram's Bot API: sendMessage."""

from __future__ import annotations

import itertools
import re
import ssl
from typing import Any

from .web import Answer, Request, Server

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
LONGEST = 4096
_PATH = re.compile(r"/bot([^/]*)/(\w+)")
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]{30,40}")
_UNBALANCED = re.compile(r"<(b|i|u|s|code|pre)>(?!.*</\1>)", re.DOTALL)


class Refusal(Exception):
    """What is wrong, as Telegram tells it."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.answer = _refused(code, description, **parameters)


class TelegramServer(Server):
    """A bot and its chats. ``messages`` are those that were sent."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.token = TOKEN
        self.chats = {7: "private", -1001: "supergroup", 8: "private"}
        self.names = {"@operations": -1001}
        self.blocked = {8}
        self.migrated = {-77: -1001}
        self.messages: list[dict[str, Any]] = []
        self._ids = itertools.count(1)

    @staticmethod
    def limited(seconds: int) -> Answer:
        """What is answered while messages come too fast."""
        return _refused(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)

    def answer(self, request: Request) -> Answer:
        try:
            return Answer(200, {"ok": True, "result": self._result(request)})
        except Refusal as refusal:
            return refusal.answer

    def _result(self, request: Request) -> dict[str, Any]:
        found = _PATH.fullmatch(request.path)
        if found is None or not _TOKEN.fullmatch(found[1]) or found[2] != "sendMessage":
            raise Refusal(404, "Not Found")
        if found[1] != self.token:
            raise Refusal(401, "Unauthorized")
        said = request.json() if request.type == "application/json" else dict(request.form())
        chat = self._chat(said.get("chat_id"))
        _expect_text(said.get("text", ""), said.get("parse_mode"))
        self._expect_answered(chat, said.get("reply_parameters"))
        message = {
            "message_id": next(self._ids),
            "date": 1767225600,
            "chat": {"id": chat, "type": self.chats[chat]},
            "text": said["text"],
        }
        self.messages.append({**message, "said": said})
        return message

    def _chat(self, wanted: Any) -> int:
        if wanted in (None, ""):
            raise Refusal(400, "Bad Request: chat_id is empty")
        chat = self.names.get(wanted, wanted) if isinstance(wanted, str) else wanted
        if chat in self.migrated:
            moved = self.migrated[chat]
            text = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refusal(400, text, migrate_to_chat_id=moved)
        if chat not in self.chats:
            raise Refusal(400, "Bad Request: chat not found")
        if chat in self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        return int(chat)

    def _expect_answered(self, chat: int, reply: dict[str, int] | None) -> None:
        if reply is not None and not any(
            (one["chat"]["id"], one["message_id"]) == (chat, reply["message_id"]) for one in self.messages
        ):
            raise Refusal(400, "Bad Request: message to be replied not found")


def _expect_text(text: str, mode: str | None) -> None:
    if not text.strip():
        raise Refusal(400, "Bad Request: message text is empty")
    if mode == "HTML" and (found := _UNBALANCED.search(text)):
        start = f'Can\'t find end tag corresponding to start tag "{found[1]}"'
        raise Refusal(400, f"Bad Request: can't parse entities: {start}")
    plain = re.sub(r"<[^>]*>", "", text) if mode == "HTML" else text
    if len(plain) > LONGEST:
        raise Refusal(400, "Bad Request: message is too long")


def _refused(code: int, description: str, **parameters: int) -> Answer:
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return Answer(code, body)
