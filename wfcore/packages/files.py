"""The files of one call: a small virtual directory in memory, gone when the call ends."""

from __future__ import annotations

import re
from typing import Final

from wfcore.errors import TerminalError
from wfcore.packages.handles import denied
from wfcore.packages.permissions import Permissions, path_allowed

#: Bytes of all files of a call together, and how many there may be.
MAX_BYTES: Final = 32 * 1024 * 1024
MAX_FILES: Final = 1000
_PATH: Final = re.compile(r"(?!.*/\.{0,2}(/|$))(?:/[^/\x00-\x1f\x7f]{1,255}){1,32}")


class Files:
    """``read`` and ``write`` of the permissions say which paths there are."""

    def __init__(self, permissions: Permissions) -> None:
        self._read = permissions.read
        self._write = permissions.write
        self._content: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        """The content of a file. Raises TerminalError (``permission``, ``not_found``)."""
        _expect_path(path)
        if not path_allowed(self._read, path):
            raise denied(f"it may not read the file {path}")
        content = self._content.get(path)
        if content is None:
            raise TerminalError(f"there is no file {path}", kind="not_found")
        return content

    def write(self, path: str, content: bytes) -> None:
        """Write a file, over what is there. Raises TerminalError (``permission``, ``files``)."""
        _expect_path(path)
        if not path_allowed(self._write, path):
            raise denied(f"it may not write the file {path}")
        others = {name: held for name, held in self._content.items() if name != path}
        if len(others) >= MAX_FILES or sum(map(len, others.values())) + len(content) > MAX_BYTES:
            limits = f"at most {MAX_FILES} files with {MAX_BYTES} bytes together"
            raise TerminalError(f"there is no room for the file {path}: {limits}", kind="files")
        self._content[path] = content

    def list(self, path: str) -> list[str]:
        """The paths below a directory that may be read, sorted."""
        below = path if path.endswith("/") else f"{path}/"
        return sorted(
            name for name in self._content if name.startswith(below) and path_allowed(self._read, name)
        )


def _expect_path(path: str) -> None:
    if not _PATH.fullmatch(path):
        raise TerminalError(f"{path[:200]!r} is no absolute path of a file", kind="invalid_input")
