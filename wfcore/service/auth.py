"""Bearer tokens: the administrator's is made at the first start and lies in the data directory."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Final

from wfcore.errors import Forbidden

ADMIN_FILE: Final = "admin.token"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,128}")


def admin_token(data_dir: Path) -> str:
    """The administrator's token, made now if there is none. Raises Forbidden as ``read_token`` does."""
    token = read_token(data_dir)
    if token is None:
        _write(data_dir / ADMIN_FILE, f"wf_{secrets.token_urlsafe(32)}")
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
    """The tokens that the server accepts; only their digests are kept in memory."""

    __slots__ = ("_digest",)

    def __init__(self, token: str) -> None:
        self._digest = hashlib.sha256(token.encode()).digest()

    def accept(self, authorization: str | None) -> bool:
        """Whether the value of an Authorization header (RFC 6750) carries a valid token; in constant time."""
        given = _bearer(authorization)
        return given is not None and hmac.compare_digest(hashlib.sha256(given).digest(), self._digest)

    def hook(self, namespace: str, id: str) -> str:
        """A workflow's own token, good for its webhooks alone.

        It follows from the administrator's, so it needs no storage and changes with that.
        """
        mac = hmac.digest(self._digest, f"hook\0{namespace}/{id}".encode(), "sha256")
        return f"wh_{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    def accept_hook(self, authorization: str | None, namespace: str, id: str) -> bool:
        """Whether the header carries a token that may call this workflow's webhooks; in constant time."""
        given = _bearer(authorization)
        own = given is not None and hmac.compare_digest(given, self.hook(namespace, id).encode())
        return own or self.accept(authorization)


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
