"""Signatures in the files of minisign: Ed25519 over BLAKE2b-512, with a comment that is signed too.

The format is that of https://jedisct1.github.io/minisign/; the curve RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wfcore.errors import InvalidInput, InvalidPackage

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PREHASHED: Final = b"ED"
_PLAIN: Final = b"Ed"
_NO_KDF: Final = b"\0\0"
#: What minisign writes where there is no password that the checksum could check.
_NO_CHECKSUM: Final = bytes(32)
_P: Final = 2**255 - 19
#: The y coordinates of the points whose order divides 8: with them anybody can sign anything.
_SMALL: Final = frozenset(
    (
        0,
        1,
        _P - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    )
)
_REMEDY: Final = "make it with `workflow plugin keygen`, or `minisign -G`"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key; ``id`` is how minisign names it (16 hexadecimal digits)."""

    id: str
    raw: bytes

    def __str__(self) -> str:
        return base64.b64encode(_PLAIN + _id_bytes(self.id) + self.raw).decode()


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A secret key, ``seed`` of 32 bytes."""

    id: str
    seed: bytes = field(repr=False)

    def public(self) -> PublicKey:
        """The public key that belongs to it."""
        return PublicKey(self.id, _signer(self.seed).public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature file as it was read. ``comment`` is the trusted one; nothing is verified yet."""

    key: str
    prehashed: bool
    value: bytes
    comment: str
    seal: bytes

    def fields(self) -> dict[str, str]:
        """The ``name:value`` parts of the comment."""
        parts = (part.partition(":") for part in self.comment.split("\t"))
        return {name: value for name, colon, value in parts if colon}


def generate() -> SecretKey:
    """A new key."""
    return SecretKey(_hex(os.urandom(8)), os.urandom(32))


def public_key(text: str) -> PublicKey:
    """The key in a line of base64, or in a ``.pub`` file. Raises InvalidInput, also for a weak key."""
    raw = _decoded(_line(text), 42)
    if raw is None or raw[:2] != _PLAIN:
        raise InvalidInput(f"{text.strip()[:60]!r} is no public key of minisign", remedy=_REMEDY)
    y = int.from_bytes(raw[10:], "little") & (2**255 - 1)
    if y >= _P or y in _SMALL:
        raise InvalidInput(
            f"the public key {_hex(raw[2:10])} is a point of small order: anybody could sign with it",
            remedy="do not trust whoever gave it to you",
        )
    return PublicKey(_hex(raw[2:10]), raw[10:])


def secret_key(text: str) -> SecretKey:
    """The key in a minisign secret key file without a password. Raises InvalidInput."""
    raw = _decoded(_line(text), 158)
    if raw is None or raw[:2] != _PLAIN or raw[4:6] != b"B2":
        raise InvalidInput("this is no secret key of minisign", remedy=_REMEDY)
    if raw[2:4] != _NO_KDF:
        raise InvalidInput(
            "the secret key is protected by a password, which cannot be asked for here",
            remedy="make a copy without one by `minisign -C -W`, readable by you alone",
        )
    id, seed, public = raw[54:62], raw[62:94], raw[94:126]
    key = SecretKey(_hex(id), seed)
    if key.public().raw != public or raw[126:158] not in (_NO_CHECKSUM, _checksum(id, seed + public)):
        raise InvalidInput("the secret key is damaged", remedy="take the copy that you keep")
    return key


def secret_text(key: SecretKey) -> str:
    """The file of a secret key, as ``minisign -G -W`` writes it."""
    id, both = _id_bytes(key.id), key.seed + key.public().raw
    raw = _PLAIN + _NO_KDF + b"B2" + bytes(48) + id + both + _NO_CHECKSUM
    return f"untrusted comment: minisign secret key {key.id}\n{base64.b64encode(raw).decode()}\n"


def public_text(key: PublicKey) -> str:
    """The file of a public key."""
    return f"untrusted comment: minisign public key {key.id}\n{key}\n"


def sign(key: SecretKey, content: bytes, comment: str) -> str:
    """The signature file of some content, with a trusted comment of one line."""
    signer = _signer(key.seed)
    value = signer.sign(hashlib.blake2b(content).digest())
    seal = signer.sign(value + comment.encode())
    head = base64.b64encode(_PREHASHED + _id_bytes(key.id) + value).decode()
    return (
        f"untrusted comment: signature of the key {key.id}\n{head}\n"
        f"trusted comment: {comment}\n{base64.b64encode(seal).decode()}\n"
    )


def signature(text: str) -> Signature:
    """A signature file, read. Raises InvalidPackage."""
    lines = text.removesuffix("\n").replace("\r\n", "\n").split("\n")
    if len(lines) == 4 and lines[0].startswith("untrusted comment: ") and len(text) <= 8192:
        head, seal = _decoded(lines[1], 74), _decoded(lines[3], 64)
        mark, _, comment = lines[2].partition("trusted comment: ")
        if head and seal and not mark and comment and head[:2] in (_PREHASHED, _PLAIN):
            return Signature(_hex(head[2:10]), head[:2] == _PREHASHED, head[10:], comment, seal)
    raise InvalidPackage(
        "the signature is no minisign file", remedy="ask the publisher for the .minisig file"
    )


def verify(key: PublicKey, content: bytes, made: Signature) -> bool:
    """Whether the key has signed this content, and the comment."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if key.id != made.key:
        return False
    told = hashlib.blake2b(content).digest() if made.prehashed else content
    try:
        checker = Ed25519PublicKey.from_public_bytes(key.raw)
        checker.verify(made.value, told)
        checker.verify(made.seal, made.value + made.comment.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _signer(seed: bytes) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed)


def _checksum(id: bytes, both: bytes) -> bytes:
    return hashlib.blake2b(_PLAIN + id + both, digest_size=32).digest()


def _line(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    return lines[-1] if len(lines) <= 2 and lines else ""


def _decoded(text: str, length: int) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == length else None


def _hex(id: bytes) -> str:
    return f"{struct.unpack('<Q', id)[0]:016X}"


def _id_bytes(id: str) -> bytes:
    return struct.pack("<Q", int(id, 16))
