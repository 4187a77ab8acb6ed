"""Secrets in HashiCorp Vault or OpenBao: the KV store, version 2, over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlsplit

from wfcore.api import CONTRACT, Context, Guard, InvalidConfig, Unavailable, WorkflowError
from wfcore_plugins.secrets.vault_client import Client, Login

_TEXT: Final = {"type": "string", "empty": False, "maxlength": 1024}
_PATH: Final = {**_TEXT, "regex": r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*"}


class VaultSecrets:
    """``MOUNT/PREFIX/[SCOPE/]NAME``, of each the field ``secrets.vault.field``.

    Answers are kept in memory for ``secrets.vault.cache`` seconds. The address needs no ``egress.allow``:
    naming it here is the grant, and it holds for this provider alone.
    """

    contract: ClassVar[int] = CONTRACT
    schema: ClassVar[Mapping[str, Any]] = {
        "address": {**_TEXT, "required": True, "regex": r"https?://[^/?#@\s]+"},
        "allow": {"type": "list", "schema": _TEXT},
        "mount": {**_PATH, "default": "secret"},
        "prefix": {**_PATH, "default": "workflow"},
        "field": {**_TEXT, "default": "value"},
        "namespace": _PATH,
        "auth": {"type": "string", "allowed": ["token", "approle"], "default": "token"},
        "tokenFile": _TEXT,
        "roleId": _TEXT,
        "secretIdFile": _TEXT,
        "approleMount": {**_PATH, "default": "approle"},
        "caFile": _TEXT,
        "cache": {"type": "number", "min": 0, "max": 3600, "default": 30},
        "timeout": {"type": "number", "min": 0.1, "max": 60, "default": 5},
    }

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._config = config
        allow = config.get("allow") or [config["address"]]
        self._logger = context.logger
        self._guard = Guard(allow, default="none", ca_file=config.get("caFile"))
        login = Login.of(config, context.data_dir)
        self._client = Client(self._guard, config, login)
        self._answers: dict[str, tuple[float, str | None]] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Log in. Raises InvalidConfig and Forbidden for credentials that are not there or not taken.

        A Vault that does not answer may do so later; until then tasks that need it are tried again.
        """
        if urlsplit(self._config["address"]).hostname is None:
            raise InvalidConfig("secrets.vault.address names no host", remedy="write https://HOST:PORT")
        try:
            self._client.login()
        except Unavailable as error:
            self._logger.warning("%s", error.message)

    def stop(self, deadline: float) -> None:
        """Close the connections and forget the answers."""
        self._answers.clear()
        self._guard.close()

    def health(self) -> str:
        """Empty when it is reachable, unsealed and takes the credentials."""
        try:
            self._client.look_up()
        except WorkflowError as error:
            return error.message
        return ""

    def get(self, name: str, scope: str = "") -> str | None:
        """The value. Raises Unavailable when Vault does not answer, Forbidden when it refuses."""
        if not name or "/" in name or len(name) > 256:
            return None
        path, now = self._path(name, scope), time.monotonic()
        with self._lock:
            until, value = self._answers.get(path, (0.0, None))
        if now < until:
            return value
        data = self._client.read(f"{self._config['mount']}/data/{path}")
        value = None if data is None else self._client.field(data, path)
        with self._lock:
            self._answers[path] = (now + self._config["cache"], value)
        return value

    def names(self, scope: str = "") -> Iterator[str]:
        """The names of a scope, sorted."""
        keys = self._client.list(f"{self._config['mount']}/metadata/{self._path('', scope)}")
        return iter(sorted(key for key in keys if not key.endswith("/")))

    def _path(self, name: str, scope: str) -> str:
        parts = [self._config["prefix"], *([scope] if scope else []), quote(name, safe="")]
        return "/".join(parts)
