"""The master keys: where they come from, and how one takes the place of another."""

from __future__ import annotations

import base64
import binascii
import logging
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from wfcore.errors import Conflict, SecretError
from wfcore.secrets.envelope import KEY_BYTES, key_id, new_key

FILE_VARIABLE: Final = "WORKFLOW_SECRET_KEY_FILE"
VARIABLE: Final = "WORKFLOW_SECRET_KEY"
#: The name of the credential that systemd may hand over, and of the file beside the data.
CREDENTIAL: Final = "workflow-secret-key"
BESIDE: Final = "secret.key"
_REMEDY: Final = "give one line of `openssl rand -base64 32` for each key, the one in use first"
log = logging.getLogger("workflow.secrets")


class KeySource(Protocol):
    """A place that holds master keys as lines of base64, the one in use first."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def writable(self) -> bool:
        """Whether a new key can be put there."""

    def read(self) -> str | None:
        """The lines, None when there are none. Raises SecretError."""

    def write(self, text: str) -> None:
        """Replace the lines, durably and at once."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file that its owner alone may read. ``guarded`` says that somebody else sees to that."""

    path: Path
    guarded: bool = False

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @property
    def writable(self) -> bool:
        """Whether a new key can be put there."""
        return not self.guarded and os.access(self.path.parent, os.W_OK)

    def read(self) -> str | None:
        """See ``KeySource``."""
        try:
            with self.path.open(encoding="ascii", errors="replace") as opened:
                mode = os.fstat(opened.fileno()).st_mode
                text = opened.read(64 * 1024)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretError(
                f"the master key {self.path} cannot be read: {error.strerror}", remedy="run as its owner"
            ) from None
        if mode & 0o077 and not self.guarded:
            raise SecretError(
                f"the master key {self.path} can be read by other users", remedy=f"chmod 600 {self.path}"
            )
        return text

    def write(self, text: str) -> None:
        """See ``KeySource``: a reader sees the former lines or the new ones (mkstemp makes it 0600)."""
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f"{self.path.name}.")
        with os.fdopen(handle, "w") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        Path(name).replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


@dataclass(frozen=True, slots=True)
class KeyVariable:
    """An environment variable; several keys are joined by commas."""

    variable: str
    writable: bool = False

    @property
    def name(self) -> str:
        """The variable's name."""
        return self.variable

    def read(self) -> str | None:
        """See ``KeySource``."""
        text = os.environ.get(self.variable)
        return text.replace(",", "\n") if text else None

    def write(self, text: str) -> None:
        """Nobody can."""
        raise AssertionError(text and self.variable)


def source_of(data_dir: Path, keyring: KeySource | None, environment: Mapping[str, str]) -> KeySource:
    """The first place that is named: file, variable, systemd's credential, keyring, else beside the data."""
    if file := environment.get(FILE_VARIABLE):
        return KeyFile(Path(file))
    if environment.get(VARIABLE):
        return KeyVariable(VARIABLE)
    if directory := environment.get("CREDENTIALS_DIRECTORY"):
        credential = Path(directory) / CREDENTIAL
        if credential.exists():
            return KeyFile(credential, guarded=True)
    return keyring or KeyFile(data_dir / BESIDE)


class MasterKeys:
    """The keys of one source. ``beside`` says that they lie where the ciphertexts do."""

    def __init__(self, source: KeySource, *, beside: bool = False) -> None:
        self.source = source
        self.beside = beside
        self._keys: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._warned = False

    def current(self) -> tuple[str, bytes]:
        """The key in use with its id; made now where it may be. Raises SecretError."""
        with self._lock:
            if not self._keys:
                self._read()
            if not self._keys:
                self._make()
            self._warn()
            return next(iter(self._keys.items()))

    def get(self, id: str) -> bytes:
        """The key of that id; looked for anew when it is not known. Raises SecretError."""
        with self._lock:
            if id not in self._keys:
                self._read()
            self._warn()
            if id not in self._keys:
                raise SecretError(
                    f"the master key {id} is not in {self.source.name}",
                    remedy="give the server the key with which the secrets were stored",
                )
            return self._keys[id]

    def missing(self) -> bool:
        """Whether there is no key yet. Raises SecretError."""
        with self._lock:
            if not self._keys:
                self._read()
            return not self._keys

    def renew(self) -> str:
        """Put a new key before the others and give its id. Raises Conflict where that cannot be done."""
        if not self.source.writable:
            raise Conflict(
                f"a new master key cannot be written to {self.source.name}",
                remedy="put it there yourself, before the old one, restart, and rotate without --new-key",
            )
        self.current()
        with self._lock:
            self._read()
            key = new_key()
            self._keys = {key_id(key): key, **self._keys}
            self.source.write(_lines([*self._keys.values()]))
            return key_id(key)

    def retire(self) -> int:
        """Forget all keys but the one in use, where they can be written; how many went."""
        with self._lock:
            self._read()
            gone = len(self._keys) - 1
            if gone <= 0 or not self.source.writable:
                return 0
            id, key = next(iter(self._keys.items()))
            self.source.write(_lines([key]))
            self._keys = {id: key}
            return gone

    def spare(self) -> int:
        """How many keys there are beside the one in use."""
        with self._lock:
            return max(0, len(self._keys) - 1)

    def _read(self) -> None:
        text = self.source.read()
        self._keys = {} if text is None else {key_id(key): key for key in _parsed(text, self.source.name)}

    def _make(self) -> None:
        if not self.source.writable:
            raise SecretError(f"there is no master key in {self.source.name}", remedy=_REMEDY)
        key = new_key()
        self.source.write(_lines([key]))
        self._keys = {key_id(key): key}

    def _warn(self) -> None:
        if self.beside and not self._warned:
            self._warned = True
            log.warning(
                "THE MASTER KEY OF THE SECRETS LIES BESIDE THEM, in %s: whoever copies the data directory has"
                " all secrets. Move it elsewhere and name its place by %s.",
                self.source.name, FILE_VARIABLE,
            )  # fmt: skip


def _lines(keys: Sequence[bytes]) -> str:
    return "".join(f"{base64.b64encode(key).decode()}\n" for key in keys)


def _parsed(text: str, name: str) -> list[bytes]:
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        if not (entry := line.strip()) or entry.startswith("#"):
            continue
        try:
            key = base64.b64decode(entry, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise SecretError(f"{name}: line {number} is no key of {KEY_BYTES} bytes", remedy=_REMEDY)
        keys.append(key)
    if not keys:
        raise SecretError(f"{name}: there is no key in it", remedy=_REMEDY)
    return keys
