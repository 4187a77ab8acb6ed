"""HTTP actions against a real local server, through a real guard."""

from __future__ import annotations

import codecs
import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from wfcore.api import Cancel, Forbidden, Guard, InvalidInput, RetryableError, TerminalError
from wfcore_plugins.actions.core import answers


def test_get_returns_the_parsed_body_and_tells_about_the_answer(web: Any, site: Any) -> None:
    site.answer(b'{"items": [1, 2.5, null]}', X_Total="3")
    result = web("http.get", url=f"{site.url}/data")
    assert result.output == {"items": [1, 2.5, None]}
    assert result.meta["status"] == 200
    assert result.meta["headers"]["x-total"] == "3"
    assert result.meta["url"] == f"{site.url}/data"
    assert 0 <= result.meta["elapsed_ms"] < 5000
    method, path, headers, body = site.seen[0]
    assert (method, path, body) == ("GET", "/data", b"")
    assert "idempotency-key" not in headers


@pytest.mark.parametrize(
    ("kind", "body", "output"),
    [
        ("application/json", b"[1]", [1]),
        ("application/problem+json; charset=utf-8", b"{}", {}),
        ("application/json", b"  ", None),
        ("text/plain", b"[1]", "[1]"),
        ("text/html; charset=latin-1", b"caf\xe9", "café"),
        ("text/plain; charset=nonsense", b"caf\xc3\xa9", "café"),
        ('text/plain; charset="Shift_JIS"', b"\x83R", "コ"),
        ("text/plain; charset=punycode", b"a" * 90_000 + b"-b", "a" * 90_000 + "-b"),
        ("text/plain; charset=idna", b"xn--a.", "xn--a."),
        ("text/plain; charset=undefined", b"a", "a"),
        ("application/rss+xml", b"<a/>", "<a/>"),
        ("image/png", b"\x89PNG", b"\x89PNG"),
        (None, b"plain", "plain"),
        (None, b"\xff\x00", b"\xff\x00"),
    ],
)
def test_the_content_type_says_what_the_body_becomes(
    web: Any, site: Any, kind: str | None, body: bytes, output: Any
) -> None:
    site.answer(body, kind)
    assert web.output("http.get", url=site.url) == output


@pytest.mark.parametrize(
    ("wanted", "output"), [("json", {"a": 1}), ("text", '{"a": 1}'), ("bytes", b'{"a": 1}')]
)
def test_response_overrides_the_content_type(web: Any, site: Any, wanted: str, output: Any) -> None:
    site.answer(b'{"a": 1}', "application/octet-stream")
    assert web.output("http.get", url=site.url, response=wanted) == output


@pytest.mark.parametrize(
    "body", [b"{", b"[NaN]", b'"\\ud800"', b"[" * 100_000, b"1" * 5000, b"\xff", b'{"a": 1} x']
)
def test_what_is_called_json_must_be_json(web: Any, site: Any, body: bytes) -> None:
    site.answer(body)
    with pytest.raises(
        TerminalError, match=r"^the answer is no JSON: .+; use response: text or bytes$"
    ) as failed:
        web("http.get", url=site.url)
    assert failed.value.kind == "response"


def test_a_surrogate_pair_is_text(web: Any, site: Any) -> None:
    site.answer(b'"\\ud83d\\ude00"')
    assert web.output("http.get", url=site.url) == "😀"


@pytest.mark.parametrize(
    ("inputs", "kind", "sent"),
    [
        ({"json": {"a": "é", "t": datetime(2030, 1, 1, tzinfo=UTC)}}, "application/json",
         '{"a":"é","t":"2030-01-01T00:00:00Z"}'.encode()),
        ({"json": None}, "application/json", b"null"),
        ({"json": 1, "headers": {"Content-Type": "application/vnd.x+json"}}, "application/vnd.x+json", b"1"),
        ({"body": "é"}, "text/plain; charset=utf-8", "é".encode()),
        ({"body": b"\x00\x01"}, "application/octet-stream", b"\x00\x01"),
        ({"body": {"$bytes": "AAE="}}, "application/octet-stream", b"\x00\x01"),
        ({"form": {"a": [1, "b c"], "d": True, "e": None}}, "application/x-www-form-urlencoded",
         b"a=1&a=b%20c&d=true"),
        ({}, None, b""),
    ],
)  # fmt: skip
def test_post_sends_a_body_of_each_kind(
    web: Any, site: Any, inputs: dict[str, Any], kind: str | None, sent: bytes
) -> None:
    web("http.post", url=site.url, **inputs)
    method, _, headers, body = site.seen[0]
    assert (method, headers.get("content-type"), body) == ("POST", kind, sent)
    assert headers["content-length"] == str(len(sent))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "put"])
def test_request_sends_any_method_and_unsafe_ones_with_an_idempotency_key(
    web: Any, site: Any, method: str
) -> None:
    web("http.request", method=method, url=site.url)
    sent, _, headers, _ = site.seen[0]
    assert sent == method.upper()
    assert headers.get("idempotency-key") == (None if method in ("GET", "HEAD", "OPTIONS") else web.task.key)


def test_an_idempotency_key_of_the_author_stands(web: Any, site: Any) -> None:
    web("http.post", url=site.url, headers={"Idempotency-Key": "mine", "X-Count": 5})
    assert site.seen[0][2]["idempotency-key"] == "mine"
    assert site.seen[0][2]["x-count"] == "5"


@pytest.mark.parametrize(
    ("url", "query", "path"),
    [
        ("/a", {"q": "x y&z", "n": [1, 2], "no": None, "yes": True}, "/a?q=x%20y%26z&n=1&n=2&yes=true"),
        ("/a?b=1", {"c": "é"}, "/a?b=1&c=%C3%A9"),
        ("/a?", {"c": 1}, "/a?c=1"),
        ("/a#top", {"c": 1}, "/a?c=1"),
        ("/a?filter[x]=1", {}, "/a?filter[x]=1"),
    ],
)
def test_query_is_added_to_the_url(web: Any, site: Any, url: str, query: dict[str, Any], path: str) -> None:
    web("http.get", url=site.url + url, query=query)
    assert site.seen[0][1] == path


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"basic": {"username": "ann", "password": "p:ä"}}, "Basic YW5uOnA6w6Q="),
        ({"bearer": "abc"}, "Bearer abc"),
    ],
)
def test_auth_becomes_the_authorization_header(
    web: Any, site: Any, auth: dict[str, Any], header: str
) -> None:
    web("http.get", url=site.url, auth=auth)
    assert site.seen[0][2]["authorization"] == header


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_status_may_be_retried(web: Any, site: Any, status: int) -> None:
    site.answer(b'{"error": "later"}', status=status, Retry_After="7")
    with pytest.raises(RetryableError, match=rf"^GET {site.url}: {status} .+: \{{\"error\"") as failed:
        web("http.get", url=f"{site.url}/secret-path?token=1")
    assert (failed.value.kind, failed.value.retry_after) == ("http", 7.0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 451, 499, 501, 505])
def test_any_other_failure_status_is_final(web: Any, site: Any, status: int) -> None:
    site.answer(b"<p>no\n such</p>", "text/html", status=status, Retry_After="7")
    with pytest.raises(TerminalError, match=rf"^GET {site.url}: {status} .+: <p>no such</p>$") as failed:
        web("http.get", url=site.url)
    assert failed.value.kind == "http"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0), ("Tue, 14 Nov 2000 22:13:50 GMT", 0.0),
     ("soon", None), ("-5", None), ("1.5", None), ("", None)],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(web: Any, site: Any, text: str, seconds: float | None) -> None:
    site.answer(b"", status=503, Retry_After=text)
    with pytest.raises(RetryableError) as failed:
        web("http.get", url=site.url)
    assert failed.value.retry_after == seconds


def test_fail_on_status_false_makes_the_answer_the_output(web: Any, site: Any) -> None:
    site.answer(b'{"error": "gone"}', status=410)
    result = web("http.get", url=site.url, fail_on_status=False)
    assert (result.output, result.meta["status"]) == ({"error": "gone"}, 410)


def test_redirects_are_followed_unless_told_otherwise(web: Any, site: Any) -> None:
    site.answer(b"", status=302, Location="/held-not")
    with pytest.raises(TerminalError, match="more than 5 redirects"):
        web("http.get", url=site.url)
    assert len(site.seen) == 6
    assert web("http.get", url=site.url, follow_redirects=False).meta["status"] == 302


def test_a_large_answer_is_refused(web: Any, site: Any) -> None:
    site.answer(b"x" * 2000, "text/plain")
    with pytest.raises(TerminalError, match="larger than 1999 bytes") as failed:
        web("http.get", url=site.url, max_bytes=1999)
    assert failed.value.kind == "too_large"
    assert web.output("http.get", url=site.url, max_bytes=2000) == "x" * 2000


def test_no_answer_in_time_may_be_retried(web: Any, site: Any) -> None:
    started = time.monotonic()
    with pytest.raises(RetryableError, match="no complete answer in time") as failed:
        web("http.get", url=f"{site.url}/held", timeout="200ms")
    assert failed.value.kind == "timeout"
    assert time.monotonic() - started < 5


def test_the_deadline_of_the_task_bounds_the_request(web: Any, site: Any) -> None:
    web.task.deadline = time.monotonic() + 0.2
    with pytest.raises(RetryableError, match="no complete answer in time"):
        web("http.get", url=f"{site.url}/held")


def test_a_refused_connection_may_be_retried(make_pack: Any) -> None:
    pack = make_pack(Guard(["127.0.0.1/32"], default="none"))
    with pytest.raises(RetryableError, match=r"^GET http://127\.0\.0\.1:1: Connection refused") as failed:
        pack("http.get", url="http://127.0.0.1:1/")
    assert failed.value.kind == "network"


def test_what_the_guard_does_not_allow_is_forbidden(run: Any, site: Any) -> None:
    with pytest.raises(Forbidden, match=r"egress\.allow"):
        run("http.get", url=site.url)
    assert site.seen == []


def test_cancel_interrupts_a_request_at_once(web: Any, site: Any) -> None:
    threading.Timer(0.2, web.task.cancel).start()
    started = time.monotonic()
    with pytest.raises(Cancel):
        web("http.get", url=f"{site.url}/held")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("name", "inputs", "at_fault"),
    [
        ("http.get", {}, "url"),
        ("http.get", {"url": ""}, "url"),
        ("http.get", {"url": 5}, "url"),
        ("http.get", {"url": "x", "json": {}}, "json"),
        ("http.get", {"url": "x", "uri": "y"}, "uri"),
        ("http.get", {"url": "x", "headers": []}, "headers"),
        ("http.get", {"url": "x", "query": "a=b"}, "query"),
        ("http.get", {"url": "x", "auth": {}}, "auth"),
        ("http.get", {"url": "x", "auth": {"basic": {"username": "a"}}}, "auth"),
        ("http.get", {"url": "x", "auth": {"token": "a"}}, "auth"),
        ("http.get", {"url": "x", "max_bytes": 0}, "max_bytes"),
        ("http.get", {"url": "x", "response": "xml"}, "response"),
        ("http.get", {"url": "x", "follow_redirects": "yes"}, "follow_redirects"),
        ("http.get", {"url": "x", "fail_on_status": 1}, "fail_on_status"),
        ("http.post", {"url": "x", "json": 1, "body": "a"}, "json"),
        ("http.post", {"url": "x", "form": {}, "body": "a"}, "form"),
        ("http.post", {"url": "x", "body": 5}, "body"),
        ("http.request", {"url": "x"}, "method"),
    ],
)
def test_the_rules_refuse(run: Any, name: str, inputs: dict[str, Any], at_fault: str) -> None:
    assert at_fault in run.faults(name, **inputs)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"timeout": "soon"}, r"^timeout: 'soon' is no duration"),
        ({"timeout": 0}, r"^timeout: it must be above 0"),
        ({"headers": {"A": "b\r\nC: d"}}, r"^headers: the value of a must be one line"),
        ({"headers": {"A b": "c"}}, r"^headers: 'a b' is no header name"),
        ({"headers": {"Host": "x"}}, r"^headers: host is set from the request"),
        ({"headers": {"Content-Length": 5}}, r"^headers: content-length is set"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, r"^headers: transfer-encoding is set"),
        ({"headers": {"A": ["b"]}}, r"^headers\.A: list has no plain text"),
        ({"headers": {"A": "\u20ac"}}, r"^headers: the value of a must be one line of latin-1"),
        ({"headers": {"Authorization": "x"}, "auth": {"bearer": "y"}}, r"^auth: there is an Authorization"),
        ({"auth": {"basic": {"username": "a:b", "password": ""}}}, r"^auth\.basic\.username: .+ colon"),
        ({"auth": {"bearer": "a\nb"}}, r"^headers: the value of authorization"),
        ({"query": {"a": {"b": 1}}}, r"^query\.a: dict has no plain text"),
        ({"form": {"a": [[1]]}}, r"^form\.a: list has no plain text"),
        ({"body": {"a": 1}}, r"^body: it is neither text nor bytes"),
        ({"body": "\ud800"}, r"^body: it contains half of a surrogate pair"),
        ({"json": {"a": "\ud800"}}, r"^json: it contains half of a surrogate pair"),
        ({"json": float("inf")}, r"^json: it cannot be written as JSON"),
        ({"json": {"a": object()}}, r"^json: it cannot be written as JSON"),
        ({"method": "CONNECT"}, r"^method: 'CONNECT' is no HTTP method"),
        ({"method": "G T"}, r"^method: 'G T' is no HTTP method"),
    ],
)
def test_bad_inputs_are_named(web: Any, site: Any, inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        web("http.request", **{"method": "POST", "url": site.url, **inputs})
    assert site.seen == []


def test_json_that_was_sent_comes_back_the_same(web: Any, site: Any) -> None:
    value = {"big": 2**60, "text": "\u2028 \U0001f600", "deep": [[[{}]]]}
    web("http.post", url=site.url, json=value)
    assert json.loads(site.seen[0][3]) == value


@pytest.mark.parametrize("name", sorted(answers.CHARSETS))
def test_a_charset_is_one_of_texts(name: str) -> None:
    assert codecs.lookup(name)._is_text_encoding
    assert "1 a".encode(name).decode(name) == "1 a"
