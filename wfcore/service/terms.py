"""The terms of this server: settings that change what a workflow may do, or what becomes of it."""

from __future__ import annotations

from typing import Final

from wfcore.config import Config
from wfcore.model import terms
from wfcore.secrets.master import MasterKeys
from wfcore.service.auth import ADMIN_FILE, read_token

#: Of every server.
_ALL: Final = (
    "execution.maxConcurrentWorkflows", "execution.limits", "execution.retention", "secrets.providers",
    "plugins.signatures", "plugins.keys",
)  # fmt: skip
#: Of those that run tasks.
_OF_TASKS: Final = ("egress.default", "egress.allow", "expressions.env", "connections")


def of(config: Config, masters: MasterKeys) -> str:
    """As ``model.terms`` writes them.

    Raises SecretError for master keys that cannot be read, Forbidden for an ``admin.token`` that cannot.
    """
    names = _ALL if config["server"]["role"] == "api" else (*_ALL, *_OF_TASKS)
    found = {name: _setting(config, name) for name in names}
    if "local" in config["secrets"]["providers"]:
        found["secrets.masterKey"] = None if masters.missing() else masters.current()[0]
    token = None if config["server"]["role"] == "worker" else read_token(config.data_dir)
    if token is not None:  # from which the tokens of webhooks follow
        found[ADMIN_FILE] = token
    return terms.written(found)


def _setting(config: Config, name: str) -> object:
    value: object = config.tree
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
