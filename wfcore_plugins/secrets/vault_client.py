"""The part of Vault's HTTP API that reading secrets takes (developer.hashicorp.com/vault/api-docs)."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wfcore.api import Forbidden, Guard, InvalidConfig, Response, RetryableError, Unavailable, WorkflowError

TOKEN_VARIABLE: Final = "VAULT_TOKEN"  # noqa: S105  (a name)
_MOST: Final = 4 * 2**20
#: A token that has a lease is replaced when this part of it is over.
_RENEW: Final = 0.7


@dataclass(frozen=True, slots=True)
class Login:
    """How a token is had: from a file, from VAULT_TOKEN, or for a role's id and secret id."""

    token_file: Path | None
    role: str
    secret_file: Path | None
    mount: str

    @classmethod
    def of(cls, config: Mapping[str, Any], data_dir: Path) -> Login:
        """As the configuration says. Raises InvalidConfig when something is missing."""
        approle = config["auth"] == "approle"
        for key in ("roleId", "secretIdFile") if approle else ():
            if key not in config:
                raise InvalidConfig(f"secrets.vault.{key} is missing", remedy="auth: approle needs it")
        files = [data_dir / config[key] if key in config else None for key in ("tokenFile", "secretIdFile")]
        return cls(files[0], config["roleId"] if approle else "", files[1], config["approleMount"])

    def token(self) -> str:
        """The token. Raises InvalidConfig."""
        text = _content(self.token_file) if self.token_file else os.environ.get(TOKEN_VARIABLE, "")
        if not text:
            raise InvalidConfig(
                "there is no token for Vault", remedy=f"set secrets.vault.tokenFile or {TOKEN_VARIABLE}"
            )
        return text

    def role_login(self) -> dict[str, str]:
        """What the login of a role takes. Raises InvalidConfig."""
        assert self.secret_file is not None
        return {"role_id": self.role, "secret_id": _content(self.secret_file)}


class Client:
    """Reads from one Vault; logs in again when its token is no longer taken."""

    def __init__(self, guard: Guard, config: Mapping[str, Any], login: Login) -> None:
        self._guard = guard
        self._config = config
        self._login = login
        self._token = ""
        self._until = 0.0
        self._lock = threading.Lock()

    def login(self) -> None:
        """Get a token and see that it is taken. Raises InvalidConfig, Forbidden, Unavailable."""
        self._fresh(self._token)
        self.look_up()

    def look_up(self) -> None:
        """Ask Vault about the token. Raises Forbidden, Unavailable."""
        self._call("GET", "auth/token/lookup-self")

    def read(self, path: str) -> Mapping[str, Any] | None:
        """What lies at a path, None when nothing does. Raises Forbidden, Unavailable."""
        answer = self._call("GET", path)
        if answer is None:
            return None
        data = answer.get("data")
        inner = data.get("data") if isinstance(data, dict) else None
        return inner if isinstance(inner, dict) else None

    def list(self, path: str) -> list[str]:
        """The keys below a path. Raises Forbidden, Unavailable."""
        data = (self._call("LIST", path) or {}).get("data")
        keys = data.get("keys") if isinstance(data, dict) else None
        return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []

    def field(self, data: Mapping[str, Any], path: str) -> str:
        """The one field that is the secret. Raises Forbidden when there is no such text."""
        name = self._config["field"]
        value = data.get(name)
        if not isinstance(value, str):
            raise Forbidden(
                f"Vault's {path} has no text in the field {name}",
                remedy="store it there, or set secrets.vault.field",
            )
        return value

    def _call(self, method: str, path: str) -> Any:
        token = self._valid()
        response = self._send(method, path, token)
        if response.status == 403:  # the token may have been revoked, or its lease be over
            fresh = self._fresh(token)
            response = self._send(method, path, fresh) if fresh != token else response
        if response.status != 404:
            return _answer(response, path)
        if told := _told(response):  # of a path that may be read and has nothing it tells nothing
            raise InvalidConfig(f"Vault has no {path}: {told}", remedy="correct secrets.vault.mount")
        return None

    def _valid(self) -> str:
        token = self._token
        return token if token and time.monotonic() < self._until else self._fresh(token)

    def _fresh(self, old: str) -> str:
        """A new token, unless another thread has got one meanwhile."""
        with self._lock:
            if self._token == old or not self._token:
                self._token, lease = self._logged_in() if self._login.role else (self._login.token(), 0.0)
                self._until = time.monotonic() + lease * _RENEW if lease else float("inf")
            return self._token

    def _logged_in(self) -> tuple[str, float]:
        path = f"auth/{self._login.mount}/login"
        answer = _answer(self._send("POST", path, "", self._login.role_login()), path)
        auth = answer.get("auth") if isinstance(answer, dict) else None
        token = auth.get("client_token") if isinstance(auth, dict) else None
        if auth is None or not isinstance(token, str) or not token:
            raise Unavailable("Vault's login gave no token", remedy="look into the log of Vault")
        lease = auth.get("lease_duration")
        return token, float(lease) if isinstance(lease, int | float) and lease > 0 else 0.0

    def _send(self, method: str, path: str, token: str, body: Mapping[str, str] | None = None) -> Response:
        headers = {"x-vault-request": "true", **({"x-vault-token": token} if token else {})}
        if namespace := self._config.get("namespace"):
            headers["x-vault-namespace"] = namespace
        listing = method == "LIST"
        try:
            return self._guard.request(
                "GET" if listing else method,
                f"{self._config['address']}/v1/{path}{'?list=true' if listing else ''}",
                headers=headers,
                body=json.dumps(body).encode() if body else None,
                timeout=self._config["timeout"],
                max_bytes=_MOST,
                redirects=2,
                sensitive=["x-vault-token"],
            )
        except RetryableError as error:
            raise Unavailable(f"Vault does not answer: {error.message}", remedy="try again later") from None
        except Forbidden as error:
            raise InvalidConfig(
                f"Vault cannot be reached: {error.message}",
                remedy='grant its address by secrets.vault.allow, as in ["https://NAME at 10.0.0.0/8"]',
            ) from None
        except WorkflowError as error:
            raise Unavailable(f"Vault's answer cannot be read: {error.message}") from None


def _answer(response: Response, path: str) -> Any:
    """The JSON of an answer. Raises Forbidden, Unavailable."""
    value = _json(response)
    if response.status == 200 and isinstance(value, dict):
        return value
    told = _told(response) or "no reason given"
    if response.status in (400, 403):
        raise Forbidden(
            f"Vault refuses {path}: {told}", remedy="see the policy of the token or the role in Vault"
        )
    raise Unavailable(f"Vault answers {response.status} to {path}: {told}", remedy="see whether it is sealed")


def _told(response: Response) -> str:
    """The errors of an answer, in one line."""
    value = _json(response)
    said = value.get("errors") if isinstance(value, dict) else None
    return " ".join("; ".join(map(str, said)).split())[:200] if isinstance(said, list) else ""


def _json(response: Response) -> Any:
    try:
        return json.loads(response.body)
    except ValueError:
        return None


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}",
            remedy="correct secrets.vault, or the permissions of the file",
        ) from None
