"""A provider of secrets: a JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from wfcore.api import CONTRACT, Context, PluginError


class AcmeSecrets:
    """``secrets.acme.file`` is a JSON object, name to value."""

    contract: ClassVar[int] = CONTRACT
    schema: ClassVar[Mapping[str, Any]] = {"file": {"type": "string", "required": True, "empty": False}}

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._file = Path(config["file"])
        self._secrets: dict[str, str] = {}

    def start(self) -> None:
        try:
            self._secrets = json.loads(self._file.read_text())
        except (OSError, ValueError) as error:
            remedy = "set secrets.acme.file to a JSON file"
            raise PluginError(f"cannot read the secrets file: {error}", remedy=remedy) from None

    def stop(self, deadline: float) -> None:
        self._secrets = {}

    def health(self) -> str:
        return "" if self._file.exists() else f"{self._file} is gone"

    def get(self, name: str, scope: str = "") -> str | None:
        return None if scope else self._secrets.get(name)

    def names(self, scope: str = "") -> Iterator[str]:
        return iter([] if scope else sorted(self._secrets))
