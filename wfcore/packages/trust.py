"""Whom an installation believes: signatures of packages against the keys of their namespace."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wfcore.errors import InvalidConfig, InvalidInput, InvalidPackage
from wfcore.packages import minisign
from wfcore.packages.archive import Archive
from wfcore.packages.permissions import Permissions

_REMEDY: Final = "ask the publisher; nothing was installed"


@dataclass(frozen=True, slots=True)
class Trust:
    """``keys`` are those that may sign, by namespace.

    ``require``: every package must be signed by a key of its namespace. ``warn``: what is signed must be
    signed well, what is not is told of, and a package that was signed must stay so. ``off``: nobody looks.
    """

    policy: str = "warn"
    keys: Mapping[str, Sequence[minisign.PublicKey]] = field(default_factory=dict)

    def judge(self, archive: Archive, content: bytes, text: str, was_signed: bool) -> tuple[str, list[str]]:
        """The id of the key that signed a package (or nothing), and warnings. Raises InvalidPackage.

        ``text`` is its minisign file, ``was_signed`` whether the version before it was signed.
        """
        if self.policy == "off":
            return "", []
        manifest = archive.manifest
        named = f"{manifest.name} {manifest.version}"
        keys = self.keys.get(manifest.name.partition("/")[0], ())
        if not text:
            return "", self._unsigned(named, bool(keys), was_signed)
        made = minisign.signature(text)
        key = next((one for one in keys if one.id == made.key), None)
        if key is None:
            return "", self._stranger(named, made.key, was_signed)
        if not minisign.verify(key, content, made):
            raise InvalidPackage(
                f"{named} is not what the key {made.key} has signed: the signature is wrong", remedy=_REMEDY
            )
        _expect_meant(archive, made)
        return made.key, []

    def _unsigned(self, named: str, known: bool, was_signed: bool) -> list[str]:
        if self.policy == "require":
            raise InvalidPackage(
                f"{named} is not signed, and plugins.signatures is require",
                remedy="ask its publisher for the signature, or sign it yourself with a key that you trust",
            )
        if was_signed:
            raise InvalidPackage(
                f"{named} is not signed, but the version that is installed was",
                remedy="somebody may have taken the signature away; ask its publisher",
            )
        return [f"{named} is not signed, although there are keys for its namespace"] if known else []

    def _stranger(self, named: str, key: str, was_signed: bool) -> list[str]:
        where = f"plugins.keys.{named.partition('/')[0]}"
        if self.policy == "require" or was_signed:
            raise InvalidPackage(
                f"{named} is signed by the key {key}, which {where} does not have",
                remedy=f"add the key to {where} if you trust it; it is not taken from the package",
            )
        return [f"{named} is signed by the key {key}, which nobody has trusted: {where} does not have it"]


def of(policy: str, keys: Mapping[str, Sequence[str]]) -> Trust:
    """The trust that the configuration describes. Raises InvalidConfig for what is no key."""
    read: dict[str, list[minisign.PublicKey]] = {}
    for namespace, texts in keys.items():
        try:
            read[namespace] = [minisign.public_key(text) for text in texts]
        except InvalidInput as error:
            raise InvalidConfig(f"plugins.keys.{namespace}: {error.message}", remedy=error.remedy) from None
    return Trust(policy, read)


def sign(key: minisign.SecretKey, archive: Archive, content: bytes, seconds: int) -> str:
    """The minisign file of a package; its comment says what was signed. ``seconds`` is the UNIX time."""
    manifest = archive.manifest
    said = {"timestamp": str(seconds), "file": manifest.file_name, **_meaning(archive)}
    return minisign.sign(key, content, "\t".join(f"{name}:{value}" for name, value in said.items()))


def permissions_digest(permissions: Permissions) -> str:
    """The sha256 of permissions in their one written form."""
    text = json.dumps(permissions.to_dict(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _meaning(archive: Archive) -> dict[str, str]:
    manifest = archive.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "sha256": archive.digest,
        "permissions": permissions_digest(manifest.permissions),
    }


def _expect_meant(archive: Archive, made: minisign.Signature) -> None:
    """Refuse a signature whose comment speaks of another package; minisign's own says nothing of it."""
    said = made.fields()
    for name, value in _meaning(archive).items():
        if said.get(name, value) != value:
            manifest = archive.manifest
            raise InvalidPackage(
                f"{manifest.name} {manifest.version} comes with the signature of something else:"
                f" its {name} is {value[:64]}, the signed one {said[name][:64]}",
                remedy=_REMEDY,
            )
