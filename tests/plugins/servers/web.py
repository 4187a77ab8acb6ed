"""What the servers share: HTTP/1.1 on a free port of this machine, plain or with TLS."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True)
class Request:
    """One request; header names are lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def type(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def bearer(self) -> str | None:
        """The token of the Bearer scheme."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" and token else None

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json.loads(self.body)

    def form(self) -> list[tuple[str, str]]:
        """The body as a form, in its order."""
        return parse_qsl(self.body.decode(), keep_blank_values=True)


@dataclass(frozen=True)
class Answer:
    """One answer: bytes and texts as they are, None as nothing, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def sent(self) -> tuple[bytes, dict[str, str]]:
        """The content and the headers."""
        if self.body is None:
            return b"", self.headers
        if isinstance(self.body, bytes | str):
            content = self.body.encode() if isinstance(self.body, str) else self.body
            return content, {"Content-Type": "text/html; charset=utf-8", **self.headers}
        content = json.dumps(self.body).encode()
        return content, {"Content-Type": "application/json; charset=utf-8", **self.headers}


class Server(ThreadingHTTPServer):
    """Answers by ``answer``; ``requests`` are those that came. As a context manager it starts and stops."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self.server_address[1])
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.requests: list[Request] = []
        self._waiting: deque[Answer] = deque()
        self._losing = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Server:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()

    def answer_next(self, *answers: Answer) -> None:
        """The next requests get these answers and do nothing."""
        self._waiting.extend(answers)

    def lose_next(self, count: int = 1) -> None:
        """The next requests are done, and their answers get lost."""
        self._losing += count

    def handle(self, request: Request) -> Answer | None:
        """The answer to a request; None when it gets lost. One at a time."""
        with self._lock:
            self.requests.append(request)
            if self._waiting:
                return self._waiting.popleft()
            answer = self.answer(request)
            if self._losing:
                self._losing -= 1
                return None
            return answer

    def answer(self, request: Request) -> Answer:
        """What this kind of server makes of a request."""
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def respond(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        query = dict(parse_qsl(parts.query))
        answer = self.server.handle(Request(self.command, parts.path, query, headers, body))
        if answer is None:
            self.close_connection = True
            return
        content, extra = answer.sent()
        self.send_response(answer.status)
        for name, value in extra.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if answer.status != 204:
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond

    def log_message(self, *args: object) -> None:
        pass
