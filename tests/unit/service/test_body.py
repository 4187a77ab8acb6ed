"""Request bodies are one unambiguous JSON object, or they are refused."""

import falcon
import pytest
from falcon.testing import create_environ

from wfcore.errors import TooLarge, UsageError, WorkflowError
from wfcore.service.body import MAX_DEPTH, WrongMedia, check_keys, parse_json, read_json, read_yaml


def request(body=b"", headers=None):
    given = {"Content-Type": "application/json", **(headers or {})}
    return falcon.Request(
        create_environ("/", "POST", body=body, headers={k: v for k, v in given.items() if v})
    )


def test_an_object():
    body = '{"inputs": {"a": [1, 2.5, true, null, "é"]}, "labels": {}}'.encode()
    assert read_json(request(body), 100) == {"inputs": {"a": [1, 2.5, True, None, "é"]}, "labels": {}}


def test_nothing_is_an_empty_object():
    assert read_json(request(b"", {"Content-Type": None}), 100) == {}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{", "is not JSON"),
        (b"{} {}", "is not JSON"),
        (b"{'a': 1}", "is not JSON"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        (b"\xff\xfe{\x00}\x00", "is not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "is not UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": [-Infinity]}', "-Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "5000 digits"),
        (b'{"a": 1, "b": 2, "a": 3}', "'a' 2 times"),
        (b'{"x": [{"k": 1, "k": 1}]}', "'k' 2 times"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\uDC00": 1}', "surrogate"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "64 levels"),
        (b"[" * 100_000, "64 levels"),
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"a":"\x01"}', "is not JSON"),
    ],
)
def test_refused(body, fault):
    with pytest.raises(UsageError, match=fault) as caught:
        read_json(request(body), 10**6)
    assert caught.value.http_status == 400
    assert caught.value.remedy
    assert "\n" not in caught.value.message


def test_what_only_looks_suspicious_is_taken():
    assert parse_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "😀"}
    assert parse_json(b'{"a": "\\\\ud800"}') == {"a": "\\ud800"}
    deepest = b'{"a":' * (MAX_DEPTH - 1) + b"[]" + b"}" * (MAX_DEPTH - 1)
    assert parse_json(deepest)
    assert len(parse_json(b"[" + b"{}," * 500 + b"{}]")) == 501
    assert parse_json(b'"' + b"[" * 500 + b'"') == "[" * 500


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": None},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json; charset=utf-8; x=y"},
        {"Content-Encoding": "gzip"},
    ],
)
def test_other_media(headers):
    with pytest.raises(WrongMedia) as caught:
        read_json(request(b"{}", headers), 100)
    assert (caught.value.http_status, caught.value.code) == (415, "unsupported_media_type")
    assert caught.value.remedy


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_media(kind):
    assert read_json(request(b'{"a": 1}', {"Content-Type": kind}), 100) == {"a": 1}


def test_too_large():
    assert read_json(request(b'{"a": "' + b"x" * 90 + b'"}'), 99)
    with pytest.raises(TooLarge) as caught:
        read_json(request(b'{"a": "' + b"x" * 91 + b'"}'), 99)
    assert (caught.value.http_status, caught.value.code) == (413, "too_large")


def test_yaml():
    for kind in ("application/yaml", "text/yaml", "application/x-yaml", "text/yaml; charset=utf-8"):
        assert read_yaml(request(b"id: a", {"Content-Type": kind}), 100) == b"id: a"
    for wrong in ({"Content-Type": "application/json"}, {"Content-Type": None}):
        with pytest.raises(WrongMedia):
            read_yaml(request(b"id: a", wrong), 100)
    with pytest.raises(UsageError, match="empty"):
        read_yaml(request(b"", {"Content-Type": "text/yaml"}), 100)


def test_unknown_keys():
    check_keys({"a": 1}, ("a", "b"), "the body")
    with pytest.raises(WorkflowError, match="unknown key 'c'"):
        check_keys({"c": 1}, ("a", "b"), "the body")
    with pytest.raises(WorkflowError) as caught:
        check_keys({"c" * 3_000_000: 1}, ("a", "b"), "the body")
    assert len(caught.value.message) < 200, "it is not sent back whole"
