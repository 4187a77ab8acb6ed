"""A keyring as a desktop has one, in a file: what `keyring` asks of a backend, and nothing else."""

import json
import os
import time
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class FileKeyring(KeyringBackend):
    priority = 1

    def __init__(self):
        super().__init__()
        self._file = Path(os.environ["TEST_KEYRING_FILE"])

    def _all(self):
        if os.environ.get("TEST_KEYRING_LOCKED"):
            time.sleep(60)  # it waits for somebody to unlock it
        return json.loads(self._file.read_text()) if self._file.exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{service} {username}")

    def set_password(self, service, username, password):
        self._file.write_text(json.dumps({**self._all(), f"{service} {username}": password}))

    def delete_password(self, service, username):
        kept = self._all()
        if kept.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("it is not there")
        self._file.write_text(json.dumps(kept))
