"""Publishers' tokens: each for some namespaces or packages, for some time; only digests are stored."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from wfcore.errors import Conflict, Forbidden, NotFound, Unauthorized, UsageError
from wfcore.packages import minisign
from wfregistry.store import Store

DAY: Final = 86_400_000_000
_SCOPE: Final = re.compile(r"\*|[a-z][a-z0-9_-]{0,63}(/[a-z][a-z0-9_-]{0,63})?")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who has a token. ``scopes`` are namespaces, packages or ``*``; a ``key`` must have signed."""

    id: str
    scopes: tuple[str, ...]
    key: str

    def expect_may(self, package: str) -> None:
        """Raise Forbidden when the token is not for this package."""
        if not {"*", package, package.partition("/")[0]} & set(self.scopes):
            raise Forbidden(
                f"the token {self.id} is not for {package} but for {', '.join(self.scopes)}",
                remedy="ask who runs the registry for another token",
            )


class Tokens:
    """The tokens of a registry; ``now`` is UTC in microseconds."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now

    def create(self, id: str, scopes: list[str], days: int, key: str = "") -> str:
        """A new token, which is shown once. Raises UsageError, Conflict, InvalidInput for a bad key."""
        if not _NAME.fullmatch(id):
            raise UsageError(f"{id!r} is no name of a token", remedy="use letters, digits, ., _ and -")
        if not scopes or not all(_SCOPE.fullmatch(scope) for scope in scopes):
            raise UsageError(
                f"{', '.join(scopes) or 'nothing'} is no scope",
                remedy="write a namespace, NAMESPACE/NAME or *",
            )
        if days < 1:
            raise UsageError(f"{days} days is no time", remedy="write at least 1")
        public = str(minisign.public_key(key)) if key else ""
        token = f"wfr_{secrets.token_urlsafe(32)}"
        with self._store.writing():
            if self._store.token.get_or_none(self._store.token.id == id):
                raise Conflict(f"there is a token {id} already", remedy="choose another name")
            self._store.token.create(
                id=id, digest=_digest(token), scopes=json.dumps(scopes), key=public,
                created_at=self._now(), expires_at=self._now() + days * DAY, revoked=0,
            )  # fmt: skip
        return token

    def list(self) -> list[dict[str, Any]]:
        """All tokens, without what they are."""
        with self._store.reading():
            return [
                {
                    "id": one.id,
                    "scopes": json.loads(one.scopes),
                    "key": one.key,
                    "expires_at": one.expires_at,
                    "state": self._state(one),
                }
                for one in self._store.token.select().order_by(self._store.token.id)
            ]

    def revoke(self, id: str) -> None:
        """From now on the token is worth nothing. Raises NotFound."""
        table = self._store.token
        with self._store.writing():
            if not table.update(revoked=1).where(table.id == id).execute():
                raise NotFound(f"there is no token {id}", remedy="`wfregistry token list` shows them")

    def check(self, header: str | None) -> Publisher:
        """Whose token a request's Authorization has. Raises Unauthorized."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() == "bearer" and token:
            with self._store.reading():
                # Found by its digest: how long that takes says nothing about the token.
                found = self._store.token.get_or_none(self._store.token.digest == _digest(token.strip()))
            if found and self._state(found) == "valid":
                return Publisher(found.id, tuple(json.loads(found.scopes)), found.key)
        raise Unauthorized(
            "no valid publisher's token came with the request", remedy="ask who runs the registry"
        )

    def _state(self, one: Any) -> str:
        if one.revoked:
            return "revoked"
        return "valid" if self._now() < one.expires_at else "expired"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
