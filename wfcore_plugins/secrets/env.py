"""Secrets from the environment of the server: ``WORKFLOW_SECRET__NAME``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from wfcore.api import Stateless

PREFIX: Final = "WORKFLOW_SECRET__"


class EnvironmentSecrets(Stateless):
    """Reads each secret when it is asked for; names are those of the variables without the prefix."""

    def get(self, name: str, scope: str = "") -> str | None:
        """The value of ``WORKFLOW_SECRET__NAME``; an empty one is a secret too. They are everybody's."""
        return None if scope else os.environ.get(PREFIX + name)

    def names(self, scope: str = "") -> Iterator[str]:
        """The names that are set, sorted."""
        if scope:
            return iter(())
        return iter(sorted(name.removeprefix(PREFIX) for name in os.environ if name.startswith(PREFIX)))
