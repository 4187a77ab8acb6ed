"""Signed webhooks: what is signed, by whom, when; and what is refused."""

import base64
import hashlib
import hmac
import logging
from types import SimpleNamespace

import pytest

from wfcore.api import KeyedTrigger, TriggerFault, Unauthorized, WebRequest
from wfcore_plugins.triggers.webhook import WebhookTrigger

NOW = 1_770_000_000
SECRET = "k€y"
BODY = b'{"a": 1}'


def trigger(secret=SECRET):
    context = SimpleNamespace(
        secrets=SimpleNamespace(
            get=lambda name, workflow="": secret if (name, workflow) == ("S", "a/b") else None
        ),
        clock=SimpleNamespace(now=lambda: NOW * 1_000_000),
        logger=logging.getLogger("workflow.triggers.webhook"),
    )
    return WebhookTrigger({}, context)


def request(headers, body=BODY):
    return WebRequest(
        "POST", "/x", {"content-type": "application/json", **headers}, {}, body, "::1", False, "a/b"
    )


def spec(**hmac):
    return trigger().check({"path": "/x", "auth": {"hmac": {"secret": "S", **hmac}}})


def mac(text, algorithm="sha256", key=SECRET):
    return hmac.new(key.encode(), text, getattr(hashlib, algorithm)).digest()


def accepted(checked, headers, body=BODY):
    try:
        return trigger().accept(checked, request(headers, body))["body"] == {"a": 1}
    except Unauthorized:
        return False


def timed(at=NOW, body=BODY):
    return {"x-time": str(at), "x-signature": mac(f"{at}.".encode() + body).hex()}


def test_the_body_is_signed():
    checked = spec()
    assert accepted(checked, {"x-signature": mac(BODY).hex()})
    assert accepted(checked, {"x-signature": mac(BODY).hex().upper()})
    for wrong in ("", "x", mac(BODY).hex()[:-2], mac(BODY + b" ").hex(), mac(BODY, key="other").hex()):
        assert not accepted(checked, {"x-signature": wrong})
    assert not accepted(checked, {})
    assert not accepted(checked, {"x-signature": mac(BODY).hex()}, BODY + b" ")
    assert not accepted(checked, {"authorization": "Bearer x"}), "a token is no signature"


def test_other_algorithms_and_encodings():
    checked = spec(algorithm="sha512", encoding="base64", header="X-Sig", prefix="v=")
    assert accepted(checked, {"x-sig": "v=" + base64.b64encode(mac(BODY, "sha512")).decode()})
    assert not accepted(checked, {"x-sig": base64.b64encode(mac(BODY, "sha512")).decode()})
    assert not accepted(checked, {"x-sig": "v=" + base64.b64encode(mac(BODY)).decode()})


def test_the_time_is_signed_and_must_be_now():
    checked = spec(timestamp="X-Time", window="1m")
    for at in (NOW, NOW - 60, NOW + 60):
        assert accepted(checked, timed(at))
    for at in (NOW - 61, NOW + 61, 0):
        assert not accepted(checked, timed(at))
    assert not accepted(checked, {**timed(NOW - 3600), "x-time": str(NOW)}), "the time of another signature"
    for stamp in ("", "now", "-1", "1e9", f"{NOW}.0", f" {NOW}", "٣", "9" * 400):
        signed = mac(f"{stamp}.".encode() + BODY).hex()
        assert not accepted(checked, {"x-time": stamp, "x-signature": signed})


def test_a_signed_request_is_the_same_whenever_it_comes_again():
    assert isinstance(trigger(), KeyedTrigger)
    checked = spec(timestamp="X-Time")
    first = trigger().key(checked, request(timed()))
    assert first == trigger().key(checked, request({**timed(), "idempotency-key": "another"}))
    assert first != trigger().key(checked, request(timed(NOW + 1)))
    assert first.isascii() and first.isprintable() and len(first) <= 200
    assert trigger().key(spec(), request({"x-signature": mac(BODY).hex()})) is None, "its time is not known"
    assert trigger().key(trigger().check({"path": "/x"}), request({})) is None


def test_github():
    checked = spec(preset="github")
    assert accepted(checked, {"x-hub-signature-256": f"sha256={mac(BODY).hex()}"})
    assert not accepted(checked, {"x-hub-signature-256": mac(BODY).hex()})
    assert not accepted(checked, {"x-hub-signature": f"sha1={mac(BODY).hex()}"})


def test_slack():
    checked = spec(preset="slack")
    signed = mac(f"v0:{NOW}:".encode() + BODY).hex()
    assert accepted(checked, {"x-slack-request-timestamp": str(NOW), "x-slack-signature": f"v0={signed}"})
    assert not accepted(checked, {"x-slack-signature": f"v0={signed}"})


def test_stripe():
    checked = spec(preset="stripe")
    right, wrong = mac(f"{NOW}.".encode() + BODY).hex(), mac(b"x").hex()
    assert accepted(checked, {"stripe-signature": f"t={NOW},v1={right}"})
    assert accepted(checked, {"stripe-signature": f"t={NOW},v1={wrong},v1={right},v0=x"}), (
        "a new key is coming"
    )
    assert not accepted(checked, {"stripe-signature": f"t={NOW},v0={right}"})
    assert not accepted(checked, {"stripe-signature": f"v1={right}"})
    assert not accepted(
        checked, {"stripe-signature": f"t={NOW - 301},v1={mac(f'{NOW - 301}.'.encode() + BODY).hex()}"}
    )


def test_a_preset_can_be_changed():
    assert spec(preset="stripe", window="1h")["auth"]["hmac"]["window"] == 3600
    checked = spec(preset="github")
    assert trigger().check({"path": "/x", "auth": checked["auth"]})["auth"] == checked["auth"]


@pytest.mark.parametrize("secret", [None, ""])
def test_without_its_secret_it_is_closed(secret, caplog):
    checked = spec()
    for headers in (
        {},
        {"x-signature": mac(BODY, key="").hex()},
        {"x-signature": mac(BODY, key="None").hex()},
    ):
        with pytest.raises(Unauthorized) as refused:
            trigger(secret).accept(checked, request(headers))
        assert "S" not in refused.value.message.split()
    assert "POST /x is closed: there is no secret S" in caplog.text


@pytest.mark.parametrize(
    ("given", "key", "message"),
    [
        ({"preset": "gitlab"}, "preset", "expected one of github, slack, stripe"),
        ({"algorithm": "sha1"}, "algorithm", "expected one of sha256, sha512"),
        ({"algorithm": "md5"}, "algorithm", "expected one of"),
        ({"encoding": "hexx"}, "encoding", "did you mean 'hex'?"),
        ({"header": "X Sig"}, "header", "expected the name of a header"),
        ({"timestamp": "a:b"}, "timestamp", "expected the name of a header"),
        ({"prefix": "a\nb"}, "prefix", "at most 200 characters"),
        ({"window": "0s"}, "window", "at most a day"),
        ({"window": "2d"}, "window", "at most a day"),
        ({"window": "soon"}, "window", "is no duration"),
        ({"signed": "{timestamp}"}, "signed", "{body} once"),
        ({"signed": "{body}{body}"}, "signed", "{body} once"),
        ({"signed": "{timestamp}.{body}"}, "signed", "{body} once"),
        ({"timestamp": "x-time", "signed": "{body}"}, "signed", "{timestamp} if a timestamp is sent"),
        ({"secrets": "S"}, "secrets", "did you mean 'secret'?"),
    ],
)
def test_bad_specs(given, key, message):
    with pytest.raises(TriggerFault) as fault:
        spec(**given)
    assert fault.value.path == ("auth", "hmac", key)
    assert message in fault.value.message
