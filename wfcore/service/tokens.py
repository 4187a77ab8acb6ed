"""Tokens as administrators see them: made, listed, revoked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from wfcore.audit import AuditLog
from wfcore.errors import NotFound, UsageError
from wfcore.language import words
from wfcore.model.actor import ROLES, Actor
from wfcore.model.records import TokenRecord
from wfcore.model.times import rfc3339
from wfcore.model.workflow import NAMESPACE_PATTERN
from wfcore.plugins.contracts import Clock, Storage
from wfcore.service.auth import digest_of, make_token

#: Seconds that a token lives when nothing else is said, and at most.
LIFE: Final = 90 * 86_400.0
LONGEST: Final = 10 * 366 * 86_400.0
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


class TokenDesk:
    """Makes and revokes tokens. What a token says is shown once, when it is made, and kept nowhere."""

    def __init__(self, storage: Storage, clock: Clock, audit: AuditLog) -> None:
        self._storage = storage
        self._clock = clock
        self._audit = audit

    def create(
        self, name: str, role: str, namespaces: Sequence[str], life: float | None, *, by: Actor
    ) -> dict[str, Any]:
        """A new token with its text; ``life`` in seconds, None for ever. Raises UsageError, Conflict."""
        _expect_sound(name, role, namespaces, life)
        token, now = make_token(), self._clock.now()
        record = TokenRecord(
            name=name,
            role=role,
            namespaces=tuple(dict.fromkeys(namespaces)),
            digest=digest_of(token),
            created_at=now,
            created_by=by.name,
            expires_at=None if life is None else now + round(life * 1_000_000),
        )
        shown = self._row(record)
        told = {key: shown[key] for key in ("role", "namespaces", "expires_at")}
        with self._audit.act(by, "token.create", name, told):
            self._storage.put_token(record)
        return {**shown, "token": token}

    def list(self) -> list[dict[str, Any]]:
        """All tokens, by name: {name, role, namespaces, created_at, created_by, expires_at, expired}."""
        return [self._row(record) for record in self._storage.tokens()]

    def revoke(self, name: str, *, by: Actor) -> None:
        """Forget a token: from now on it opens nothing. Raises NotFound."""
        with self._audit.act(by, "token.revoke", name):
            if not self._storage.delete_token(name):
                near = words.hint(name, [record.name for record in self._storage.tokens()])
                raise NotFound(
                    f"there is no token {name}{near}", remedy="`workflow token list` shows what there is"
                )

    def _row(self, record: TokenRecord) -> dict[str, Any]:
        return {
            "name": record.name,
            "role": record.role,
            "namespaces": list(record.namespaces),
            "created_at": rfc3339(record.created_at),
            "created_by": record.created_by,
            "expires_at": rfc3339(record.expires_at),
            "expired": record.expires_at is not None and record.expires_at <= self._clock.now(),
        }


def _expect_sound(name: str, role: str, namespaces: Sequence[str], life: float | None) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name[:80]!r} is no name for a token",
            remedy="write up to 63 of a-z, 0-9, '.', '_' and '-', such as ci or backup-host",
        )
    if role not in ROLES:
        raise UsageError(f"{role[:80]!r} is no role", remedy=f"it is one of {', '.join(ROLES)}")
    for namespace in namespaces:
        if not re.fullmatch(NAMESPACE_PATTERN, namespace):
            raise UsageError(
                f"{namespace[:80]!r} is no namespace", remedy="write one such as default or team.a"
            )
    if life is not None and not 0 < life <= LONGEST:
        raise UsageError("a token lives for ten years at most", remedy="say how long, such as 90d, or never")
