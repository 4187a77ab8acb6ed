"""What must not run any more, whatever is pinned: the revocations of registries, and the operator's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from wfcore.errors import InvalidPackage, PluginError

if TYPE_CHECKING:
    from wfcore.plugins.registry import Revocation
    from wfcore.plugins.storage import Storage

_RECORD: Final = ("packages", "revoked")


def read(storage: Storage) -> dict[str, Revocation]:
    """All revocations that are known to an installation, by digest."""
    text = storage.get_record(*_RECORD, 0)
    if not text:
        return {}
    from wfcore.plugins.registry import Revocation

    return {one["digest"]: Revocation(**one) for one in json.loads(text)}


def add(storage: Storage, found: Iterable[Revocation]) -> list[Revocation]:
    """Remember revocations for ever, and give those that are new. A registry cannot take one back."""
    known = read(storage)
    new = {one.digest: one for one in found if one.digest not in known}
    if new:
        text = json.dumps([asdict(one) for one in (*known.values(), *new.values())])
        storage.set_record(*_RECORD, text, None)
    return list(new.values())


def expect_allowed(revoked: Mapping[str, Revocation], digest: str, name: str, version: str) -> None:
    """Raise InvalidPackage for a package that must not be installed."""
    if digest in revoked:
        raise InvalidPackage(_told(revoked[digest], name, version), remedy="install another version")


def expect_usable(revoked: Mapping[str, Revocation], digest: str, name: str, version: str) -> None:
    """Raise PluginError for a package that must not run."""
    if digest in revoked:
        raise PluginError(
            _told(revoked[digest], name, version),
            remedy="`workflow plugin update` it, and apply the workflows again that were pinned to it",
        )


def _told(one: Revocation, name: str, version: str) -> str:
    return f"{name} {version} ({one.digest[:12]}) is revoked: {one.reason}"
