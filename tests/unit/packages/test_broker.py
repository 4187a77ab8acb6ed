"""The broker: what permissions allow is done; what they do not is refused and told."""

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wfcore.egress.guard import Guard
from wfcore.errors import RetryableError, TerminalError
from wfcore.packages.broker import Access, Broker
from wfcore.packages.handles import Handles
from wfcore.packages.permissions import Slot, parse
from wfcore.packages.trial.world import World

SECRETS = {"TOKEN": "s3cret+value/=", "HOOK": "T000/B000/XXX", "ODD": "a b?c"}


class Api(BaseHTTPRequestHandler):
    """Repeats requests as JSON; ``/to?place`` redirects, ``/echo-header`` sends the token back."""

    protocol_version = "HTTP/1.1"

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        if self.path.startswith("/to?"):
            self.send_response(307)
            self.send_header("Location", self.path.partition("?")[2])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/slow":
            time.sleep(1)
        content = json.dumps({"auth": self.headers.get("Authorization"), "path": self.path}).encode()
        if self.path == "/binary":
            content = b"\xff\x00" + SECRETS["TOKEN"].encode()
        self.send_response(200)
        self.send_header("X-Auth", self.headers.get("Authorization") or "none")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _answer

    def log_message(self, *_):
        pass


def serving():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.seen = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def api():
    """A server, with ``url`` and the requests that it has ``seen``."""
    server = serving()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def other():
    """Another server."""
    server = serving()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def ask():
    """``ask(permissions, **request)``: the broker's answer; ``ask.task`` has the log."""
    guard = Guard(["http://127.0.0.1:*"])

    def make(permissions, *requests, secrets=SECRETS, call=None, depth=0, seconds=30, **request):
        task = World({"env": {"HOME": "/home/ada", "OTHER": "x"}})
        task.egress, task.depth = guard, depth
        make.task = task
        access = Access(
            "community/slack", "send", parse(permissions), "package:community/slack", secrets.get, call
        )
        broker = make.broker = Broker(access, task, seconds)
        for one in (*requests, request):
            answer = broker(one)
        return answer

    yield make
    guard.close()


def permitting(server, path="/*", **more):
    return {"network": [server.url + path], **more}


def test_a_request_that_is_permitted_is_sent(ask, api):
    got = ask(
        permitting(api),
        op="http.request",
        url=f"{api.url}/a?b=1",
        method="put",
        headers={"X-A": "1"},
        body="ä",
    )
    assert (got["status"], json.loads(got["body"])["path"]) == (200, "/a?b=1")
    method, path, headers, body = api.seen[0]
    assert (method, path, headers["x-a"], body) == ("PUT", "/a?b=1", "1", "ä".encode())


def test_a_request_has_no_more_time_than_the_call(ask, api):
    with pytest.raises(RetryableError, match="no complete answer in time"):
        ask(permitting(api), op="http.request", url=f"{api.url}/slow", timeout=60, seconds=0.1)


def test_a_body_of_bytes_comes_as_bytes(ask, api):
    assert ask(permitting(api), op="http.request", url=f"{api.url}/binary")["body"][:2] == b"\xff\x00"


@pytest.mark.parametrize(
    "permissions",
    [
        {},
        {"network": ["https://example.com"]},
        {"network": ["http://127.0.0.1:1"]},
        {"network": ["http://127.0.0.1:*/other/*"]},
    ],
)
def test_what_is_not_permitted_is_refused_and_told(ask, api, permissions, caplog):
    with pytest.raises(TerminalError, match="may not connect to http://127") as caught:
        ask(permissions, op="http.request", url=f"{api.url}/a")
    assert caught.value.kind == "permission"
    assert api.seen == []
    assert any("WARNING community/slack: http.request" in line for line in ask.task.logs)
    (record,) = caplog.records
    for part in ("community/slack", "send", "default/test", "execution test", "task task", "may not connect"):
        assert part in record.getMessage()


def test_the_egress_guard_has_its_own_say(ask):
    with pytest.raises(TerminalError) as caught:
        ask({"network": ["http://10.1.2.3"]}, op="http.request", url="http://10.1.2.3/")
    assert (caught.value.kind, "egress.allow" in caught.value.message) == ("permission", True)


def test_each_hop_of_a_redirect_is_permitted_anew(ask, api, other):
    one = {"op": "http.request", "url": f"{api.url}/to?{other.url}/x"}
    with pytest.raises(TerminalError, match="may not connect"):
        ask(permitting(api), **one)
    assert other.seen == []
    both = {"network": [f"{api.url}/*", f"{other.url}/*"]}
    assert ask(both, **one)["url"] == f"{other.url}/x"
    with pytest.raises(TerminalError, match="more than 2 redirects"):
        ask(permitting(api), op="http.request", url=f"{api.url}/to?{api.url}/to?{api.url}/to?/x", redirects=2)
    assert ask(both, **one, redirects=0)["status"] == 307


SLOT = {"op": "secret.get", "name": "TOKEN"}


def sent(ask, api, place, **request):
    """Ask for the token, then send a request that has the handle."""
    permissions = permitting(api, secrets={"TOKEN": [f"{api.url}/*"]})
    handle = ask(permissions, **SLOT)
    assert handle.startswith("wfs_")
    filled = json.loads(json.dumps(request).replace("HANDLE", handle))
    ask.broker({"op": "http.request", "url": api.url + place.replace("HANDLE", handle), **filled})
    return api.seen[-1]


def test_a_secret_goes_into_a_header(ask, api):
    assert sent(ask, api, "/", headers={"Authorization": "Bearer HANDLE"})[2]["authorization"] == (
        "Bearer s3cret+value/="
    )


def test_a_secret_goes_into_a_query_encoded(ask, api):
    assert sent(ask, api, "/?t=HANDLE")[1] == "/?t=s3cret%2Bvalue%2F%3D"


@pytest.mark.parametrize(
    ("type", "body", "wanted"),
    [
        ("application/json", '{"t": "HANDLE"}', b'{"t": "s3cret+value/="}'),
        ("application/x-www-form-urlencoded", "t=HANDLE", b"t=s3cret%2Bvalue%2F%3D"),
        ("text/plain", "HANDLE!", b"s3cret+value/=!"),
    ],
)
def test_a_secret_goes_into_a_body_as_that_needs_it(ask, api, type, body, wanted):
    assert sent(ask, api, "/", method="POST", headers={"Content-Type": type}, body=body)[3] == wanted


def test_a_secret_goes_into_a_path_when_it_needs_no_encoding(ask, api):
    permissions = permitting(api, secrets={"HOOK": [f"{api.url}/services/*"], "ODD": [f"{api.url}/*"]})
    handle = ask(permissions, op="secret.get", name="HOOK")
    ask.broker({"op": "http.request", "url": f"{api.url}/services/{handle}"})
    assert api.seen[-1][1] == "/services/T000/B000/XXX"
    odd = ask.broker({"op": "secret.get", "name": "ODD"})
    with pytest.raises(TerminalError, match="cannot be part of a URL's path"):
        ask.broker({"op": "http.request", "url": f"{api.url}/{odd}"})


@pytest.mark.parametrize("path", ["../../admin", "a/../b", ".", "a\\b", "a%2e%2e", "x?y", "x#y", "x y"])
def test_a_secret_cannot_lead_a_path_elsewhere(ask, api, path):
    permissions = permitting(api, "/services/*", secrets={"HOOK": [f"{api.url}/*"]})
    handle = ask(permissions, op="secret.get", name="HOOK", secrets={"HOOK": path})
    with pytest.raises(TerminalError):
        ask.broker({"op": "http.request", "url": f"{api.url}/services/{handle}"})
    assert api.seen == []


def test_a_secret_may_be_a_whole_url_within_the_permissions(ask, api, other):
    permissions = permitting(api, "/services/*", secrets={"HOOK": [f"{api.url}/*"]})
    for url, fine in (
        (f"{api.url}/services/T/B", True),
        (f"{api.url}/x", False),
        (f"{other.url}/services/T", False),
    ):
        handle = ask(permissions, op="secret.get", name="HOOK", secrets={"HOOK": url})
        request = {"op": "http.request", "url": handle, "method": "POST"}
        if fine:
            assert "***" in ask.broker(request)["url"]
        else:
            with pytest.raises(TerminalError, match="not permitted"):
                ask.broker(request)
    assert [path for _, path, _, _ in api.seen] == ["/services/T/B"]
    assert other.seen == []


@pytest.mark.parametrize("place", ["header", "query", "body"])
def test_a_secret_goes_nowhere_else(ask, api, other, place):
    permissions = {"network": [f"{api.url}/*", f"{other.url}/*"], "secrets": {"TOKEN": [f"{api.url}/*"]}}
    handle = ask(permissions, **SLOT)
    request = {
        "header": {"url": other.url, "headers": {"X-Token": handle}},
        "query": {"url": f"{other.url}/?t={handle}"},
        "body": {"url": other.url, "method": "POST", "body": handle},
    }[place]
    with pytest.raises(TerminalError, match="the secret TOKEN may not be sent to") as caught:
        ask.broker({"op": "http.request", **request})
    assert caught.value.kind == "permission"
    assert other.seen == []


def test_a_secret_stays_behind_when_a_redirect_leads_away(ask, api, other):
    permissions = {"network": [f"{api.url}/*", f"{other.url}/*"], "secrets": {"TOKEN": [f"{api.url}/*"]}}
    handle = ask(permissions, **SLOT)
    url = f"{api.url}/to?{other.url}/x"
    ask.broker({"op": "http.request", "url": url, "headers": {"Authorization": handle}})
    assert "authorization" not in other.seen[0][2]
    with pytest.raises(TerminalError, match="may not be sent"):
        ask.broker({"op": "http.request", "url": url, "headers": {"X-Key": handle}})


def test_a_handle_that_nobody_gave_is_a_text_like_any(ask, api):
    strange = "wfs_" + "0" * 32
    ask(permitting(api), op="http.request", url=api.url, headers={"X-Key": strange})
    assert api.seen[0][2]["x-key"] == strange


def test_a_handle_tells_nothing_about_a_guess_of_its_secret():
    """Handles come into outputs and logs, whose readers know all that makes one, but the secret."""
    made = Handles({"PIN": Slot()}, {"PIN": "4711"}.get, "execution/task/1").get("PIN")
    told = json.dumps(["execution/task/1", ["PIN"], "4711"]).encode()
    assert made != f"wfs_{hashlib.sha256(told).hexdigest()[:32]}"
    assert made == Handles({"PIN": Slot()}, {"PIN": "4711"}.get, "execution/task/1").get("PIN")


def test_what_a_server_repeats_of_a_secret_is_masked(ask, api):
    permissions = permitting(api, secrets={"TOKEN": [f"{api.url}/*"]})
    handle = ask(permissions, **SLOT)
    got = ask.broker({"op": "http.request", "url": api.url, "headers": {"Authorization": f"Bearer {handle}"}})
    assert "s3cret" not in repr(got)
    assert json.loads(got["body"])["auth"] == "Bearer ***"
    assert b"s3cret" not in ask.broker({"op": "http.request", "url": f"{api.url}/binary"})["body"]


def test_code_cannot_learn_by_masks_whether_it_has_guessed_a_secret(ask, api, other):
    permissions = {"network": [f"{api.url}/*", f"{other.url}/*"], "secrets": {"TOKEN": [f"{api.url}/*"]}}
    ask(permissions, **SLOT)
    assert (
        SECRETS["TOKEN"].encode() in ask.broker({"op": "http.request", "url": f"{other.url}/binary"})["body"]
    )
    assert (
        SECRETS["TOKEN"].encode()
        not in ask.broker({"op": "http.request", "url": f"{api.url}/binary"})["body"]
    )


def test_basic_credentials_are_made_of_handles(ask, api):
    permissions = permitting(api, secrets={"TOKEN": [f"{api.url}/*"]})
    handle = ask(permissions, **SLOT)
    basic = ask.broker({"op": "secret.basic", "username": "ada", "password": handle})
    assert "s3cret" not in basic
    ask.broker({"op": "http.request", "url": api.url, "headers": {"Authorization": f"Basic {basic}"}})
    assert api.seen[0][2]["authorization"] == "Basic YWRhOnMzY3JldCt2YWx1ZS89"


def test_a_secret_signs(ask):
    permissions = {"secrets": {"TOKEN": []}}
    signed = ask(permissions, op="secret.hmac", name="TOKEN", data="what do ya want")
    assert len(bytes.fromhex(signed)) == 32
    longer = ask(
        permissions, op="secret.hmac", name="TOKEN", data=b"x", algorithm="sha512", encoding="base64"
    )
    assert longer.endswith("==")
    with pytest.raises(TerminalError, match="algorithm must be one of"):
        ask(permissions, op="secret.hmac", name="TOKEN", data="x", algorithm="md5")


def test_a_secret_is_shown_only_where_it_may_be_revealed(ask):
    assert ask({"secrets": {"TOKEN": {"reveal": True}}}, **SLOT) == SECRETS["TOKEN"]
    ask.broker({"op": "log", "message": f"it is {SECRETS['TOKEN']}"})
    assert ask.task.logs == ["INFO it is ***"]


def test_a_secret_that_is_not_permitted_or_not_stored_is_an_error(ask):
    with pytest.raises(TerminalError, match="TOKEN is not among its permissions") as caught:
        ask({}, **SLOT)
    assert caught.value.kind == "permission"
    with pytest.raises(TerminalError, match="the secret for TOKEN is not stored") as caught:
        ask({"secrets": {"TOKEN": []}}, secrets={}, **SLOT)
    assert caught.value.kind == "secret"


def test_records_files_and_environment(ask):
    everything = {"kv": True, "env": ["HOME"], "filesystem": {"read": ["/in/*"], "write": ["/in/*"]}}
    assert ask(everything, {"op": "kv.set", "key": "k", "value": [1]}, op="kv.get", key="k") == [1]
    assert ask(everything, {"op": "kv.set", "key": "k", "value": 1}, op="kv.delete", key="k") is True
    assert ask(everything, op="env.get", name="HOME") == "/home/ada"
    write = {"op": "fs.write", "path": "/in/a.txt", "content": "ä"}
    assert ask(everything, write, op="fs.read", path="/in/a.txt") == "ä".encode()
    assert ask(everything, write, op="fs.list", path="/in") == ["/in/a.txt"]


@pytest.mark.parametrize(
    "request_",
    [
        {"op": "kv.get", "key": "k"},
        {"op": "kv.set", "key": "k", "value": 1},
        {"op": "kv.delete", "key": "k"},
        {"op": "env.get", "name": "OTHER"},
        {"op": "fs.read", "path": "/etc/passwd"},
        {"op": "fs.write", "path": "/etc/passwd", "content": ""},
        {"op": "action.call", "type": "core/log", "inputs": {}},
        {"op": "http.request", "url": "https://example.com"},
        {"op": "secret.get", "name": "TOKEN"},
        {"op": "secret.hmac", "name": "TOKEN", "data": ""},
    ],
    ids=lambda request: request["op"],
)
def test_nothing_is_permitted_by_default(ask, request_):
    with pytest.raises(TerminalError, match="not permitted") as caught:
        ask({}, **request_)
    assert caught.value.kind == "permission"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "no host call"),
        ({"op": "http.get"}, "no host call 'http.get'"),
        ({"op": ["log"]}, "no host call"),
        ({"op": "log"}, "message must be a text"),
        ({"op": "log", "message": 1}, "message must be a text"),
        ({"op": "log", "message": "x", "level": "LOUD"}, "level must be one of"),
        ({"op": "http.request"}, "url must be a text"),
        ({"op": "http.request", "url": "https://a.b", "headers": []}, "headers must be a mapping"),
        (
            {"op": "http.request", "url": "https://a.b", "headers": {"a": 1}},
            "headers must be a mapping of texts",
        ),
        ({"op": "http.request", "url": "https://a.b", "body": 1}, "body must be text or bytes"),
        ({"op": "http.request", "url": "https://a.b", "timeout": 0}, "timeout and redirects must be"),
        ({"op": "http.request", "url": "https://a.b", "timeout": "1s"}, "timeout must be a number"),
        ({"op": "http.request", "url": "https://a.b", "redirects": 99}, "timeout and redirects must be"),
        ({"op": "http.request", "url": "https://a.b", "body": "\ud800"}, "halves of surrogate pairs"),
        ({"op": "kv.get", "key": ""}, "key must be a text of 1 to 512"),
        ({"op": "kv.get", "key": "x" * 513}, "key must be a text of 1 to 512"),
        ({"op": "kv.set", "key": "k", "value": 1, "ttl": 0}, "ttl must be a number of seconds above 0"),
        ({"op": "kv.set", "key": "k", "value": 1, "ttl": True}, "ttl must be a number"),
        ({"op": "fs.read", "path": "relative"}, "no absolute path"),
        ({"op": "fs.read", "path": "/a/../b"}, "no absolute path"),
        ({"op": "fs.write", "path": "/a//b", "content": ""}, "no absolute path"),
        ({"op": "fs.write", "path": "/a", "content": 1}, "content must be text or bytes"),
        ({"op": "fs.read", "path": "/none"}, "there is no file"),
        ({"op": "env.get"}, "name must be a text"),
        ({"op": "secret.basic", "username": "a"}, "password must be a text"),
        ({"op": "secret.hmac", "name": "TOKEN", "data": 1}, "data must be text or bytes"),
        ({"op": "secret.hmac", "name": "TOKEN", "data": "", "encoding": "b32"}, "encoding must be one of"),
        ({"op": "action.call", "type": "core/log", "inputs": []}, "inputs must be a mapping"),
        ({"op": "http.request", "url": "https://a.b", "method": "CONNECT"}, "no HTTP method"),
        ({"op": "http.request", "url": "https://a.b", "headers": {"Host": "x"}}, "is set from the request"),
    ],
)
def test_a_request_that_is_not_well_formed_is_refused(ask, request_, message):
    everything = {
        "network": ["https://a.b"], "kv": True, "env": ["HOME"], "calls": ["core/log"],
        "secrets": {"TOKEN": []}, "filesystem": {"read": ["/*"], "write": ["/*"]},
    }  # fmt: skip
    with pytest.raises(TerminalError, match=message) as caught:
        ask(everything, **request_)
    assert caught.value.kind in ("invalid_input", "not_found")


def test_files_have_room_for_so_much(ask):
    permissions = {"filesystem": {"write": ["/*"]}}
    big = {"op": "fs.write", "path": "/a", "content": b"x" * (20 * 1024 * 1024)}
    with pytest.raises(TerminalError, match="no room for the file /b"):
        ask(permissions, big, {**big, "path": "/b"})
    assert (
        ask(permissions, big, {**big, "content": b"y"}, {**big, "path": "/b"}, op="log", message="") is None
    )


def test_actions_are_called_a_level_deeper_and_not_too_deep(ask):
    calls = []
    permissions = {"calls": ["core/set"]}
    request = {"op": "action.call", "type": "core/set", "inputs": {"a": 1}}
    assert ask(permissions, call=lambda *given: calls.append(given) or 5, **request) == 5
    ((type, inputs, task),) = calls
    assert (type, inputs, task.depth) == ("core/set", {"a": 1}, 1)
    with pytest.raises(TerminalError, match="levels deep"):
        ask(permissions, depth=3, **request)
