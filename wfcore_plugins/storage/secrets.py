"""Encrypted secrets; the same for every database."""

from __future__ import annotations

from typing import Any

from wfcore.api import Conflict, SecretRecord

from .schema import COLUMNS, Sessions, Tables


class SecretQueries:
    """The part of the storage contract that is about secrets."""

    def put_secret(self: Sessions, record: SecretRecord) -> None:
        """See ``Storage``."""
        row = {name: getattr(record, name) for name in COLUMNS["secret"]}
        with self.writing(alone=True) as t:
            found = _select(t).where(_is(t, record.scope, record.name)).dicts()
            held = next((before["revision"] for before in found), 0)
            if record.revision != held + 1:
                raise Conflict(
                    f"the secret {record.name} has been changed meanwhile",
                    remedy="nothing was written; try again",
                )
            s = t.secret
            s.insert(row).on_conflict(conflict_target=[s.scope, s.name], update=row).execute()

    def secrets(self: Sessions) -> list[SecretRecord]:
        """See ``Storage``."""
        with self.reading() as t:
            found = _select(t).order_by(t.secret.scope, t.secret.name)
            return [SecretRecord(**row) for row in found.dicts()]

    def secret(self: Sessions, scope: str, name: str) -> SecretRecord | None:
        """See ``Storage``."""
        with self.reading() as t:
            found = _select(t).where(_is(t, scope, name))
            return next((SecretRecord(**row) for row in found.dicts()), None)

    def remove_secret(self: Sessions, scope: str, name: str) -> bool:
        """See ``Storage``."""
        with self.writing() as t:
            return bool(t.secret.delete().where(_is(t, scope, name)).execute())


def _select(t: Tables) -> Any:
    return t.secret.select(*(getattr(t.secret, name) for name in COLUMNS["secret"]))


def _is(t: Tables, scope: str, name: str) -> Any:
    return (t.secret.scope == scope) & (t.secret.name == name)
