"""``workflow config``: what is configured, and where it comes from."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from wfcore.cli.output import Answer, Styled, table
from wfcore.cli.session import Session
from wfcore.errors import NotFound

_SECRET = re.compile(r"(password|secret|token|key)$", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):\S*@|(?<=[?&]password=)[^&\s]+")


def get(session: Session, key: str) -> Answer:
    """Print the value of a setting, or the settings of a section as JSON.

    Passwords and the like are hidden.

    Args:
        key (KEY): A dotted name, such as server.port or storage.
    """
    import json

    config = session.config
    path = tuple(key.split("."))
    if path in config.settings:
        value = _masked(path[-1], config.settings[path].shown)
        return Answer({"key": key, "value": value, "origin": config.origin(key)}, [_shown(value)])
    try:
        value = _masked(path[-1], config.get(key))
    except KeyError:
        raise NotFound(f"there is no setting {key}", remedy="see `workflow config list`") from None
    return Answer(
        {"key": key, "value": value, "origin": config.origin(key)}, json.dumps(value, indent=2).splitlines()
    )


def set_value(session: Session, key: str, value: str) -> Answer:
    """Write a setting into the configuration file; its comments stay.

    It is the file that is read: that of --config or WORKFLOW_CONFIG, else the one that is found, else
    ./workflow.config.yaml, which is then created. A running server reads it when it is started again.

    Args:
        key (KEY): A dotted name, such as server.port.
        value (VALUE): The new value; a list is separated by commas or written [a, b].
    """
    from wfcore.config.edit import set_value as write
    from wfcore.config.load import FILE_NAME, locate

    asked = session.config_file or os.environ.get("WORKFLOW_CONFIG")
    file = Path(asked or locate(None, {}) or FILE_NAME)
    written = _masked(key.rpartition(".")[2], write(file, key, value))
    return Answer(
        {"key": key, "value": written, "file": str(file)}, [f"{key} = {_shown(written)}  in {file}"]
    )


def list_settings(session: Session) -> Answer:
    """List every setting with its value and where that comes from.

    Passwords and the like are hidden.
    """
    config = session.config
    found = [
        {"key": ".".join(path), "value": _masked(path[-1], setting.shown), "origin": setting.origin}
        for path, setting in config.settings.items()
    ]
    rows = [
        (
            one["key"],
            _shown(one["value"]),
            Styled(one["origin"], "dim" if one["origin"] == "default" else "green"),
        )
        for one in found
    ]
    file = str(config.file) if config.file else None
    return Answer({"file": file, "settings": found}, table(("KEY", "VALUE", "FROM"), rows))


def _shown(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(key, below) for key, below in value.items()}
    if isinstance(value, str):
        return "***" if _SECRET.search(name) else _PASSWORD.sub(_hidden, value)
    return value


def _hidden(found: re.Match[str]) -> str:
    return "***" if found[1] is None else f"{found[1]}:***@"
