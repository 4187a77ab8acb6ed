"""The index of a registry: a signed top document, and one document for each package.

Any host of static files can serve it. ``index.json`` is the top document in its envelope; it names the
digest of every package's document, which lies at ``documents/DIGEST.json``, and that names the digest of
every archive, at ``archives/DIGEST.wfp``. So one signature covers everything, and a set of files from
different times does not fit together.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from wfcore.errors import InvalidPackage
from wfcore.packages import minisign, versions
from wfcore.packages.reference import NAME
from wfcore.plugins.registry import Revocation

TOP: Final = "index.json"
#: Bytes that are read of the top document, and of a package's.
MAX_TOP: Final = 16 * 1024 * 1024
MAX_DOCUMENT: Final = 4 * 1024 * 1024
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_REMEDY: Final = "ask who runs the registry; nothing was installed"


@dataclass(frozen=True, slots=True)
class Listed:
    """A package in the top document; ``document`` is the sha256 of its document."""

    name: str
    document: str
    latest: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Top:
    """The top document. ``serial`` grows with each edition; ``created`` and ``expires`` are UTC microseconds.

    ``digest`` is the sha256 of the signed text, ``key`` the id of the key that signed it.
    """

    name: str
    serial: int
    created: int
    expires: int
    packages: Mapping[str, Listed]
    revoked: tuple[Revocation, ...] = ()
    digest: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A version in a package's document. ``permissions`` are as its manifest writes them."""

    version: str
    digest: str
    size: int
    published: str
    permissions: Mapping[str, Any]
    signature: str = ""
    changelog: str = ""
    yanked: str = ""


def document_path(digest: str) -> str:
    """Where the document of a package lies below the index."""
    return f"documents/{digest}.json"


def archive_path(digest: str) -> str:
    """Where an archive lies below the index."""
    return f"archives/{digest}.wfp"


def write_top(top: Top, key: minisign.SecretKey) -> bytes:
    """The envelope of a top document, signed."""
    said = {
        "index": 1,
        "name": top.name,
        "serial": top.serial,
        "created": _text_of(top.created),
        "expires": _text_of(top.expires),
        "packages": {
            one.name: {"document": one.document, "latest": one.latest, "description": one.description}
            for one in top.packages.values()
        },
        "revoked": [
            {"digest": one.digest, "name": one.name, "version": one.version, "reason": one.reason}
            for one in top.revoked
        ],
    }
    signed = json.dumps(said, ensure_ascii=False, sort_keys=True)
    made = minisign.sign(key, signed.encode(), f"index:{top.name}\tserial:{top.serial}")
    return json.dumps({"signed": signed, "signature": made}, ensure_ascii=False).encode()


def write_document(name: str, releases: Sequence[Release]) -> bytes:
    """The document of a package."""
    listed = [
        {
            "version": one.version,
            "digest": one.digest,
            "size": one.size,
            "published": one.published,
            "permissions": dict(one.permissions),
            "signature": one.signature,
            "changelog": one.changelog,
            "yanked": one.yanked,
        }
        for one in releases
    ]
    return json.dumps({"package": name, "versions": listed}, ensure_ascii=False, sort_keys=True).encode()


def read_top(content: bytes, keys: Sequence[minisign.PublicKey], where: str) -> Top:
    """The top document that one of the keys has signed. Raises InvalidPackage."""
    envelope = _object(content, where, ("signed", "signature"))
    signed, text = envelope["signed"], envelope["signature"]
    if not isinstance(signed, str) or not isinstance(text, str):
        raise _fault(where, "its envelope has no texts")
    made = minisign.signature(text)
    if not any(minisign.verify(key, signed.encode(), made) for key in keys):
        trusted = ", ".join(key.id for key in keys)
        raise _fault(where, f"it is signed by the key {made.key}, and not by a trusted one ({trusted})")
    said = _object(signed.encode(), where, ("index", "name", "serial", "created", "expires", "packages"))
    try:
        return _top(said, hashlib.sha256(signed.encode()).hexdigest(), made.key)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _fault(where, f"it is no index: {type(error).__name__} {error}") from None


def read_document(content: bytes, listed: Listed, where: str) -> list[Release]:
    """The releases of a package, newest first. Raises InvalidPackage when it is not what the index lists."""
    found = hashlib.sha256(content).hexdigest()
    if found != listed.document:
        raise _fault(
            where, f"the document of {listed.name} has the sha256 {found}, not the one that is listed"
        )
    said = _object(content, where, ("package", "versions"))
    if said["package"] != listed.name:
        raise _fault(where, f"the document of {listed.name} is about {said['package']!r}")
    try:
        releases = [_release(one) for one in said["versions"]]
    except (KeyError, TypeError, ValueError) as error:
        raise _fault(
            where, f"the document of {listed.name} is none: {type(error).__name__} {error}"
        ) from None
    if len({one.version for one in releases}) < len(releases):
        raise _fault(where, f"the document of {listed.name} lists a version twice")
    return sorted(releases, key=lambda one: versions.key(one.version), reverse=True)


def expect_fresh(
    top: Top, seen: Mapping[str, Any] | None, now: int, where: str, keys: Sequence[minisign.PublicKey] = ()
) -> None:
    """Refuse an index that has expired, or that is older than, or another edition of, what was ``seen``.

    ``seen`` is what ``as_seen`` gave of the last one. Serials begin anew only when none of the trusted
    ``keys`` has signed that: while an old key stands beside a new one, what it once signed is no way back.
    Raises InvalidPackage.
    """
    if now >= top.expires:
        raise _fault(
            where,
            f"its index has expired at {_text_of(top.expires)}: somebody may be holding back newer ones",
        )
    if seen is None or seen.get("key") not in {top.key, *(key.id for key in keys)}:
        return
    if top.serial < seen["serial"]:
        raise _fault(where, f"it offers the index {top.serial}, but {seen['serial']} was there before")
    if top.serial == seen["serial"] and top.digest != seen["digest"]:
        raise _fault(where, f"it tells different people different things under the serial {top.serial}")


def as_seen(top: Top) -> dict[str, Any]:
    """What has to be remembered of an index."""
    return {"key": top.key, "serial": top.serial, "digest": top.digest}


def _top(said: Mapping[str, Any], digest: str, key: str) -> Top:
    if said["index"] != 1 or type(said["serial"]) is not int:
        raise ValueError(f"it has the format {said['index']!r}")
    packages = {name: _listed(name, one) for name, one in said["packages"].items()}
    return Top(
        name=_text(said["name"]),
        serial=said["serial"],
        created=_micros(said["created"]),
        expires=_micros(said["expires"]),
        packages=packages,
        revoked=tuple(
            Revocation(
                _sha256(one["digest"]), _text(one["name"]), _text(one["version"]), _text(one["reason"])
            )
            for one in said.get("revoked", ())
        ),
        digest=digest,
        key=key,
    )


def _listed(name: str, one: Mapping[str, Any]) -> Listed:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a package")
    return Listed(name, _sha256(one["document"]), _text(one["latest"]), _text(one["description"]))


def _release(one: Mapping[str, Any]) -> Release:
    version = _text(one["version"])
    if not versions.is_version(version):
        raise ValueError(f"{version!r} is no version")
    return Release(
        version=version,
        digest=_sha256(one["digest"]),
        size=int(one["size"]),
        published=_text(one["published"]),
        permissions=dict(one["permissions"]),
        signature=_text(one["signature"]),
        changelog=_text(one["changelog"]),
        yanked=_text(one["yanked"]),
    )


def _object(content: bytes, where: str, keys: tuple[str, ...]) -> dict[str, Any]:
    try:
        found = json.loads(content, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _fault(where, f"it is no JSON: {error}") from None
    if not isinstance(found, dict) or (lacking := [key for key in keys if key not in found]):
        raise _fault(where, f"it lacks {', '.join(lacking) if isinstance(found, dict) else 'an object'}")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _sha256(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError(f"{value!r} is no sha256")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _micros(value: Any) -> int:
    return round(datetime.fromisoformat(_text(value)).timestamp() * 1_000_000)


def _text_of(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="seconds")


def _fault(where: str, what: str) -> InvalidPackage:
    return InvalidPackage(f"the registry {where} cannot be trusted: {what}", remedy=_REMEDY)
