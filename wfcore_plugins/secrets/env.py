"""Secrets from the environment of the server: ``WORKFLOW_SECRET__NAME``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from wfcore.api import CONTRACT, Context

PREFIX: Final = "WORKFLOW_SECRET__"


class EnvironmentSecrets:
    """Reads each secret when it is asked for; names are those of the variables without the prefix."""

    contract: ClassVar[int] = CONTRACT
    schema: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        """Nothing to set."""

    def start(self) -> None:
        """Nothing to acquire."""

    def stop(self, deadline: float) -> None:
        """Nothing to release."""

    def health(self) -> str:
        """Always well."""
        return ""

    def get(self, name: str, scope: str = "") -> str | None:
        """The value of ``WORKFLOW_SECRET__NAME``; an empty one is a secret too. They are everybody's."""
        return None if scope else os.environ.get(PREFIX + name)

    def names(self, scope: str = "") -> Iterator[str]:
        """The names that are set, sorted."""
        if scope:
            return iter(())
        return iter(sorted(name.removeprefix(PREFIX) for name in os.environ if name.startswith(PREFIX)))
