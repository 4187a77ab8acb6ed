"""The registry as a program: one command starts it, publishers and clients use it over HTTP."""

import base64
import json
import signal
import stat
import urllib.error
import urllib.request
from http.client import HTTPConnection, HTTPException

import pytest

from tests.registry.conftest import Process
from wfcore.packages import index, minisign


def call(url, body=None, headers=None, method=None):
    """Status, headers and body of an answer."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    sent = {"content-type": "application/json"} if data is not None else {}
    request = urllib.request.Request(url, data, {**sent, **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


def publish(process, content, token, **more):
    body = {"package": base64.b64encode(content).decode(), **more}
    return call(f"{process.address}/api/v1/packages", body, {"authorization": f"Bearer {token}"})


@pytest.fixture
def served(process):
    with process.serving():
        process.ada = process.token()
        yield process


def test_publish_search_yank_and_read(served, plugin):
    status, _, body = publish(served, plugin(), served.ada, changelog="first")
    assert (status, json.loads(body)["result"]) == (201, "published")
    assert publish(served, plugin(), served.ada)[0] == 200
    other = publish(served, plugin(source="export const greet = () => 1"), served.ada)
    assert (other[0], json.loads(other[2])["error"]["code"]) == (409, "conflict")
    found = json.loads(call(f"{served.address}/api/v1/search?q=hello")[2])
    assert [one["name"] for one in found["packages"]] == ["community/hi"]
    status, headers, content = call(f"{served.address}/index.json")
    top = index.read_top(content, [minisign.public_key(served.public)], "main")
    tag = headers["ETag"]
    assert call(f"{served.address}/index.json", headers={"if-none-match": tag})[0] == 304
    listed = top.packages["community/hi"]
    document = call(f"{served.address}/{index.document_path(listed.document)}")[2]
    (release,) = index.read_document(document, listed, "main")
    status, headers, archive = call(f"{served.address}/{index.archive_path(release.digest)}")
    assert (archive, "immutable" in headers["Cache-Control"]) == (plugin(), True)
    yank = {"name": "community/hi", "version": "1.0.0", "reason": "broken"}
    bearer = {"authorization": f"Bearer {served.ada}"}
    assert call(f"{served.address}/api/v1/yank", yank, bearer)[0] == 200
    assert call(f"{served.address}/index.json", headers={"if-none-match": tag})[0] == 200


def test_a_restart_changes_nothing(process, plugin):
    with process.serving():
        token = process.token()
        publish(process, plugin(), token)
        before, public = call(f"{process.address}/index.json")[2], process.public
    with process.serving():
        assert (call(f"{process.address}/index.json")[2], process.public) == (before, public)
        assert publish(process, plugin(source="export const greet = () => 1"), token)[0] == 409


def test_on_postgresql_as_well(tmp_path, database, plugin):
    process = Process(tmp_path / "registry", "--database", database, "--name", "company")
    with process.serving():
        token = process.token()
        assert publish(process, plugin(), token)[0] == 201
    with process.serving():
        top = call(f"{process.address}/index.json")[2]
        read = index.read_top(top, [minisign.public_key(process.public)], "company")
        assert (read.name, set(read.packages)) == ("company", {"community/hi"})
        assert publish(process, plugin(source="export const greet = () => 1"), token)[0] == 409
    assert not (process.data / "registry.sqlite").exists()


def test_a_kill_in_the_middle_leaves_all_or_nothing(process, plugin):
    from threading import Thread

    running = process.begin()
    token = process.token()
    contents = {version: plugin(version) for version in (f"1.{n}.0" for n in range(40))}
    taken = []

    def publisher():
        for version, content in contents.items():
            try:
                if publish(process, content, token)[0] == 201:
                    taken.append(version)
            except (OSError, HTTPException):  # perhaps in the middle of an answer
                return

    thread = Thread(target=publisher)
    thread.start()
    while len(taken) < 3:
        thread.join(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    running.stdout.close()
    thread.join()
    with process.serving():
        content = call(f"{process.address}/index.json")[2]
        listed = index.read_top(content, [minisign.public_key(process.public)], "main").packages[
            "community/hi"
        ]
        document = call(f"{process.address}/{index.document_path(listed.document)}")[2]
        releases = {one.version: one for one in index.read_document(document, listed, "main")}
        assert set(taken) <= set(releases), "what was answered is there"
        for version, release in releases.items():
            archive = call(f"{process.address}/{index.archive_path(release.digest)}")[2]
            assert archive == contents[version]


def test_who_may_not_publish(served, plugin):
    assert publish(served, plugin(), "wrong")[0] == 401
    assert call(f"{served.address}/api/v1/packages", {"package": "eA=="})[0] == 401
    narrow = served.token("eve", "--scope", "acme")
    refused = publish(served, plugin(), narrow)
    assert (refused[0], "community/hi" in json.loads(refused[2])["error"]["message"]) == (403, True)
    assert served.run("token", "revoke", "ada").returncode == 0
    assert publish(served, plugin(), served.ada)[0] == 401


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"nonsense", "application/json", 400),
        (b'{"package": "*"}', "application/json", 400),
        (b'{"package": "eA==", "extra": "x"}', "application/json", 400),
        (b'{"package": 1}', "application/json", 400),
        (b'{"package": "eA==", "package": "eA=="}', "application/json", 400),
        (b'{"package": "eA=="}', "application/json", 422),
        (b'{"package": "eA=="}', "text/plain", 415),
        (b"[" * 100_000, "application/json", 400),
    ],
)
def test_a_body_that_is_not_right(served, body, kind, status):
    headers = {"authorization": f"Bearer {served.ada}", "content-type": kind}
    answer = call(f"{served.address}/api/v1/packages", body, headers)
    assert answer[0] == status, answer[2]
    assert json.loads(answer[2])["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/documents/x.json",
        "/archives/../registry.sqlite",
        "/archives/..%2fregistry.sqlite",
        "/archives/" + "0" * 64,
    ],
)
def test_there_is_nothing_else(served, path):
    assert call(served.address + path)[0] == 404


def test_what_is_too_large_is_refused(served):
    connection = HTTPConnection(served.address.removeprefix("http://"), timeout=20)
    connection.putrequest("POST", "/api/v1/packages")
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders(b"{")
    assert connection.getresponse().status == 413
    connection.close()


def test_health_and_methods(served):
    assert json.loads(call(f"{served.address}/healthz")[2])["status"] == "ok"
    assert call(f"{served.address}/index.json", b"{}", method="DELETE")[0] == 405


def test_its_files_are_its_own(process):
    with process.serving():
        for file in (process.data, *process.data.iterdir()):
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_the_commands(process, tmp_path, plugin):
    token = process.token("ada", "--scope", "community", "--days", "5")
    assert token.startswith("wfr_")
    assert process.run("token", "list").stdout.split()[:3] == ["ada", "valid", "community"]
    assert process.run("key").stdout.startswith("RW")
    again = process.run("token", "create", "ada", "--scope", "*")
    assert (again.returncode, "already" in again.stderr, "hint:" in again.stderr) == (5, True, True)
    assert process.run("revoke", "community/hi", "1.0.0", "bad").returncode == 4
    assert process.run("token").returncode == 2
    assert process.run("--validity", "0", "key").returncode == 2
    assert process.run("--database", "mysql://x/y", "key").returncode == 3
    with process.serving():
        publish(process, plugin(), token)
    assert process.run("revoke", "community/hi", "1.0.0", "it steals").returncode == 0
    site = tmp_path / "site"
    assert process.run("export", str(site)).stdout.endswith("2 new files\n")
    top = index.read_top(
        (site / "index.json").read_bytes(), [minisign.public_key(process.run("key").stdout)], "main"
    )
    assert top.revoked[0].reason == "it steals"
    listed = top.packages["community/hi"]
    index.read_document((site / index.document_path(listed.document)).read_bytes(), listed, "main")
    assert process.run("export", str(site)).stdout.endswith("0 new files\n")


def test_a_key_that_others_can_read_is_not_used(process):
    process.run("key")
    (process.data / "index.key").chmod(0o644)
    refused = process.run("key")
    assert (refused.returncode, "can be read by others" in refused.stderr) == (3, True)
