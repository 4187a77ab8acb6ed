"""``github:owner/repo@tag``: a ``.wfp`` among the assets of a release, or within the repository."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from wfcore.api import (
    Candidate,
    Context,
    InvalidPackage,
    NotFound,
    Parcel,
    Response,
    Stateless,
    UsageError,
)

from .asking import MOST, ask, body_of, guard
from .carried import in_zip

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_VERSION: Final = re.compile(r"v?([0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?)")
_DOCUMENT: Final = 16 * 1024 * 1024
_REMEDY: Final = "ask its publisher; nothing was installed"


class GithubRegistry(Stateless):
    """Speaks GitHub's REST API; ``token`` names the secret with a token for private repositories."""

    schema: ClassVar[Mapping[str, Any]] = {
        "api": {"type": "string", "regex": "https?://.+", "default": "https://api.github.com"},
        "token": {"type": "string", "default": ""},
    }

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._api = config["api"].rstrip("/")
        self._token = config["token"]
        self._context = context

    def candidates(self, target: str, wanted: str = "") -> Sequence[Candidate]:
        """The release of a tag, or without one all releases; else the repository as the tag has it."""
        if not _REPOSITORY.fullmatch(target):
            raise UsageError(f"{target!r} is no repository", remedy="write github:OWNER/REPO@TAG")
        if not _TAG.fullmatch(wanted):
            releases = self._json(f"/repos/{target}/releases?per_page=100", list)
            if releases is None:
                raise NotFound(f"there is no repository {target}", remedy="correct the name")
            sound = (one for one in releases if isinstance(one, dict) and not one.get("draft"))
            return [self._candidate(target, one) for one in sound]
        release = self._json(f"/repos/{target}/releases/tags/{wanted}", dict)
        if release is not None and _assets(release):
            return [self._candidate(target, release)]
        source = f"github:{target}@{wanted}"
        return [Candidate(source=source, version=_version(wanted), place=f"/repos/{target}/zipball/{wanted}")]

    def fetch(self, candidate: Candidate) -> Parcel:
        """The asset and its ``.minisig``, or what the repository's archive carries."""
        if "/zipball/" in candidate.place:
            content = self._get(candidate.place, "application/vnd.github+json", candidate.source)
            return in_zip(content, candidate.source)
        package, _, signature = candidate.place.partition(" ")
        binary = "application/octet-stream"
        content = self._get(package, binary, candidate.source)
        beside = self._get(signature, binary, candidate.source) if signature else b""
        return Parcel(content, beside.decode("utf-8", "replace"))

    def _candidate(self, target: str, release: Mapping[str, Any]) -> Candidate:
        tag, assets = str(release.get("tag_name", "")), _assets(release)
        packages = [one for one in assets if one["name"].endswith(".wfp")]
        source = f"github:{target}@{tag}"
        if len(packages) != 1:
            return Candidate(source=source, version=_version(tag), place=f"/repos/{target}/zipball/{tag}")
        (package,) = packages
        beside = next((one for one in assets if one["name"] == f"{package['name']}.minisig"), None)
        places = [_path(one["url"], self._api) for one in (package, beside) if one]
        kind, _, digest = str(package.get("digest") or "").partition(":")
        return Candidate(
            source=source,
            version=_version(tag),
            digest=digest if kind == "sha256" else "",
            changelog=str(release.get("body") or ""),
            place=" ".join(places),
        )

    def _json(self, path: str, kind: type) -> Any:
        answer = self._ask(path, "application/vnd.github+json", _DOCUMENT)
        if answer.status == 404:
            return None
        try:
            found = json.loads(body_of(answer, self._api + path, "an answer"))
        except (ValueError, RecursionError) as error:
            raise InvalidPackage(f"{self._api}{path} answers with no JSON: {error}", remedy=_REMEDY) from None
        if not isinstance(found, kind):
            raise InvalidPackage(f"{self._api}{path} answers with something else", remedy=_REMEDY)
        return found

    def _get(self, path: str, accept: str, source: str) -> bytes:
        answer = self._ask(path, accept)
        if answer.status != 200:
            raise NotFound(
                f"there is no package at {source}: the answer is {answer.status}", remedy="correct the tag"
            )
        return answer.body

    def _ask(self, path: str, accept: str, most: int = MOST) -> Response:
        headers = {"accept": accept, "x-github-api-version": "2022-11-28"}
        token = self._context.secrets.get(self._token) if self._token and self._context.secrets else None
        if token:
            headers["authorization"] = f"Bearer {token}"
        return ask(guard(self._context), self._api + path, most=most, headers=headers)


def _assets(release: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = release.get("assets")
    listed = found if isinstance(found, list) else []
    return [
        one
        for one in listed
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("url"), str)
    ]


def _path(url: str, api: str) -> str:
    """The path of an asset below the API. Raises InvalidPackage for one that lies elsewhere."""
    if not url.startswith(f"{api}/") or " " in url:
        raise InvalidPackage(f"the release names an asset at {url[:200]!r}, not at {api}", remedy=_REMEDY)
    return url.removeprefix(api)


def _version(tag: str) -> str:
    found = _VERSION.fullmatch(tag)
    return found[1] if found else ""
