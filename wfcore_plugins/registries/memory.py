"""What has been seen of registries, so that none can go back or tell another story."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from wfcore.api import Context, InvalidPackage, index, minisign

_NAMESPACE: Final = "registry:http"


class Memory:
    """Kept in the records of the installation; where there are none, for the life of the process."""

    def __init__(self, context: Context) -> None:
        self._records = context.records(_NAMESPACE) if context.records else None
        self._clock = context.clock
        self._here: dict[str, Any] = {}

    def expect_fresh(self, top: index.Top, name: str, keys: Sequence[minisign.PublicKey]) -> None:
        """Raise InvalidPackage for an index that has expired, went back or forks; remember it else."""
        key = f"index/{name}"
        seen = self._get(key)
        index.expect_fresh(top, seen, self._clock.now(), name, keys)
        if index.as_seen(top) != seen:
            self._set(key, index.as_seen(top))

    def expect_unchanged(self, name: str, package: str, releases: Sequence[index.Release]) -> None:
        """Raise InvalidPackage when a version has another digest than it had before."""
        key = f"versions/{name}/{package}"
        seen: dict[str, str] = self._get(key) or {}
        for one in releases:
            if seen.get(one.version, one.digest) != one.digest:
                raise InvalidPackage(
                    f"the registry {name} cannot be trusted: {package} {one.version} has changed, it was"
                    f" {seen[one.version][:12]} and is {one.digest[:12]}",
                    remedy="ask who runs the registry; a version never changes",
                )
        now = seen | {one.version: one.digest for one in releases}
        if now != seen:
            self._set(key, now)

    def _get(self, key: str) -> Any:
        return self._records.get(key) if self._records else self._here.get(key)

    def _set(self, key: str, value: Any) -> None:
        if self._records:
            self._records.set(key, value)
        else:
            self._here[key] = value
