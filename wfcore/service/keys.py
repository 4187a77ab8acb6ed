"""Where this installation has its master keys."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from wfcore.config import Config
from wfcore.errors import SecretError
from wfcore.secrets.master import BESIDE, KeyFile, MasterKeys, source_of

_SERVICE: Final = "workflow"
_USER: Final = "@master-key"


@dataclass(frozen=True, slots=True)
class KeyringKeys:
    """Master keys in the keyring of whoever runs the server."""

    name: str = "the keyring"
    writable: bool = True

    def read(self) -> str | None:
        """See ``KeySource``."""
        import keyring
        from keyring.errors import KeyringError

        try:
            return keyring.get_password(_SERVICE, _USER)
        except KeyringError as error:
            raise _closed(error) from None

    def write(self, text: str) -> None:
        """See ``KeySource``."""
        import keyring
        from keyring.errors import KeyringError

        try:
            keyring.set_password(_SERVICE, _USER, text)
        except KeyringError as error:
            raise _closed(error) from None


def master_keys(config: Config) -> MasterKeys:
    """The master keys that the environment or ``secrets.masterKeyPlace`` name, else those beside the data."""
    ring = KeyringKeys() if config["secrets"]["masterKeyPlace"] == "keyring" else None
    source = source_of(config.data_dir, ring, os.environ)
    return MasterKeys(source, beside=source == KeyFile(config.data_dir / BESIDE))


def _closed(error: Exception) -> SecretError:
    reason = str(error) or type(error).__name__
    return SecretError(
        f"the keyring with the master key cannot be used: {reason}",
        remedy="unlock it, or set secrets.masterKeyPlace to auto and give the key by a file",
    )
