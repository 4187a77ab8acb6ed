"""Secrets inside stored values: sealed for one execution, opened where a later task needs them."""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from wfcore.errors import SecretError
from wfcore.model.secret import Secret, reveal
from wfcore.secrets import envelope
from wfcore.secrets.strongbox import OWN, Strongbox

#: The key of the mapping that stands for a sealed value, as ``{"$sealed": …}``.
MARK: Final = "$sealed"


@dataclass(frozen=True, slots=True)
class Seals:
    """A sealer for one execution; ``seen`` is told of each secret that is opened."""

    sealer: Sealer
    execution: str
    seen: Callable[[Any], None]

    def seal(self, value: Secret, dumps: Callable[[Any], str]) -> dict[str, str]:
        """See ``Sealer``."""
        return self.sealer.seal(value, self.execution, dumps)

    def unseal(self, text: str) -> Secret:
        """See ``Sealer``."""
        found = self.sealer.unseal(text, self.execution)
        self.seen(found)
        return found


class Sealer:
    """Encrypts what stays of secrets in executions. Its keys are in ``box``, made when first needed."""

    def __init__(self, box: Strongbox) -> None:
        self._box = box
        self._keys: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def seal(self, value: Secret, execution: str, dumps: Callable[[Any], str]) -> dict[str, str]:
        """The stored form of a secret; ``dumps`` gives the JSON of its plain value. Raises SecretError."""
        name, key = self._current()
        sealed = envelope.encrypt(key, dumps(reveal(value)).encode(), _bound(execution))
        return {MARK: f"{name}.{base64.b64encode(sealed).decode()}"}

    def unseal(self, text: str, execution: str) -> Secret:
        """The secret behind a stored form. Raises SecretError."""
        name, _, sealed = text.partition(".")
        try:
            plain = envelope.decrypt(
                self._key(name), base64.b64decode(sealed, validate=True), _bound(execution)
            )
            return Secret(json.loads(plain))
        except (envelope.Broken, binascii.Error, ValueError):
            raise SecretError(
                f"a sealed value of execution {execution} is not what was stored: its row was changed",
                remedy="start the execution again, and find out who writes to the database",
            ) from None

    def renew(self) -> None:
        """Seal from now on with a new key; the others stay, for what they have sealed."""
        with self._lock:
            self._make(self._newest() + 1)

    def _current(self) -> tuple[str, bytes]:
        with self._lock:
            if not self._keys:
                self._load()
            if not self._keys:
                self._make(1)
            name = max(self._keys, key=int)
            return name, self._keys[name]

    def _key(self, name: str) -> bytes:
        with self._lock:
            if name not in self._keys:
                self._load()
            if name not in self._keys:
                raise SecretError(
                    f"the key {name!r} of sealed values is gone", remedy="restore the database it was in"
                )
            return self._keys[name]

    def _newest(self) -> int:
        self._load()
        return max(map(int, self._keys), default=0)

    def _load(self) -> None:
        for name in self._box.own():
            if name not in self._keys:
                self._keys[name] = base64.b64decode(self._box.get(name, OWN) or "")

    def _make(self, number: int) -> None:
        fresh = base64.b64encode(envelope.new_key()).decode()
        self._box.add(str(number), fresh, OWN)
        self._load()


def _bound(execution: str) -> bytes:
    return json.dumps(["workflow/sealed/1", execution]).encode()
