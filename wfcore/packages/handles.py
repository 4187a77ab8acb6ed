"""Secrets as sandboxed code has them: handles, for which the broker puts the values at the network's edge."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from wfcore.egress.url import Url
from wfcore.errors import TerminalError
from wfcore.model.secret import MASK
from wfcore.packages import network
from wfcore.packages.permissions import Slot
from wfcore.secrets.spellings import spellings

HANDLE: Final = re.compile(r"wfs_[0-9a-f]{32}")
ALGORITHMS: Final = ("sha256", "sha1", "sha512")
#: What may stand in a path in the place of a handle: segments that need no encoding.
_IN_PATH: Final = re.compile(r"(?!.*(^|/)\.{1,2}(/|$))[A-Za-z0-9._~:@!$&'()*+,;=/-]+")

#: Without it a handle, which may be shown and stored, would tell whether a guess of its secret is right.
_KEY: Final = os.urandom(32)

Encode = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Held:
    """What a handle stands for, and the slots that it was made from."""

    value: str
    slots: tuple[str, ...]


class Handles:
    """The handles of one call. ``read`` gives the value of a slot, None when nothing is stored there.

    ``seed`` makes the handles: the same call gets the same ones of a process, and no other does.
    """

    def __init__(self, slots: Mapping[str, Slot], read: Callable[[str], str | None], seed: str) -> None:
        self._slots = slots
        self._read = read
        self._seed = seed
        self._held: dict[str, _Held] = {}
        #: Each spelling of a value that this call has had in hand, with the slots that it comes from.
        self._spellings: dict[str, set[str]] = {}

    def get(self, name: str) -> str:
        """The handle of a slot's secret, or its text where the slot may be revealed. Raises TerminalError."""
        value = self._value(name)
        return value if self._slots[name].reveal else self._hold(value, (name,))

    def basic(self, username: str, password: str) -> str:
        """A handle for the credentials of the Basic scheme (RFC 7617); both parts may have handles."""
        text = f"{username}:{password}"
        slots = tuple(dict.fromkeys(slot for held in self._found(text) for slot in held.slots))
        plain = HANDLE.sub(lambda match: self._plain(match[0]), text)
        return self._hold(base64.b64encode(plain.encode()).decode(), slots)

    def sign(self, name: str, algorithm: str, data: bytes, encoding: str) -> str:
        """The HMAC (RFC 2104) of data under a slot's secret, in hex or base64. Raises TerminalError."""
        digest = hmac.new(self._value(name).encode(), data, algorithm).digest()
        return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()

    def whole_url(self, text: str) -> str:
        """The URL that a handle alone stands for; any other text as it is."""
        held = self._held.get(text)
        return held.value if held else text

    def fill(self, text: str, encode: Encode) -> str:
        """The text with the values of its handles, each encoded for its place."""
        return HANDLE.sub(
            lambda match: encode(self._held[match[0]].value) if match[0] in self._held else match[0], text
        )

    def expect_allowed(self, text: str, url: Url) -> None:
        """Raise TerminalError (``permission``) when the text has a handle that may not go to this URL."""
        for held in self._found(text):
            for name in held.slots:
                if not network.allows(self._slots[name].to, url):
                    raise denied(f"the secret {name} may not be sent to {url.origin}")

    def mask(self, text: str) -> str:
        """The text without the values that this call has had in hand, in the encodings that are usual."""
        for spelling in sorted(self._spellings, key=len, reverse=True):
            text = text.replace(spelling, MASK)
        return text

    def mask_answer(self, content: bytes, url: Url) -> bytes:
        """What a server says, without the values that it may have been sent.

        Others are left: code would otherwise learn by what is masked whether it has guessed a secret.
        """
        for spelling, slots in sorted(self._spellings.items(), key=lambda one: -len(one[0])):
            if any(network.allows(self._slots[name].to, url) for name in slots):
                content = content.replace(spelling.encode(), MASK.encode())
        return content

    def _value(self, name: str) -> str:
        if name not in self._slots:
            raise denied(f"the secret {name} is not among its permissions")
        value = self._read(name)
        if value is None:
            raise TerminalError(
                f"the secret for {name} is not stored; set it, or bind {name} to another secret",
                kind="secret",
            )
        self._hide(value, (name,))
        return value

    def _hold(self, value: str, slots: tuple[str, ...]) -> str:
        self._hide(value, slots)
        name = hmac.digest(_KEY, json.dumps([self._seed, slots, value]).encode(), hashlib.sha256).hex()[:32]
        self._held[f"wfs_{name}"] = _Held(value, slots)
        return f"wfs_{name}"

    def _hide(self, value: str, slots: tuple[str, ...]) -> None:
        for spelling in spellings(value):
            self._spellings.setdefault(spelling, set()).update(slots)

    def _found(self, text: str) -> list[_Held]:
        return [self._held[name] for name in HANDLE.findall(text) if name in self._held]

    def _plain(self, name: str) -> str:
        return self._held[name].value if name in self._held else name


def denied(what: str) -> TerminalError:
    """The error for what the permissions do not have."""
    return TerminalError(f"not permitted: {what}", kind="permission")


def in_path(value: str) -> str:
    """A secret as part of a path. Raises TerminalError for one that would have to be encoded."""
    if not _IN_PATH.fullmatch(value):
        raise TerminalError(
            "the secret cannot be part of a URL's path: it has other characters", kind="secret"
        )
    return value


def in_query(value: str) -> str:
    """A secret as part of a query or a form."""
    return quote(value, safe="")


def in_json(value: str) -> str:
    """A secret as part of a text in JSON."""
    return json.dumps(value)[1:-1]


def as_is(value: str) -> str:
    """A secret where nothing is encoded."""
    return value
