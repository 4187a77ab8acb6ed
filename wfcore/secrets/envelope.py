"""Authenticated encryption (AES-256-GCM, NIST SP 800-38D), bound to what a ciphertext is for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final

KEY_BYTES: Final = 32
_NONCE: Final = 12
_WRAPPED: Final = _NONCE + KEY_BYTES + 16
#: The first byte of an envelope: how the rest is made.
_FORM: Final = b"\x01"


class Broken(Exception):
    """A ciphertext that is damaged, of another key, or not where it was put."""


def new_key() -> bytes:
    """A random key."""
    return os.urandom(KEY_BYTES)


def key_id(key: bytes) -> str:
    """A name for a key, from which nothing of the key follows."""
    return hmac.digest(key, b"workflow/key-id/1", hashlib.sha256).hex()[:16]


def encrypt(key: bytes, plain: bytes, bound: bytes) -> bytes:
    """Nonce and ciphertext; it opens only with the same ``bound``."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound)


def decrypt(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    """What was encrypted. Raises Broken."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
    except (InvalidTag, ValueError):
        raise Broken from None


def close(master: bytes, plain: bytes, bound: bytes) -> str:
    """An envelope: the value under a key of its own, and that key under the master key; base64."""
    key = new_key()
    wrapped = encrypt(master, key, bound + b"\0key")
    return base64.b64encode(_FORM + wrapped + encrypt(key, plain, bound + b"\0value")).decode()


def open(master: bytes, envelope: str, bound: bytes) -> bytes:
    """What is in an envelope. Raises Broken."""
    try:
        content = base64.b64decode(envelope, validate=True)
    except (binascii.Error, ValueError):
        raise Broken from None
    if content[:1] != _FORM or len(content) <= 1 + _WRAPPED:
        raise Broken
    wrapped, value = content[1 : 1 + _WRAPPED], content[1 + _WRAPPED :]
    return decrypt(decrypt(master, wrapped, bound + b"\0key"), value, bound + b"\0value")
