"""Secrets as operators see them: set, listed without their values, deleted, encrypted anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from wfcore.audit import AuditLog
from wfcore.errors import Conflict, NotFound, UsageError, WorkflowError
from wfcore.language import words
from wfcore.model.actor import LOCAL, Actor
from wfcore.model.times import rfc3339
from wfcore.model.workflow import ID_PATTERN, NAMESPACE_PATTERN, SECRET_PATTERN
from wfcore.plugins.contracts import Secrets as Provider
from wfcore.plugins.contracts import WritableSecrets
from wfcore.secrets.sealer import Sealer
from wfcore.secrets.spellings import LEAST
from wfcore.secrets.strongbox import Strongbox

Rows = list[dict[str, Any]]
#: A longer value (characters) is no secret but a file.
MOST: Final = 64 * 1024
_SCOPE: Final = re.compile(rf"{NAMESPACE_PATTERN}(/{ID_PATTERN})?")


class Secrets:
    """``providers`` are the names of the configured ones in their order, ``live`` gives a started one.

    ``nodes`` says how many servers share the storage.
    """

    def __init__(
        self,
        providers: Sequence[str],
        live: Callable[[str], Provider],
        box: Strongbox,
        sealer: Sealer,
        audit: AuditLog,
        nodes: Callable[[], int],
    ) -> None:
        self._providers = providers
        self._live = live
        self._box = box
        self._sealer = sealer
        self._audit = audit
        self._nodes = nodes

    def set(self, name: str, value: str, scope: str = "", *, by: Actor = LOCAL) -> dict[str, Any]:
        """Store a value with the first provider that takes some. Raises UsageError, Conflict, SecretError."""
        expect_name(name)
        expect_scope(scope)
        by.expect(_namespace(scope))
        if not LEAST <= len(value) <= MOST:
            raise UsageError(
                f"the value of {name} has {len(value)} characters", remedy=f"a secret has {LEAST} to {MOST}"
            )
        provider, driver = self._writable()
        with self._audit.act(by, "secret.set", _target(name, scope), {"provider": provider}):
            new = driver.put(name, value, scope)
        return {**_row(name, scope, provider), "result": "created" if new else "updated"}

    def list(self, *, by: Actor = LOCAL) -> Rows:
        """Every secret that can be listed and that ``by`` may see: name, scope, provider, times if known."""
        stored = {(one.scope, one.name): one for one in self._box.records()}
        found: Rows = []
        for provider in self._providers:
            driver = self._live(provider)
            for scope in ["", *sorted({scope for scope, _ in stored if scope})]:
                for name in _names(driver, scope):
                    record = stored.get((scope, name)) if provider == "local" else None
                    times = (record.created_at, record.updated_at) if record else (None, None)
                    found.append(_row(name, scope, provider, *times))
        found = [row for row in found if by.sees(_namespace(row["scope"]))]
        return sorted(found, key=lambda row: (row["scope"], row["name"]))

    def delete(self, name: str, scope: str = "", *, by: Actor = LOCAL) -> dict[str, Any]:
        """Forget a secret. Raises NotFound, Conflict when only a provider that cannot be changed has it."""
        expect_name(name)
        expect_scope(scope)
        by.expect(_namespace(scope))
        provider, driver = self._writable()
        with self._audit.act(by, "secret.delete", _target(name, scope), {"provider": provider}):
            if not driver.remove(name, scope):
                raise self._absent(name, scope, provider)
        return {**_row(name, scope, provider), "result": "deleted"}

    def rotate(self, *, new_key: bool = False, by: Actor = LOCAL) -> dict[str, Any]:
        """Encrypt all that is stored anew, under the master key in use or a new one.

        Raises Conflict when a new key cannot be written, or other servers would not have it; SecretError.
        """
        by.expect("")
        if new_key and self._nodes() > 1:
            raise Conflict(
                f"{self._nodes()} servers share these secrets, and a new key must reach each of them",
                remedy="put it before the old one in each server's key file, then rotate without --new-key",
            )
        # Not one transaction: a key must not be forgotten before what replaced it is durable.
        self._audit.note(by, "secret.rotate", "all", "begun", {"new_key": new_key})
        done = self._box.rotate(new_key=new_key)
        self._sealer.renew()
        counts = {"key": done.key, "renewed": done.renewed, "retired": done.retired, "left": done.left}
        self._audit.note(by, "secret.rotate", "all", "ok", counts)
        return counts

    def _absent(self, name: str, scope: str, provider: str) -> WorkflowError:
        for other in self._providers:
            if other != provider and name in _names(self._live(other), scope):
                return Conflict(f"{name} is a secret of {other}, not of ours", remedy="change it there")
        known = [row["name"] for row in self.list() if row["scope"] == scope]
        where = f" in {scope}" if scope else ""
        return NotFound(
            f"there is no secret {name}{where}{words.hint(name, known)}",
            remedy="`workflow secret list` shows what is there",
        )

    def _writable(self) -> tuple[str, WritableSecrets]:
        for provider in self._providers:
            driver = self._live(provider)
            if isinstance(driver, WritableSecrets):
                return provider, driver
        raise Conflict(
            f"none of the providers stores secrets: {', '.join(self._providers)}",
            remedy="add `local` to secrets.providers",
        )


def _namespace(scope: str) -> str:
    return scope.partition("/")[0]


def _target(name: str, scope: str) -> str:
    return f"{name} in {scope}" if scope else name


def expect_name(name: str) -> None:
    """Raise UsageError for what cannot be the name of a secret."""
    if not re.fullmatch(SECRET_PATTERN, name):
        raise UsageError(
            f"{words.quoted(name)} cannot be the name of a secret",
            remedy="write a letter or _, then letters, digits, _ and -, at most 128 in all",
        )


def expect_scope(scope: str) -> None:
    """Raise UsageError for what is no scope."""
    if scope and not _SCOPE.fullmatch(scope):
        raise UsageError(
            f"{words.quoted(scope)} is no scope of secrets",
            remedy="write a namespace or the address of a workflow, NAMESPACE/ID",
        )


def _names(driver: Provider, scope: str) -> list[str]:
    try:
        return list(driver.names(scope))
    except WorkflowError:  # a provider that may not list still gives
        return []


def _row(
    name: str, scope: str, provider: str, created: int | None = None, updated: int | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "scope": scope,
        "provider": provider,
        "created_at": rfc3339(created),
        "updated_at": rfc3339(updated),
    }
