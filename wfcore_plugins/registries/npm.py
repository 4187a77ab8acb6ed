"""``npm:@scope/package@version``: a package of npm that carries a ``.wfp``."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from wfcore.api import Candidate, Context, InvalidPackage, NotFound, Parcel, Stateless, UsageError

from .asking import ask, body_of, guard
from .carried import in_tar

_NAME: Final = re.compile(r"(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*")
_RANGE: Final = re.compile(r"v?[0-9^~<>=!]")
_DOCUMENT: Final = 32 * 1024 * 1024
_REMEDY: Final = "ask its publisher; nothing was installed"


class NpmRegistry(Stateless):
    """Reads npm's documents; a tarball must have the ``sha512`` that the registry says."""

    schema: ClassVar[Mapping[str, Any]] = {
        "url": {"type": "string", "regex": "https?://.+", "default": "https://registry.npmjs.org"},
    }

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._url = config["url"].rstrip("/")
        self._context = context

    def candidates(self, target: str, wanted: str = "") -> Sequence[Candidate]:
        """One for each version, which is that of the npm package; a tag such as ``latest`` narrows."""
        if not _NAME.fullmatch(target) or len(target) > 214:
            raise UsageError(f"{target!r} is no name of npm", remedy="write npm:@SCOPE/PACKAGE@VERSION")
        document = self._document(target)
        tags, found = _mapping(document.get("dist-tags")), _mapping(document.get("versions"))
        tagged = tags.get(wanted)
        tagged = tagged if isinstance(tagged, str) else None
        if tagged is None and wanted and not _RANGE.match(wanted):
            raise NotFound(f"{target} has no tag {wanted} in npm", remedy="name a version or another tag")
        chosen = found if tagged is None else {tagged: found.get(tagged)}
        return [self._candidate(target, str(version), _mapping(one)) for version, one in chosen.items()]

    def fetch(self, candidate: Candidate) -> Parcel:
        """What the tarball carries, once its integrity is proved."""
        url, _, integrity = candidate.place.partition(" ")
        content = body_of(ask(guard(self._context), url), url, "a tarball")
        _expect_sound(content, integrity, candidate.source)
        return in_tar(content, candidate.source)

    def _document(self, target: str) -> dict[str, Any]:
        url = f"{self._url}/{target.replace('/', '%2F')}"
        answer = ask(guard(self._context), url, most=_DOCUMENT)
        if answer.status == 404:
            raise NotFound(f"npm has no package {target}", remedy="correct the name")
        try:
            document = json.loads(body_of(answer, url, "a package"))
        except (ValueError, RecursionError) as error:
            raise InvalidPackage(f"{url} answers with no JSON: {error}", remedy=_REMEDY) from None
        if not isinstance(document, dict) or document.get("name") != target:
            raise InvalidPackage(f"{url} answers with another package than {target}", remedy=_REMEDY)
        return document

    def _candidate(self, target: str, version: str, one: Mapping[str, Any]) -> Candidate:
        dist = _mapping(one.get("dist"))
        place = f"{dist.get('tarball', '')} {dist.get('integrity', '')}"
        return Candidate(
            source=f"npm:{target}@{version}",
            version=version,
            yanked=str(one.get("deprecated") or ""),
            place=place,
        )


def _mapping(value: Any) -> Mapping[str, Any]:
    """What a registry has sent, if it is what it should be; nothing else."""
    return value if isinstance(value, dict) else {}


def _expect_sound(content: bytes, integrity: str, source: str) -> None:
    """Raise InvalidPackage unless the sha512 is there and right (npm: subresource integrity)."""
    given = [one.removeprefix("sha512-") for one in integrity.split() if one.startswith("sha512-")]
    if not given:
        raise InvalidPackage(f"{source} has no sha512 to check it by", remedy=_REMEDY)
    try:
        expected = base64.b64decode(given[0], validate=True)
    except (binascii.Error, ValueError):
        expected = b""
    if not hmac.compare_digest(hashlib.sha512(content).digest(), expected):
        raise InvalidPackage(f"{source} is not what npm says: its tarball has another sha512", remedy=_REMEDY)
