"""What keeps the memory and the files of a process that handles secrets from other users."""

from __future__ import annotations

import os
import resource


def keep_private() -> None:
    """Files that are made from now on are their owner's alone, and a crash leaves no image of the memory."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
