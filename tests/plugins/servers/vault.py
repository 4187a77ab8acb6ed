"""HashiCorp Vault: tokens, AppRole and the KV store of version 2, as its HTTP API answers them."""

from __future__ import annotations

import itertools
import json
import ssl
from typing import Any
from urllib.parse import unquote

from .web import Answer, Request, Server

DENIED = Answer(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
NOTHING = Answer(404, {"errors": []})


class VaultServer(Server):
    """A Vault with one KV mount. ``kv`` are the secrets by path, ``policies`` the prefixes a token may read.

    ``leases`` are the seconds that tokens of roles live; a path in ``deleted`` has no current version.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.mount = "secret"
        self.namespace = ""
        self.kv: dict[str, dict[str, Any]] = {}
        self.deleted: set[str] = set()
        self.policies: dict[str, tuple[str, ...]] = {"hvs.root": ("",)}
        self.roles = {"role-1": "secret-id-1"}
        self.lease = 3600
        self.sealed = False
        self.logins = 0
        self._numbers = itertools.count(1)

    def answer(self, request: Request) -> Answer:
        path = unquote(request.path)
        if self.sealed:
            return Answer(503, {"errors": ["Vault is sealed"]})
        if request.headers.get("x-vault-namespace", "") != self.namespace:
            return DENIED
        if path == "/v1/auth/approle/login":
            return self._login(request)
        token = request.headers.get("x-vault-token", "")
        if token not in self.policies:
            return DENIED
        if path == "/v1/auth/token/lookup-self":
            return self._wrapped({"id": token, "policies": ["default"], "ttl": self.lease})
        kind, _, rest = path.removeprefix(f"/v1/{self.mount}/").partition("/")
        if not path.startswith(f"/v1/{self.mount}/") or kind not in ("data", "metadata"):
            route = path.removeprefix("/v1/")
            return Answer(404, {"errors": [f'no handler for route "{route}". route entry not found.']})
        if not any(rest.startswith(prefix) for prefix in self.policies[token]):
            return DENIED
        return self._list(rest) if kind == "metadata" else self._read(rest)

    def _login(self, request: Request) -> Answer:
        try:
            said = request.json()
        except ValueError:
            return Answer(400, {"errors": ["failed to parse JSON input"]})
        if request.method not in ("POST", "PUT"):
            return Answer(405, {"errors": ["unsupported operation"]})
        if self.roles.get(said.get("role_id")) != said.get("secret_id"):
            return Answer(400, {"errors": ["invalid role or secret ID"]})
        self.logins += 1
        token = f"hvs.role-{next(self._numbers)}"
        self.policies[token] = ("workflow/",)
        auth = {
            "client_token": token,
            "policies": ["default"],
            "lease_duration": self.lease,
            "renewable": True,
        }
        return Answer(200, {"request_id": "1", "data": None, "auth": auth})

    def _read(self, path: str) -> Answer:
        metadata = {
            "created_time": "2026-01-01T00:00:00Z",
            "deletion_time": "",
            "destroyed": False,
            "version": 1,
        }
        if path in self.deleted:
            gone = {"data": None, "metadata": {**metadata, "deletion_time": "2026-01-02T00:00:00Z"}}
            return Answer(404, self._wrapped(gone).body)
        if path not in self.kv:
            return NOTHING
        return self._wrapped({"data": self.kv[path], "metadata": metadata})

    def _list(self, path: str) -> Answer:
        prefix = path.rstrip("/") + "/"
        below = [one.removeprefix(prefix) for one in self.kv if one.startswith(prefix)]
        keys = sorted({one.partition("/")[0] + ("/" if "/" in one else "") for one in below})
        return self._wrapped({"keys": keys}) if keys else NOTHING

    @staticmethod
    def _wrapped(data: Any) -> Answer:
        head = {"request_id": "1", "lease_id": "", "renewable": False, "lease_duration": 0}
        return Answer(200, json.loads(json.dumps({**head, "data": data, "auth": None})))
