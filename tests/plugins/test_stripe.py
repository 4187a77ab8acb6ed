"""payments/stripe against a server that answers as Stripe does."""

import pytest

from .calls import caller, delayed, refused
from .servers import Answer, StripeServer
from .servers.stripe import KEY


@pytest.fixture
def stripe(plugin):
    with StripeServer() as server:
        yield server, caller(plugin("payments-stripe"), {"api.stripe.com": server}, STRIPE_KEY=KEY)


def test_stripe_charges_and_refunds(stripe):
    server, call = stripe
    made = call(
        "charge",
        amount=1099,
        currency="EUR",
        customer="cus_visa",
        payment_method="pm_card_visa",
        metadata={"o": 7},
    )
    assert (made["status"], made["amount"], made["currency"]) == ("succeeded", 1099, "eur")
    assert server.payments[0].said["metadata"] == {"o": "7"}
    part = call("refund", key="e/part/0", payment=made["id"], amount=99)
    rest = call("refund", key="e/rest/0", payment=made["charge"])
    assert (part["amount"], rest["amount"], rest["charge"]) == (99, 1000, made["charge"])
    assert refused(call, "refund", key="e/more/0", payment=made["id"]) == "invalid_request_error"


def test_stripe_reserves_and_charges_sources(stripe):
    server, call = stripe
    intent = call("charge", key="1", amount=500, currency="usd", payment_method="pm_card_visa", capture=False)
    assert intent["status"] == "requires_capture"
    call("charge", key="2", amount=500, currency="usd", source="tok_visa", capture=False)
    call("charge", key="3", amount=500, currency="usd", customer="cus_visa")
    assert [one.captured for one in server.payments] == [False, False, True]


def test_stripe_charges_once_when_its_answer_was_lost(stripe):
    server, call = stripe
    inputs = {"amount": 500, "currency": "usd", "source": "tok_visa"}
    server.lose_next()
    assert delayed(call, "charge", **inputs) == ("network", None)
    assert call("charge", **inputs)["id"] == server.payments[0].id
    assert len(server.payments) == 1
    call("charge", key="e/task/1", **inputs)
    assert len(server.payments) == 2


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"source": "tok_chargeDeclined"}, "card_error"),
        ({"source": "tok_chargeDeclinedExpiredCard"}, "card_error"),
        ({"customer": "cus_poor"}, "card_error"),
        ({"customer": "cus_visa", "payment_method": "pm_card_authenticationRequired"}, "card_error"),
        ({"payment_method": "pm_card_authenticationRequired"}, "authentication_required"),
        ({"customer": "cus_none"}, "invalid_request_error"),
        ({"source": "tok_visa", "amount": 49}, "invalid_request_error"),
        ({"source": "tok_visa", "currency": "xxx"}, "invalid_request_error"),
    ],
)
def test_what_stripe_refuses_is_final(stripe, inputs, error):
    assert refused(stripe[1], "charge", **{"amount": 500, "currency": "usd", **inputs}) == error
    assert not stripe[0].payments


def test_a_key_of_stripe_has_to_be_good_and_is_for_one_thing(stripe):
    server, call = stripe
    inputs = {"currency": "usd", "source": "tok_visa"}
    assert refused(call, "charge", secrets={"STRIPE_KEY": "sk_bad"}, amount=500, **inputs) == "unauthorized"
    call("charge", amount=500, **inputs)
    assert refused(call, "charge", amount=501, **inputs) == "idempotency_error"
    assert len(server.payments) == 1


def test_stripe_is_waited_for(stripe):
    server, call = stripe
    inputs = {"amount": 500, "currency": "usd", "source": "tok_visa"}
    server.answer_next(server.limited(), Answer(500, {"error": {"type": "api_error"}}))
    assert delayed(call, "charge", **inputs) == ("rate_limit", None)
    assert delayed(call, "charge", **inputs) == ("api_error", None)
    server.busy.add("e/task/0")
    assert delayed(call, "charge", **inputs) == ("idempotency_error", None)
    server.busy.clear()
    assert call("charge", **inputs)["status"] == "succeeded"
