"""Bearer tokens: the administrator's lies in the data directory, of all others only digests are kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wfcore.errors import Forbidden
from wfcore.model.actor import ROLES, Actor

if TYPE_CHECKING:
    from wfcore.model.records import TokenRecord

ADMIN_FILE: Final = "admin.token"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,128}")
_ADMIN: Final = Actor("admin", "admin")


def make_token() -> str:
    """A new token: 256 bits of chance."""
    return f"wf_{secrets.token_urlsafe(32)}"


def digest_of(token: str) -> str:
    """What is kept of a token. It has so much chance in it that a slow hash would gain nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def admin_token(data_dir: Path) -> str:
    """The administrator's token, made now if there is none. Raises Forbidden as ``read_token`` does."""
    token = read_token(data_dir)
    if token is None:
        _write(data_dir / ADMIN_FILE, make_token())
        token = read_token(data_dir)
    assert token is not None
    return token


def read_token(data_dir: Path) -> str | None:
    """The administrator's token of a data directory, None when there is none.

    Raises Forbidden when the file is open to other users, cannot be read or does not hold a token.
    """
    file = data_dir / ADMIN_FILE
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            text = opened.read(256).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Forbidden(
            f"{file} cannot be read: {error.strerror}", remedy="run as the server's user"
        ) from error
    renew = "remove it and restart the server, which makes a new one"
    if mode & 0o077:
        raise Forbidden(f"{file} can be read by other users", remedy=renew)
    if not _TOKEN.fullmatch(text):
        raise Forbidden(f"{file} does not hold a token", remedy=renew)
    return text


class Tokens:
    """The tokens that the server accepts; only digests are kept in memory.

    ``stored`` finds the record of a digest, ``now`` is the time in UTC microseconds.
    """

    __slots__ = ("_digest", "_now", "_stored")

    def __init__(
        self, admin: str, stored: Callable[[str], TokenRecord | None], now: Callable[[], int]
    ) -> None:
        self._digest = hashlib.sha256(admin.encode()).digest()
        self._stored = stored
        self._now = now

    def identify(self, authorization: str | None, remote: str = "") -> Actor | None:
        """Who sends this value of an Authorization header (RFC 6750); None without a valid token.

        Digests are compared in constant time. A token that was revoked is unknown from then on, on every
        server, since the storage is asked each time.
        """
        given = _bearer(authorization)
        if given is None:
            return None
        digest = hashlib.sha256(given)
        if hmac.compare_digest(digest.digest(), self._digest):
            return replace(_ADMIN, remote=remote)
        if not _TOKEN.fullmatch(given.decode("utf-8", "replace")):
            return None
        record = self._stored(digest.hexdigest())
        if record is None or not hmac.compare_digest(record.digest, digest.hexdigest()):
            return None
        if record.expires_at is not None and record.expires_at <= self._now():
            return None
        return _actor(record, remote)

    def hook(self, namespace: str, id: str) -> str:
        """A workflow's own token, good for its webhooks alone.

        It follows from the administrator's, so it needs no storage and changes with that.
        """
        mac = hmac.digest(self._digest, f"hook\0{namespace}/{id}".encode(), "sha256")
        return f"wh_{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    def accept_hook(self, authorization: str | None, namespace: str, id: str) -> bool:
        """Whether the header carries a token that may call this workflow's webhooks; in constant time."""
        given = _bearer(authorization)
        if given is not None and hmac.compare_digest(given, self.hook(namespace, id).encode()):
            return True
        actor = self.identify(authorization)
        return actor is not None and actor.has("operator") and actor.sees(namespace)


def _actor(record: TokenRecord, remote: str) -> Actor | None:
    """Who a token speaks for; None when its role is one that this release does not know."""
    role = next((role for role in ROLES if role == record.role), None)
    return None if role is None else Actor(f"token/{record.name}", role, record.namespaces, remote)


def _bearer(authorization: str | None) -> bytes | None:
    if not authorization or authorization[:7].lower() != "bearer ":
        return None
    return authorization[7:].strip().encode("utf-8", "replace")


def _write(file: Path, text: str) -> None:
    """Durably and at once: a reader sees no file or the whole of it (mkstemp makes it 0600)."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f"{ADMIN_FILE}.")
    with os.fdopen(handle, "w") as opened:
        opened.write(text + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    Path(name).replace(file)
