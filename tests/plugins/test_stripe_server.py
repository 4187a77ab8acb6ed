"""The server that stands for Stripe, asked by a plain HTTP client."""

import base64

import pytest

from .client import charge
from .servers import StripeServer
from .servers.stripe import KEY

PARAMS = {"amount": 500, "currency": "usd", "source": "tok_visa"}


def test_stripe_takes_both_schemes():
    with StripeServer() as server:
        assert charge(server, PARAMS)[0] == 200
        basic = base64.b64encode(f"{KEY}:".encode()).decode()
        assert charge(server, PARAMS, {"Authorization": f"Basic {basic}"})[0] == 200
        for wrong in ("", "Basic !", "Bearer sk_bad"):
            assert charge(server, PARAMS, {"Authorization": wrong})[0] == 401


def test_stripe_does_once_what_has_a_key():
    with StripeServer() as server:
        key = {"Idempotency-Key": "k"}
        first, again = charge(server, PARAMS, key), charge(server, PARAMS, key)
        assert first[2] == again[2]
        assert (first[1]["Idempotent-Replayed"], again[1]["Idempotent-Replayed"]) == (None, "true")
        status, _, answer = charge(server, {**PARAMS, "amount": 501}, key)
        assert (status, answer["error"]["type"]) == (400, "idempotency_error")
        assert charge(server, PARAMS)[2]["id"] != first[2]["id"]
        server.busy.add("k")
        assert charge(server, PARAMS, key)[0] == 409
        assert charge(server, PARAMS, {"Idempotency-Key": "k" * 256})[0] == 400


def test_stripe_remembers_what_was_declined_and_not_what_was_refused():
    with StripeServer() as server:
        key = {"Idempotency-Key": "k"}
        assert charge(server, {**PARAMS, "amount": 1}, key)[2]["error"]["code"] == "amount_too_small"
        declined = {**PARAMS, "source": "tok_chargeDeclined"}
        assert [charge(server, declined, key)[1]["Idempotent-Replayed"] for _ in range(2)] == [None, "true"]
        assert charge(server, PARAMS, key)[2]["error"]["type"] == "idempotency_error"


@pytest.mark.parametrize(
    ("path", "change", "code"),
    [
        ("/v1/charges", {"amount": "x"}, "parameter_invalid_integer"),
        ("/v1/charges", {"colour": "red"}, "parameter_unknown"),
        ("/v1/charges", {"customer": "cus_none", "source": ""}, "resource_missing"),
        ("/v1/charges", {"source": "tok_none"}, "resource_missing"),
        ("/v1/charges", {"source": "tok_chargeDeclined"}, "card_declined"),
        (
            "/v1/refunds",
            {"amount": "1", "currency": None, "source": None, "charge": "ch_0"},
            "resource_missing",
        ),
        ("/v1/coupons", {}, None),
    ],
)
def test_stripe_says_what_is_wrong(path, change, code):
    params = {name: value for name, value in {**PARAMS, **change}.items() if value is not None}
    with StripeServer() as server:
        status, headers, answer = charge(server, params, path=path)
        assert status in (400, 402, 404)
        assert headers["Request-Id"].startswith("req_")
        assert answer["error"].get("code") == code
