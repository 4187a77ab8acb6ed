"""A small source of JSON on this machine, for the workflows of the quick start."""

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

#: The port that workflow.config.yaml allows.
PORT = 7280
ITEMS = [
    {"id": 1, "name": "tea", "price": 3.5},
    {"id": 2, "name": "bread", "price": 2.25},
    {"id": 3, "name": "cocoa", "price": 4},
]


class Source(ThreadingHTTPServer):
    """``/items`` is refused the first time; ``/slow`` takes ``pause`` seconds, and sets ``asked``."""

    def __init__(self, port: int = PORT, pause: float = 1.0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.requests = count(1)
        self.asked = threading.Event()
        self.pause = pause

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Source

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.server.asked.set()
            threading.Event().wait(self.server.pause)
            self._answer(200, {"slow": True})
        elif next(self.server.requests) == 1:
            self._answer(503, {"error": "busy, come again"})
        else:
            self._answer(200, ITEMS)

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        with suppress(ConnectionError):  # whoever asked was killed meanwhile
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def serve() -> Source:
    """A source that listens on PORT, or on a free port if that is taken, until the program ends."""
    try:
        source = Source()
    except OSError:
        source = Source(0)
    threading.Thread(target=source.serve_forever, daemon=True).start()
    return source
