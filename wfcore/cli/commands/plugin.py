"""``workflow plugin``: what is installed."""

from __future__ import annotations

from typing import Any

from wfcore.cli.output import Answer, Line, Styled, table
from wfcore.cli.session import Session

_STYLES = {"loaded": "green", "available": "dim", "broken": "red"}


def list_plugins(session: Session) -> Answer:
    """List the installed plugins and where they come from.

    Asks the server that is named or that runs on this machine; without one it shows what is installed
    here.
    """
    from wfcore.cli.client import running

    client = running(session.server, lambda: session.config.data_dir)
    found = client.get("/api/v1/plugins")["plugins"] if client else _here(session)
    rows = [
        (
            one["kind"],
            one["name"],
            Styled(one["state"], _STYLES.get(one["state"], "dim")),
            f"{one['distribution']} {one['version']}",
            one["error"] or one["entry_point"],
        )
        for one in found
    ]
    lines: list[Line] = table(("KIND", "NAME", "STATE", "FROM", "WHERE"), rows)
    return Answer({"plugins": found}, lines)


def _here(session: Session) -> list[dict[str, Any]]:
    from wfcore.engine.clock import SystemClock
    from wfcore.service.installed import Installed

    return Installed(session.config, SystemClock()).listing()
