"""Which server is asked, who gets the token, and what every kind of answer or silence becomes."""

import contextlib
import fcntl
import http.server
import json
import socket
import threading
from pathlib import Path

import pytest

from wfcore import errors
from wfcore.cli.client import Client
from wfcore.cli.finding import find, running
from wfcore.errors import Unreachable, UsageError, WorkflowError

TOKEN = "wf_" + "x" * 40


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv("WORKFLOW_SERVER", raising=False)
    monkeypatch.delenv("WORKFLOW_TOKEN", raising=False)


@pytest.fixture
def server():
    """A real HTTP server; ``answers`` is what it says next, ``seen`` what it was asked."""
    seen, answers = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append((self.command, self.path, dict(self.headers), body))
            status, content = answers.pop(0) if answers else (200, b"{}")
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _reply

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        made.seen, made.answers = seen, answers
        made.address = f"http://127.0.0.1:{made.server_port}"
        yield made
        made.shutdown()


@contextlib.contextmanager
def living(data_dir: Path, address: str):
    """A data directory with a token, and a server that holds its lock."""
    data_dir.mkdir(exist_ok=True)
    (data_dir / "admin.token").write_text(TOKEN + "\n")
    (data_dir / "admin.token").chmod(0o600)
    lock = data_dir / "server.lock"
    lock.write_text(json.dumps({"pid": 1, "address": address}))
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_what_is_sent(server):
    asked = Client(server.address, TOKEN)
    assert asked.get("/a b", limit=3, state=None) == {}
    assert asked.post("/b", {"x": 1}, headers={"Idempotency-Key": "k"}) == {}
    assert asked.send_workflow("/c", b"id: x", {}, file="x y.yaml") == {}
    assert asked.send_workflow("/c", b"id: x", {"a.ts": "1"}) == {}
    (_, first, headers, _), (_, _, more, body), (_, third, yaml, source), with_files = server.seen
    assert json.loads(with_files[-1]) == {"source": "id: x", "files": {"a.ts": "1"}}
    assert (first, third) == ("/a%20b?limit=3", "/c?file=x+y.yaml")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert (more["Content-Type"], more["Idempotency-Key"], json.loads(body)) == (
        "application/json",
        "k",
        {"x": 1},
    )
    assert (yaml["Content-Type"], source) == ("application/yaml", b"id: x")


@pytest.mark.parametrize(
    "kind", [one for one in WorkflowError.__subclasses__() if one.__init__ is WorkflowError.__init__]
)
def test_an_error_of_the_server_keeps_its_class(server, kind):
    server.answers.append(
        (kind.http_status, json.dumps({"error": kind("what", remedy="how").to_dict()}).encode())
    )
    with pytest.raises(kind, match="what") as caught:
        Client(server.address, None).get("/")
    assert caught.value.remedy == "how"


def test_problems_of_a_workflow_come_with_their_places(server):
    problem = errors.Problem(3, 5, "tasks.a", "is wrong", "f.yaml")
    body = {"error": errors.InvalidWorkflow([problem]).to_dict()}
    server.answers.append((422, json.dumps(body).encode()))
    with pytest.raises(errors.InvalidWorkflow) as caught:
        Client(server.address, None).get("/")
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize("problems", [[], [errors.Problem(3, 5, "name", "is wrong", "plugin.yaml")]])
def test_a_package_that_the_server_refuses(server, problems):
    body = {"error": errors.InvalidPackage("a/b 1.0.0 is bad", problems=problems, remedy="how").to_dict()}
    server.answers.append((422, json.dumps(body).encode()))
    with pytest.raises(errors.InvalidPackage, match="is bad") as caught:
        Client(server.address, None).get("/")
    assert (caught.value.problems, caught.value.remedy) == (tuple(problems), "how")


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, b"<html>"),
        (404, b"not here"),
        (500, b"[]"),
        (302, b""),
        (200, b"\xff"),
        (502, b'{"error": "x"}'),
        (403, b'{"error": {}}'),
    ],
)
def test_an_answer_that_is_not_ours(server, status, content):
    server.answers.append((status, content))
    with pytest.raises(Unreachable, match=f"answered {status}, but not as a workflow server does"):
        Client(server.address, None).get("/")


def test_a_bug_of_the_server_is_a_bug(server):
    server.answers.append(
        (500, json.dumps({"error": {"code": "bug", "message": "oops", "remedy": None}}).encode())
    )
    with pytest.raises(WorkflowError, match="oops") as caught:
        Client(server.address, None).get("/")
    assert caught.value.exit_code == 70


def test_nobody_answers():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(
        Unreachable, match=rf"the server at http://127.0.0.1:{port} does not answer: .*refused"
    ) as caught:
        Client(f"http://127.0.0.1:{port}", None).get("/")
    assert "server start" in caught.value.remedy


def test_an_idle_connection_that_was_closed_is_opened_again(server):
    asked = Client(server.address, None)
    asked.get("/1")
    server.answers += [(0, b""), (200, b'{"again": true}')]
    assert asked.get("/2") == {"again": True}
    server.answers.append((0, b""))
    with pytest.raises(Unreachable):
        asked.post("/3")
    assert [path for _, path, _, _ in server.seen] == ["/1", "/2", "/2", "/3"]


@pytest.mark.parametrize(
    "address",
    ["", "localhost", "ftp://x", "http://", "http://[::1", "http://u:p@h", "http://h?x=1", "http://h:x"],
)
def test_an_address_that_is_no_url(address):
    with pytest.raises(UsageError, match="is not the URL of a server"):
        Client(address, None)


def test_the_server_of_the_data_directory_is_found_with_its_token(server, tmp_path):
    with living(tmp_path / "data", server.address):
        found = find(None, lambda: tmp_path / "data")
        found.get("/")
    assert found.token_file == tmp_path / "data" / "admin.token"
    assert server.seen[0][2]["Authorization"] == f"Bearer {TOKEN}"


def test_a_lock_that_nobody_holds_is_no_server(server, tmp_path):
    with living(tmp_path / "data", server.address):
        pass
    with pytest.raises(Unreachable, match="no server is running on the data directory"):
        find(None, lambda: tmp_path / "data")
    assert running(None, lambda: tmp_path / "data") is None
    assert server.seen == []


def test_the_token_goes_to_no_other_server(server, tmp_path, monkeypatch):
    with living(tmp_path / "data", "http://127.0.0.1:1"):
        find(server.address, lambda: tmp_path / "data").get("/")
        monkeypatch.setenv("WORKFLOW_SERVER", server.address)
        find(None, lambda: tmp_path / "data").get("/")
    assert all("Authorization" not in headers for _, _, headers, _ in server.seen)
    assert len(server.seen) == 2


def test_the_token_goes_to_no_address_but_this_machine(tmp_path):
    with living(tmp_path / "data", "http://192.0.2.1:7233"):
        assert find("http://192.0.2.1:7233", lambda: tmp_path / "data").token_file is None


def test_an_open_token_file_is_refused(server, tmp_path):
    with living(tmp_path / "data", server.address):
        (tmp_path / "data" / "admin.token").chmod(0o644)
        with pytest.raises(errors.Forbidden, match="can be read by other users"):
            find(None, lambda: tmp_path / "data")


def test_what_the_user_says_comes_first(server, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKFLOW_TOKEN", "mine")
    monkeypatch.setenv("WORKFLOW_SERVER", "http://127.0.0.1:1")
    find(server.address, lambda: tmp_path).get("/")
    assert server.seen[0][2]["Authorization"] == "Bearer mine"


def test_a_named_server_needs_no_sound_configuration(server):
    def broken():
        raise errors.InvalidConfig("broken")

    assert find(server.address, broken).get("/") == {}
    with pytest.raises(errors.InvalidConfig):
        find(None, broken)
