"""Filters for digests, of text (as UTF-8) or bytes, in hexadecimal digits."""

from __future__ import annotations

import hashlib
import hmac as library
from collections.abc import Callable, Mapping
from typing import Any, Final

from wfcore.language import words
from wfcore.language.evaluation import Evaluation, Fault
from wfcore.language.filters.codecs import octets

_ALGORITHMS: Final = ("sha256", "sha512", "sha1", "md5")


def sha256(evaluation: Evaluation, value: Any) -> str:
    """SHA-256 (FIPS 180-4)."""
    return hashlib.sha256(octets(evaluation, value)).hexdigest()


def sha512(evaluation: Evaluation, value: Any) -> str:
    """SHA-512 (FIPS 180-4)."""
    return hashlib.sha512(octets(evaluation, value)).hexdigest()


def sha1(evaluation: Evaluation, value: Any) -> str:
    """SHA-1, for services that ask for it; not for security."""
    return hashlib.sha1(octets(evaluation, value), usedforsecurity=False).hexdigest()


def md5(evaluation: Evaluation, value: Any) -> str:
    """MD5, for services that ask for it; not for security."""
    return hashlib.md5(octets(evaluation, value), usedforsecurity=False).hexdigest()


def hmac(evaluation: Evaluation, value: Any, key: Any, algorithm: str = "sha256") -> str:
    """HMAC (RFC 2104) with a key of text or bytes; the algorithm is sha256, sha512, sha1 or md5."""
    if algorithm not in _ALGORITHMS:
        raise Fault(
            f"the algorithm must be one of {words.listed(_ALGORITHMS)}{words.hint(algorithm, _ALGORITHMS)}"
        )
    return library.new(octets(evaluation, key), octets(evaluation, value), algorithm).hexdigest()


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "sha256": sha256,
    "sha512": sha512,
    "sha1": sha1,
    "md5": md5,
    "hmac": hmac,
}
