"""``workflow plugin``: what is installed, and what can be installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wfcore.cli.output import Answer, Line, Styled, table
from wfcore.cli.session import Session

_STYLES = {
    "loaded": "green", "available": "dim", "broken": "red", "revoked": "red",
    "current": "green", "kept": "dim",
}  # fmt: skip
_NOTHING = "it has no permissions: it computes and logs"


def list_plugins(session: Session) -> Answer:
    """List the installed plugins: packages, and drivers with where they come from.

    Asks the server that is named or that runs on this machine; without one it shows what is installed
    here.
    """
    from wfcore.cli.finding import running

    client = running(session.server, lambda: session.config.data_dir)
    if client:
        packages = client.get("/api/v1/packages")["packages"]
        drivers = client.get("/api/v1/plugins")["plugins"]
    else:
        packages, drivers = _here(session)
    lines: list[Line] = []
    if packages:
        lines += [*table(("PACKAGE", "VERSION", "STATE", "DIGEST", "PERMISSIONS"), map(_row, packages)), ""]
    rows = [
        (
            one["kind"],
            one["name"],
            _state(one["state"]),
            f"{one['distribution']} {one['version']}",
            one["error"] or one["entry_point"],
        )
        for one in drivers
    ]
    lines += table(("KIND", "NAME", "STATE", "FROM", "WHERE"), rows)
    return Answer({"packages": packages, "plugins": drivers}, lines)


def info(session: Session, name: str) -> Answer:
    """Show an installed package: actions, permissions, versions, and who uses it.

    Args:
        name (NAME): The package, such as community/slack.
    """
    found = _described(session, name)
    origin: dict[str, str] = found["origin"]
    lines: list[Line] = [
        [Styled(found["name"], "bold"), f" {found['version']}  ", _state(found["state"])],
        *([found["description"]] if found["description"] else []),
        *([f"from {origin['source']}"] if origin.get("source") else []),
        *([f"signed by {origin['key']}"] if origin.get("key") else []),
        *([Styled(found["error"], "red")] if found["error"] else []),
        "",
        *table(("ACTION", "DESCRIPTION"), [(one["type"], one["description"]) for one in found["actions"]]),
        "",
        *([f"it {words}" for words in found["permissions"]] or [_NOTHING]),
        *(f"not granted: it {words}" for words in found["refused"]),
        *(f"secret {slot}: {stored}" for slot, stored in found["secrets"].items()),
        "",
        *table(("VERSION", "DIGEST"), [(one["version"], one["digest"][:12]) for one in found["versions"]]),
        *(["", f"used by {', '.join(found['used_by'])}"] if found["used_by"] else []),
    ]
    return Answer(found, lines)


def remove(session: Session, name: str, *, only: str | None = None, force: bool = False) -> Answer:
    """Remove an installed package.

    It is refused while an enabled workflow or an open execution uses it.

    Args:
        name (NAME): The package, such as community/slack.
        only (VERSION): Only this version, and not all that are installed.
        force: Remove it all the same; tasks that need it will fail.
    """
    from wfcore.cli.packages import keeper

    found = _described(session, name)
    with keeper(session) as packages:
        gone = packages.remove(found["name"], only, force=force)
    return Answer({"packages": gone}, [f"removed  {one['name']} {one['version']}" for one in gone])


def _described(session: Session, name: str) -> dict[str, Any]:
    from wfcore.cli.packages import name_of, reader
    from wfcore.errors import NotFound

    name_of(name)
    with reader(session) as packages:
        if packages is None:
            raise NotFound(f"the package {name} is not installed", remedy="nothing is installed here yet")
        return packages.describe(name)


def _row(one: Mapping[str, Any]) -> tuple[str, str, Styled, str, str]:
    may = one["error"] or "; ".join(words.removeprefix("may ") for words in one["permissions"]) or "none"
    return one["name"], one["version"], _state(one["state"]), one["digest"][:12], may


def _state(word: str) -> Styled:
    return Styled(word, _STYLES.get(word, "dim"))


def _here(session: Session) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from wfcore.engine.clock import SystemClock
    from wfcore.plugins import catalog, listing
    from wfcore.service import reading

    installed = catalog.read()
    return reading.packages(installed, session.config, SystemClock()), listing.rows(installed)
