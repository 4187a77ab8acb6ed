"""What Stripe takes: the parameters of each request, and the documented test cards."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from .web import Answer

SMALLEST = 50
CURRENCIES = ("eur", "usd", "chf", "gbp")
#: What becomes of a card: nothing, or (code, decline_code, message).
CARDS: dict[str, tuple[str, str, str] | None] = {
    "visa": None,
    "mastercard": None,
    "chargeDeclined": ("card_declined", "generic_decline", "Your card was declined."),
    "visa_chargeDeclined": ("card_declined", "generic_decline", "Your card was declined."),
    "visa_chargeDeclinedInsufficientFunds": (
        "card_declined", "insufficient_funds", "Your card has insufficient funds.",
    ),
    "chargeDeclinedExpiredCard": ("expired_card", "", "Your card has expired."),
    "authenticationRequired": (
        "authentication_required", "authentication_required", "Your card was declined.",
    ),
}  # fmt: skip
_COMMON = {
    "amount",
    "currency",
    "customer",
    "description",
    "metadata",
    "receipt_email",
    "statement_descriptor_suffix",
}
ALLOWED = {
    "/v1/charges": _COMMON | {"source", "capture"},
    "/v1/payment_intents": _COMMON
    | {"payment_method", "confirm", "off_session", "capture_method", "automatic_payment_methods"},
    "/v1/refunds": {"charge", "payment_intent", "amount", "reason", "metadata"},
}


class Refusal(Exception):
    """An error object. What is refused before anything is done is not remembered under a key."""

    def __init__(self, status: int, type: str, message: str, *, done: bool = False, **more: Any) -> None:
        super().__init__(message)
        self.done = done
        self.answer = Answer(status, {"error": {"type": type, "message": message, **more}})


def missing(what: str, id: str, param: str) -> Refusal:
    message = f"No such {what}: '{id}'"
    return Refusal(400, "invalid_request_error", message, code="resource_missing", param=param)


def money(params: dict[str, Any]) -> tuple[int, str]:
    for name in ("amount", "currency"):
        if name not in params:
            message = f"Missing required param: {name}."
            raise Refusal(400, "invalid_request_error", message, code="parameter_missing", param=name)
    if not params["amount"].isdigit():
        message = f"Invalid integer: {params['amount']}"
        raise Refusal(400, "invalid_request_error", message, code="parameter_invalid_integer", param="amount")
    if params["currency"] not in CURRENCIES:
        raise Refusal(
            400, "invalid_request_error", f"Invalid currency: {params['currency']}.", param="currency"
        )
    if int(params["amount"]) < SMALLEST:
        message = "Amount must be at least 50 cents"
        raise Refusal(400, "invalid_request_error", message, code="amount_too_small", param="amount")
    return int(params["amount"]), params["currency"]


def username(header: str) -> str:
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """``a[b][c]=1`` as mappings."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        first, *rest = name.replace("]", "").split("[")
        place = found
        for step in rest:
            place = place.setdefault(first, {})
            first = step
        place[first] = value
    return found
