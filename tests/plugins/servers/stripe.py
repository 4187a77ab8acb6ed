"""Stripe: charges, payment intents and refunds, with idempotency keys (the documented test cards)."""

from __future__ import annotations

import itertools
import ssl
from dataclasses import dataclass, field
from typing import Any

from .stripe_params import ALLOWED, CARDS, Refusal, missing, money, nested, username
from .web import Answer, Request, Server

KEY = "sk_test_good"


@dataclass
class Payment:
    """A charge; ``intent`` is its payment intent."""

    id: str
    amount: int
    currency: str
    captured: bool
    intent: str | None = None
    refunded: int = 0
    said: dict[str, Any] = field(default_factory=dict)


class StripeServer(Server):
    """An account in test mode. ``payments`` are those that were made, ``busy`` the keys in use just now."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.customers = {"cus_visa": "card_visa", "cus_poor": "card_visa_chargeDeclinedInsufficientFunds"}
        self.payments: list[Payment] = []
        self.refunds: list[dict[str, Any]] = []
        self.busy: set[str] = set()
        self._kept: dict[str, tuple[str, dict[str, Any], Answer]] = {}
        self._numbers = itertools.count(1)

    @staticmethod
    def limited() -> Answer:
        """What is answered while requests come too fast."""
        error = {
            "type": "invalid_request_error",
            "code": "rate_limit",
            "message": "Request rate limit exceeded.",
        }
        return Answer(429, {"error": error}, {"Stripe-Should-Retry": "true"})

    def answer(self, request: Request) -> Answer:
        number = next(self._numbers)
        try:
            self._authorize(request)
            answer = self._once(request)
        except Refusal as refusal:
            answer = refusal.answer
        headers = {
            "Request-Id": f"req_{number}",
            "Stripe-Version": request.headers.get("stripe-version", "2024-06-20"),
        }
        return Answer(answer.status, answer.body, headers | answer.headers)

    def _authorize(self, request: Request) -> None:
        key = request.bearer or username(request.headers.get("authorization", ""))
        if not key:
            raise Refusal(401, "invalid_request_error", "You did not provide an API key.")
        if key != KEY:
            raise Refusal(401, "invalid_request_error", f"Invalid API Key provided: {key[:8]}****{key[-4:]}")

    def _once(self, request: Request) -> Answer:
        """The answer, remembered under the request's key."""
        params, key = nested(request.form()), request.headers.get("idempotency-key")
        if key is None:
            return self._done(request, params)
        if len(key) > 255:
            raise Refusal(400, "invalid_request_error", "Idempotency keys must be 255 characters or less.")
        if key in self.busy:
            message = "There is currently another in-progress request using this Idempotent Key"
            raise Refusal(409, "idempotency_error", message, code="idempotency_key_in_use")
        if key in self._kept:
            path, first, answer = self._kept[key]
            if (path, first) != (request.path, params):
                message = "Keys for idempotent requests can only be used with the same parameters."
                raise Refusal(400, "idempotency_error", message)
            return Answer(answer.status, answer.body, {**answer.headers, "Idempotent-Replayed": "true"})
        answer = self._done(request, params)
        self._kept[key] = (request.path, params, answer)
        return answer

    def _done(self, request: Request, params: dict[str, Any]) -> Answer:
        actions = {
            "/v1/charges": self._charge,
            "/v1/payment_intents": self._intent,
            "/v1/refunds": self._refund,
        }
        if request.method != "POST" or request.path not in actions:
            message = f"Unrecognized request URL ({request.method}: {request.path})."
            raise Refusal(404, "invalid_request_error", message)
        if unknown := sorted(set(params) - ALLOWED[request.path]):
            message = f"Received unknown parameter: {unknown[0]}"
            raise Refusal(400, "invalid_request_error", message, code="parameter_unknown", param=unknown[0])
        try:
            return Answer(200, actions[request.path](params))
        except Refusal as refusal:
            if not refusal.done:
                raise
            return refusal.answer

    def _charge(self, params: dict[str, Any]) -> dict[str, Any]:
        amount, currency = money(params)
        card = params.get("source") or self._customer(params)
        if card is None:
            raise Refusal(400, "invalid_request_error", "Must provide source or customer.")
        self._try(card.partition("_")[2], "source")
        made = self._paid(amount, currency, params.get("capture") != "false", params)
        return {
            "id": made.id, "object": "charge", "status": "succeeded", "amount": amount, "currency": currency,
            "captured": made.captured, "metadata": params.get("metadata", {}),
        }  # fmt: skip

    def _intent(self, params: dict[str, Any]) -> dict[str, Any]:
        amount, currency = money(params)
        self._customer(params)
        intent = {
            "id": f"pi_{next(self._numbers)}",
            "object": "payment_intent",
            "amount": amount,
            "currency": currency,
        }
        card = params.get("payment_method", "").removeprefix("pm_card_")
        if params.get("confirm") != "true":
            return {**intent, "status": "requires_confirmation", "latest_charge": None}
        if card == "authenticationRequired" and params.get("off_session") != "true":
            return {**intent, "status": "requires_action", "latest_charge": None}
        self._try(card, "payment_method")
        captured = params.get("capture_method") != "manual"
        made = self._paid(amount, currency, captured, params, intent["id"])
        return {**intent, "status": "succeeded" if captured else "requires_capture", "latest_charge": made.id}

    def _refund(self, params: dict[str, Any]) -> dict[str, Any]:
        wanted = params.get("charge") or params.get("payment_intent")
        found = next((one for one in self.payments if wanted in (one.id, one.intent)), None)
        if found is None:
            name = "charge" if "charge" in params else "payment_intent"
            raise missing(name, str(wanted), name)
        left = found.amount - found.refunded
        if left == 0:
            message = f"Charge {found.id} has already been refunded."
            raise Refusal(400, "invalid_request_error", message, code="charge_already_refunded")
        amount = int(params.get("amount", left))
        if amount > left:
            message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            raise Refusal(400, "invalid_request_error", message, param="amount")
        found.refunded += amount
        made = {
            "id": f"re_{next(self._numbers)}", "object": "refund", "status": "succeeded", "amount": amount,
            "currency": found.currency, "charge": found.id, "reason": params.get("reason"),
        }  # fmt: skip
        self.refunds.append(made)
        return made

    def _customer(self, params: dict[str, Any]) -> str | None:
        """The default card of the customer, if one is named."""
        id = params.get("customer")
        if id is not None and id not in self.customers:
            raise missing("customer", id, "customer")
        return self.customers.get(id or "")

    def _try(self, card: str, param: str) -> None:
        if card not in CARDS:
            raise missing(param, card, param)
        declined = CARDS[card]
        if declined:
            code, decline, message = declined
            more = {"decline_code": decline} if decline else {}
            raise Refusal(402, "card_error", message, done=True, code=code, **more)

    def _paid(
        self, amount: int, currency: str, captured: bool, params: dict[str, Any], intent: str | None = None
    ) -> Payment:
        made = Payment(f"ch_{next(self._numbers)}", amount, currency, captured, intent, said=params)
        self.payments.append(made)
        return made
