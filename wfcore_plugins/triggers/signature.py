"""Signed requests: an HMAC (RFC 2104) over the body and the time, as services that call webhooks send it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wfcore.api import TriggerFault, Unauthorized, WebRequest
from wfcore_plugins.triggers.fields import choice, duration, mapping, text

KEYS: Final = (
    "secret", "preset", "header", "prefix", "algorithm", "encoding", "timestamp", "signed", "window",
)  # fmt: skip
#: Seconds that a request may be old, or ahead of this machine's clock.
WINDOW: Final = 300.0
LONGEST_WINDOW: Final = 86_400.0
#: What some services send; the keys are those of the YAML.
PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "github": {"header": "x-hub-signature-256", "prefix": "sha256="},
    "slack": {
        "header": "x-slack-signature",
        "prefix": "v0=",
        "timestamp": "x-slack-request-timestamp",
        "signed": "v0:{timestamp}:{body}",
    },
    "stripe": {"header": "stripe-signature", "prefix": "v1=", "timestamp": "t="},
}
_DEFAULTS: Final[Mapping[str, Any]] = {
    "header": "x-signature",
    "prefix": "",
    "algorithm": "sha256",
    "encoding": "hex",
    "timestamp": "",
    "signed": "",
    "window": WINDOW,
}
_HEADER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FIELDS: Final = re.compile(r"\{(body|timestamp)\}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signed:
    """What is known of a request whose signature is right; ``time`` (seconds, UTC) if that was signed too."""

    time: int | None
    digest: str


def check(spec: Any) -> dict[str, Any]:
    """The normalised spec, every key with its value. Raises TriggerFault."""
    given = mapping(spec, KEYS)
    preset = PRESETS[choice(given, "preset", tuple(PRESETS), "")] if "preset" in given else {}
    whole = {**_DEFAULTS, **preset, **{key: value for key, value in given.items() if key != "preset"}}
    found: dict[str, Any] = {
        "secret": text(given, "secret"),
        "header": _header(whole, "header"),
        "prefix": _plain(whole, "prefix"),
        "algorithm": choice(whole, "algorithm", ("sha256", "sha512"), ""),
        "encoding": choice(whole, "encoding", ("hex", "base64"), ""),
        "timestamp": whole["timestamp"] if whole["timestamp"] in ("", "t=") else _header(whole, "timestamp"),
        "signed": _plain(whole, "signed"),
        "window": duration(whole, "window", WINDOW),
    }
    if not 0 < found["window"] <= LONGEST_WINDOW:
        raise TriggerFault("expected a duration of at most a day", ("window",))
    if not found["signed"]:
        found["signed"] = "{timestamp}.{body}" if found["timestamp"] else "{body}"
    named = _FIELDS.findall(found["signed"])
    if named.count("body") != 1 or ("timestamp" in named) != bool(found["timestamp"]):
        raise TriggerFault(
            "expected a text with {body} once, and {timestamp} if a timestamp is sent", ("signed",)
        )
    return found


def verify(spec: Mapping[str, Any], request: WebRequest, secret: str, now: float) -> Signed:
    """The request, when one of its signatures is right and it is of this time. Raises Unauthorized.

    ``now`` is UTC, in seconds. Signatures are compared in constant time, before anything is said of the time.
    """
    sent = request.headers.get(spec["header"], "")
    parts = [part.strip() for part in sent.split(",")]
    stamp = _stamp(spec, request, parts)
    key, algorithm = secret.encode(), getattr(hashlib, spec["algorithm"])
    right = hmac.new(key, _signed(spec["signed"], stamp, request.body), algorithm).digest()
    given = list(_signatures(spec, parts))[:8]
    if not any([hmac.compare_digest(right, one) for one in given]):  # noqa: C419  (all, whichever is right)
        raise _refused(spec, "the signature is not right" if sent else "there is no signature")
    if not stamp:
        return Signed(None, right.hex())
    if abs(now - int(stamp)) > spec["window"]:
        raise _refused(spec, "the request is of another time")
    return Signed(int(stamp), right.hex())


def _stamp(spec: Mapping[str, Any], request: WebRequest, parts: Sequence[str]) -> str:
    """The time as it was sent; empty when none is expected."""
    place = spec["timestamp"]
    if not place:
        return ""
    if place == "t=":
        sent = next((part[2:] for part in parts if part.startswith("t=")), "")
    else:
        sent = request.headers.get(place, "")
    if not _SECONDS.fullmatch(sent):
        raise _refused(spec, "there is no time in seconds with the signature")
    return sent


def _signed(template: str, stamp: str, body: bytes) -> bytes:
    before, _, after = template.replace("{timestamp}", stamp).partition("{body}")
    return before.encode() + body + after.encode()


def _signatures(spec: Mapping[str, Any], parts: Sequence[str]) -> Iterator[bytes]:
    for part in parts:
        if not part.startswith(spec["prefix"]):
            continue
        encoded = part[len(spec["prefix"]) :]
        try:
            if spec["encoding"] == "hex":
                yield bytes.fromhex(encoded)
            else:
                yield base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            continue


def _refused(spec: Mapping[str, Any], reason: str) -> Unauthorized:
    return Unauthorized(
        f"the webhook wants a signed request: {reason}", remedy=f"sign it in {spec['header']}"
    )


def _header(spec: Mapping[str, Any], key: str) -> str:
    value = spec[key]
    if not isinstance(value, str) or not _HEADER.fullmatch(value.lower()):
        raise TriggerFault("expected the name of a header", (key,))
    return value.lower()


def _plain(spec: Mapping[str, Any], key: str) -> str:
    value = spec[key]
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise TriggerFault("expected a text of at most 200 characters", (key,))
    return value
