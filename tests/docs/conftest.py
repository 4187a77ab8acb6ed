"""The real program, in a directory of its own, for documentation that is followed to the letter."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Workflow:
    """The command line with a configuration in ``home``; answers are JSON."""

    def __init__(self, home: Path, config: str):
        self.home = home
        self.home.mkdir(exist_ok=True)
        (home / "workflow.config.yaml").write_text(config)
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")}

    def __call__(self, *words: object, code: int = 0, said: str = ""):
        """The JSON that a command answers; it must end with this exit code. It reads what is ``said``."""
        ended = subprocess.run(
            [sys.executable, "-m", "wfcore", *map(str, words), "--json"],
            cwd=self.home, env=self.environ, text=True, timeout=60,
            input=said, capture_output=True,
        )  # fmt: skip
        assert ended.returncode == code, (words, ended.stdout, ended.stderr)
        return json.loads(ended.stdout)

    @contextlib.contextmanager
    def server(self):
        """A server; its address and its token."""
        address = self("server", "start", "--detach")["address"]
        try:
            yield address, (self.home / "data" / "admin.token").read_text().strip()
        finally:
            self("server", "stop")


class Web(ThreadingHTTPServer):
    """Answers each path with what ``pages`` has for it, status and JSON; ``seen`` are the requests."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Page)
        self.pages, self.seen = {}, []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Page(BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        path, _, query = self.path.partition("?")
        self.server.seen.append((self.command, path, query, json.loads(self.rfile.read(length) or "null")))
        status, kind, value = self.server.pages[path]
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


@pytest.fixture
def web():
    """A web server on this machine."""
    with Web() as made:
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def workflow(tmp_path, web):
    """The program, in a place where workflows may reach ``web``."""
    return Workflow(
        tmp_path / "home", f"server: {{port: 0}}\negress:\n  default: none\n  allow: [{web.url}]\n"
    )
