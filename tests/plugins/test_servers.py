"""The servers that stand for Slack, Telegram and GitHub, asked by a plain HTTP client."""

import http.client
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .client import AGENT, post, send
from .servers import Answer, GitHubServer, Repository, SlackServer, TelegramServer
from .servers.telegram import TOKEN


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A PEM file with a key and its own certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(text + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_it_speaks_tls_when_given_a_context(certificate):
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate)
    with SlackServer(own) as server:
        assert server.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=certificate)
        headers = {"Authorization": "Bearer xoxb-good"}
        said = post(
            server,
            "/api/chat.postMessage",
            {"channel": "alerts", "text": "a"},
            headers,
            context=trusting,
        )
        assert said[2]["ok"]


def test_answers_in_advance_and_lost_ones():
    with SlackServer() as server:
        server.answer_next(Answer(503, "later"))
        assert send(server, "GET", "/")[::2] == (503, "later")
        server.lose_next()
        with pytest.raises(http.client.RemoteDisconnected):
            post(server, "/services/T000/B000/XXXX", {"text": "a"})
        assert len(server.messages) == 1
        assert send(server, "GET", "/")[2]["error"] == "unknown_method"
        assert [request.method for request in server.requests] == ["GET", "POST", "GET"]


@pytest.mark.parametrize(
    ("token", "said", "error"),
    [
        (None, {}, "not_authed"),
        ("xoxb-bad", {}, "invalid_auth"),
        ("xoxb-reader", {}, "missing_scope"),
        ("xoxb-good", [], "json_not_object"),
        ("xoxb-good", {"text": "a"}, "channel_not_found"),
        ("xoxb-good", {"channel": "#alerts"}, "no_text"),
    ],
)
def test_slack_refuses_with_status_200(token, said, error):
    with SlackServer() as server:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        status, _, answer = post(server, "/api/chat.postMessage", said, headers)
        assert (status, answer["ok"], answer["error"]) == (200, False, error)


def test_slack_warns_of_a_missing_charset():
    with SlackServer() as server:
        headers = {"Authorization": "Bearer xoxb-good", "Content-Type": "application/json"}
        answer = post(server, "/api/chat.postMessage", {"channel": "alerts", "text": "a"}, headers)[2]
        assert (answer["ok"], answer["warning"]) == (True, "missing_charset")


def test_slack_limits():
    with SlackServer() as server:
        server.answer_next(server.limited(5))
        status, headers, _ = post(server, "/api/chat.postMessage", {})
        assert (status, headers["Retry-After"]) == (429, "5")


def test_webhooks_of_slack_answer_with_text():
    with SlackServer() as server:
        place = "/services/T000/B000/XXXX"
        assert post(server, place, {"text": "a"})[::2] == (200, "ok")
        assert post(server, place, {})[::2] == (400, "no_text")
        assert send(server, "POST", place, {}, b"nonsense")[::2] == (400, "invalid_payload")
        assert post(server, "/services/T000/B000/none", {"text": "a"})[::2] == (404, "no_service")


@pytest.mark.parametrize(
    ("token", "said", "code", "description"),
    [
        ("nonsense", {}, 404, "Not Found"),
        (TOKEN[:-1] + "0", {}, 401, "Unauthorized"),
        (TOKEN, {"text": "a"}, 400, "Bad Request: chat_id is empty"),
        (TOKEN, {"chat_id": 7, "text": " "}, 400, "Bad Request: message text is empty"),
        (TOKEN, {"chat_id": 8, "text": "a"}, 403, "Forbidden: bot was blocked by the user"),
    ],
)
def test_telegram_refuses(token, said, code, description):
    with TelegramServer() as server:
        status, _, answer = post(server, f"/bot{token}/sendMessage", said)
        assert (status, answer) == (code, {"ok": False, "error_code": code, "description": description})


def test_telegram_takes_json_and_forms_and_tells_parameters():
    with TelegramServer() as server:
        place = f"/bot{TOKEN}/sendMessage"
        assert post(server, place, {"chat_id": 7, "text": "a"})[2]["result"]["message_id"] == 1
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = send(server, "POST", place, form, b"chat_id=@operations&text=b")[2]
        assert answer["result"]["chat"]["id"] == -1001
        moved = post(server, place, {"chat_id": -77, "text": "a"})[2]
        assert moved["parameters"] == {"migrate_to_chat_id": -1001}
        server.answer_next(server.limited(3))
        status, _, limited = post(server, place, {})
        assert (status, limited["parameters"]) == (429, {"retry_after": 3})


@pytest.fixture
def github():
    with GitHubServer() as server:
        server.repositories["octo/hello"] = Repository(1, workflows={"deploy.yml": {"stage"}})
        yield server


def test_github_pages_by_link_headers(github):
    github.repositories["octo/hello"].releases = [github.release(n) for n in range(5)]
    place, seen = f"{github.url}/repos/octo/hello/releases?per_page=2", []
    while place:
        parts = urlsplit(place)
        status, headers, page = send(github, "GET", f"{parts.path}?{parts.query}", AGENT)
        assert status == 200
        seen += [one["id"] for one in page]
        links = dict(reversed(link.split("; ")) for link in headers["Link"].split(", "))
        place = links.get('rel="next"', "").strip("<>")
    assert seen == [0, 1, 2, 3, 4]
    assert set(links) == {'rel="prev"', 'rel="first"'}


def test_github_counts_and_limits(github):
    github.remaining = 1
    path = "/repos/octo/hello/releases"
    assert send(github, "GET", path, AGENT)[1]["X-RateLimit-Remaining"] == "0"
    status, headers, answer = send(github, "GET", path, AGENT)
    assert (status, headers["X-RateLimit-Reset"]) == (403, str(github.reset))
    assert "rate limit exceeded" in answer["message"]
    github.answer_next(github.secondary(7))
    status, headers, answer = send(github, "GET", path, AGENT)
    assert (status, headers["Retry-After"]) == (403, "7")
    assert "secondary rate limit" in answer["message"]


@pytest.mark.parametrize(
    ("path", "headers", "said", "status"),
    [
        ("issues", {"User-Agent": ""}, {"title": "a"}, 403),
        ("issues", {"Authorization": "Bearer bad"}, {"title": "a"}, 401),
        ("issues", {"Authorization": ""}, {"title": "a"}, 401),
        ("issues", {"X-GitHub-Api-Version": "1999-01-01"}, {"title": "a"}, 400),
        ("issues", {}, [], 400),
        ("issues", {}, {}, 422),
        ("issues", {}, {"title": "a"}, 201),
        ("dispatches", {}, {}, 422),
        ("dispatches", {}, {"event_type": "a", "client_payload": dict.fromkeys("abcdefghijk", 1)}, 422),
        ("dispatches", {}, {"event_type": "a"}, 204),
        ("actions/workflows/deploy.yml/dispatches", {}, {"ref": "none"}, 422),
        ("actions/workflows/deploy.yml/dispatches", {}, {"ref": "main"}, 204),
        ("actions/workflows/none.yml/dispatches", {}, {"ref": "main"}, 404),
        ("stargazers", {}, {}, 404),
    ],
)
def test_github_answers_with_its_status(github, path, headers, said, status):
    given = {"Authorization": "Bearer ghp_good", **headers}
    assert post(github, f"/repos/octo/hello/{path}", said, given)[0] == status
