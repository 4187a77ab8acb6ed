"""What a plugin asks for, put to the person at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from wfcore.cli.output import Line, Styled
from wfcore.cli.session import Session
from wfcore.errors import Forbidden, UsageError

_STYLES = {"installed": "green", "updated": "yellow"}
_NOTHING = "it has no permissions: it computes and logs"


def granted(
    session: Session,
    package: str,
    permissions: Sequence[str],
    wanted: dict[str, Any],
    install: Callable[[dict[str, Any] | None], dict[str, Any]],
    *,
    grant: bool,
) -> dict[str, Any]:
    """Install with what has been granted: all with ``grant``, else as before or as the terminal answers.

    Raises Forbidden when nobody has granted what it asks for.
    """
    try:
        return install(wanted if grant else None)
    except Forbidden:
        if not _asked(session, package, permissions):
            raise
        return install(wanted)


def told(done: dict[str, Any]) -> list[Line]:
    """What was installed, and what it may do."""
    state = Styled(done["result"], _STYLES.get(done["result"], "dim"))
    lines: list[Line] = [[state, f"  {done['name']} {done['version']}  {done['digest'][:12]}"]]
    lines += [[Styled(f"  warning: {text}", "yellow")] for text in done["warnings"]]
    return lines + ([f"  it {words}" for words in done["permissions"]] or [f"  {_NOTHING}"])


def pairs(given: Sequence[str]) -> dict[str, str]:
    """Slots and the names of their secrets. Raises UsageError."""
    found = {}
    for text in given:
        slot, equals, name = text.partition("=")
        if not (slot and equals and name):
            raise UsageError(
                f"--secret {text!r} is not SLOT=NAME", remedy="write for example --secret TOKEN=my-token"
            )
        found[slot] = name
    return found


def _asked(session: Session, package: str, permissions: Sequence[str]) -> bool:
    """Show what a package may do and ask; False without a terminal, or when the answer is not yes."""
    out = session.out
    if out.json or not out.terminal or not sys.stdin.isatty():
        return False
    out.line(f"{package} asks for permissions:")
    for words in permissions:
        out.line(f"  it {words}")
    out.raw("Grant them? [y/N] ")
    out.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
