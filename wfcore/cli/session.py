"""What a command has at hand: its options, and the configuration, server and output that they lead to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfcore.cli.output import Output

if TYPE_CHECKING:
    from wfcore.cli.client import Client
    from wfcore.cli.tree import Group
    from wfcore.config import Config


class Session:
    """One run of one command; what it needs is made when it first asks."""

    def __init__(self, root: Group, common: Mapping[str, Any], out: Output) -> None:
        self.root = root
        self.out = out
        self._common = common

    @cached_property
    def config(self) -> Config:
        """The configuration. Raises InvalidConfig."""
        return self.configured({})

    def configured(self, overrides: Mapping[str, str]) -> Config:
        """The configuration with ``overrides`` from the command's own options."""
        from wfcore.config import load

        return load(self.config_file, overrides=overrides)

    @property
    def config_file(self) -> Path | None:
        """What ``--config`` says."""
        return Path(self._common["config"]) if self._common["config"] else None

    @property
    def server(self) -> str | None:
        """What ``--server`` says."""
        server: str | None = self._common["server"]
        return server

    @cached_property
    def client(self) -> Client:
        """The server that was named, or this machine's own. Raises Unreachable."""
        from wfcore.cli.finding import find

        return find(self.server, lambda: self.config.data_dir)
