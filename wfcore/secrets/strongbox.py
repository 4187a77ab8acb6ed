"""The encrypted store: each secret in an envelope that is bound to its name and scope."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from wfcore.errors import Conflict, SecretError
from wfcore.model.records import SecretRecord
from wfcore.secrets import envelope
from wfcore.secrets.master import MasterKeys

#: The scope of what the kernel itself keeps here.
OWN: Final = "@seal"
_TRIES: Final = 20


class Rows(Protocol):
    """The part of storage that a strongbox needs."""

    def put_secret(self, record: SecretRecord) -> None:
        """See ``Storage``."""

    def secrets(self) -> list[SecretRecord]:
        """See ``Storage``."""

    def secret(self, scope: str, name: str) -> SecretRecord | None:
        """See ``Storage``."""

    def remove_secret(self, scope: str, name: str) -> bool:
        """See ``Storage``."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: the id of the key in use, envelopes made anew, keys forgotten, keys to remove."""

    key: str
    renewed: int
    retired: int
    left: int


class Strongbox:
    """``now`` gives UTC microseconds. ``rows`` gives the storage; None when there is none to read."""

    def __init__(self, rows: Callable[[], Rows | None], masters: MasterKeys, now: Callable[[], int]) -> None:
        self._rows = rows
        self.masters = masters
        self._now = now

    def get(self, name: str, scope: str = "") -> str | None:
        """The value, None when there is none. Raises SecretError."""
        rows = self._rows()
        record = rows.secret(scope, name) if rows else None
        return None if record is None else self._opened(record).decode()

    def put(self, name: str, value: str, scope: str = "") -> bool:
        """Store a value; True when there was none. Raises SecretError."""
        rows = self._stored()
        for _ in range(_TRIES):
            before = rows.secret(scope, name)
            try:
                rows.put_secret(self._sealed(scope, name, value.encode(), before))
            except Conflict:  # somebody was faster; the last one wins
                continue
            return before is None
        raise Conflict(f"the secret {name} is being changed by others all the time", remedy="try again")

    def add(self, name: str, value: str, scope: str) -> bool:
        """Store a value unless there is one; False when there was. Raises SecretError."""
        try:
            self._stored().put_secret(self._sealed(scope, name, value.encode(), None))
        except Conflict:
            return False
        return True

    def remove(self, name: str, scope: str = "") -> bool:
        """Forget a value; False when there was none."""
        return self._stored().remove_secret(scope, name)

    def records(self) -> Iterator[SecretRecord]:
        """What users have stored, by scope and name."""
        rows = self._rows()
        return (one for one in (rows.secrets() if rows else ()) if one.scope != OWN)

    def names(self, scope: str = "") -> list[str]:
        """The names of a scope, sorted."""
        return [one.name for one in self.records() if one.scope == scope]

    def own(self) -> list[str]:
        """The names of what the kernel keeps."""
        rows = self._rows()
        return [one.name for one in (rows.secrets() if rows else ()) if one.scope == OWN]

    def rotate(self, *, new_key: bool = False) -> Rotation:
        """Make every envelope anew under the master key in use, or first under a new one.

        Before a key is forgotten nothing is encrypted with it any more. Whatever interrupts this, all
        secrets can be read, and another call goes on. Raises SecretError, Conflict.
        """
        rows = self._stored()
        if new_key:
            self._current()
            self.masters.renew()
        id, _ = self._current()
        renewed = sum(self._renew(rows, record) for record in rows.secrets())
        elsewhere = any(record.master != id for record in rows.secrets())
        retired = 0 if elsewhere else self.masters.retire()
        return Rotation(id, renewed, retired, self.masters.spare())

    def _renew(self, rows: Rows, record: SecretRecord) -> bool:
        found: SecretRecord | None = record
        while found is not None:
            try:
                rows.put_secret(self._sealed(found.scope, found.name, self._opened(found), found))
            except Conflict:
                found = rows.secret(record.scope, record.name)
                continue
            return True
        return False

    def _stored(self) -> Rows:
        rows = self._rows()
        if rows is None:
            raise SecretError("there is no database for secrets", remedy="start a server, or name its data")
        return rows

    def _sealed(self, scope: str, name: str, value: bytes, before: SecretRecord | None) -> SecretRecord:
        id, key = self._current()
        sealed, now = envelope.close(key, value, _bound(scope, name)), self._now()
        if before is None:
            return SecretRecord(scope, name, 1, id, sealed, now, now)
        return replace(before, revision=before.revision + 1, master=id, sealed=sealed, updated_at=now)

    def _current(self) -> tuple[str, bytes]:
        """The master key in use. None is made where there are secrets that it would not open."""
        if self.masters.missing() and (held := self._stored().secrets()):
            self.masters.get(held[0].master)
        return self.masters.current()

    def _opened(self, record: SecretRecord) -> bytes:
        key = self.masters.get(record.master)
        try:
            return envelope.open(key, record.sealed, _bound(record.scope, record.name))
        except envelope.Broken:
            where = f"{record.scope}: " if record.scope else ""
            raise SecretError(
                f"the secret {where}{record.name} is not what was stored here: its row was changed",
                remedy="set it again, and find out who writes to the database",
            ) from None


def _bound(scope: str, name: str) -> bytes:
    return json.dumps(["workflow/secret/1", scope, name]).encode()
