"""``workflow secret``: stored, listed without values, deleted, encrypted anew."""

from __future__ import annotations

import sys
from typing import Any

from wfcore.cli.output import Answer, Line, Styled, table
from wfcore.cli.session import Session

_STYLES = {"created": "green", "updated": "yellow", "deleted": "red"}
#: More than any secret has (bytes).
_MOST = 256 * 1024


def set_secret(session: Session, name: str, *, scope: str | None = None) -> Answer:
    """Store a secret, encrypted; its value comes from standard input.

    On a terminal it is asked for. One line break at the end of standard input is not part of it. It is
    never an argument, for those can be read by everybody on the machine, and it is never shown again.

    Args:
        name (NAME): What workflows call it, as in secrets.NAME.
        scope (SCOPE): Only for a namespace, or for a workflow, NAMESPACE/ID; for all workflows without it.
    """
    from wfcore.cli.vault import keeper
    from wfcore.service.secrets import expect_name, expect_scope

    expect_name(name)
    expect_scope(scope or "")
    value = _value(session, name)
    with keeper(session) as secrets:
        done = secrets.set(name, value, scope or "")
    return Answer(done, [_changed(done)])


def list_secrets(session: Session) -> Answer:
    """List the secrets with their scopes and providers; values are never shown.

    Asks the server that is named or that runs on this machine; without one it reads the data directory.
    """
    from wfcore.cli.text import moment
    from wfcore.cli.vault import keeper

    with keeper(session) as secrets:
        found = secrets.list()
    rows = [
        (one["name"], one["scope"] or "all", one["provider"], moment(one["updated_at"], "")) for one in found
    ]
    return Answer({"secrets": found}, table(("NAME", "SCOPE", "PROVIDER", "CHANGED"), rows))


def delete(session: Session, name: str, *, scope: str | None = None) -> Answer:
    """Delete a secret. Tasks that need it fail from now on.

    Args:
        name (NAME): The secret.
        scope (SCOPE): The namespace or the workflow, NAMESPACE/ID, that it was stored for.
    """
    from wfcore.cli.vault import keeper
    from wfcore.service.secrets import expect_name, expect_scope

    expect_name(name)
    expect_scope(scope or "")
    with keeper(session) as secrets:
        done = secrets.delete(name, scope or "")
    return Answer(done, [_changed(done)])


def rotate(session: Session, *, new_key: bool = False) -> Answer:
    """Encrypt everything anew, while the server goes on.

    If it is interrupted, call it again: nothing is lost. Every secret gets a new key of its own, under the
    first master key of the key file; keys that nothing needs any more are taken out of the file, if it can
    be written.

    Args:
        new_key: Put a new master key into the key file first.
    """
    from wfcore.cli.vault import keeper

    with keeper(session) as secrets:
        done = secrets.rotate(new_key=new_key)
    lines: list[Line] = [[Styled("rotated", "green"), f"  {done['renewed']} under the key {done['key']}"]]
    if done["retired"]:
        lines.append(f"  {done['retired']} former keys are gone from the key file")
    if done["left"]:
        lines.append(f"  nothing needs the {done['left']} other keys any more: take them out of their place")
    return Answer(done, lines)


def _changed(done: dict[str, Any]) -> Line:
    where = f" in {done['scope']}" if done["scope"] else ""
    word = Styled(done["result"], _STYLES[done["result"]])
    return [word, f"  {done['name']}{where}  ({done['provider']})"]


def _value(session: Session, name: str) -> str:
    from wfcore.errors import UsageError

    if sys.stdin.isatty():
        return _asked(session, name)
    content = sys.stdin.buffer.read(_MOST)
    try:
        value = content.decode()
    except UnicodeDecodeError:
        raise UsageError("the value is not UTF-8 text", remedy="store bytes as base64") from None
    return value.removesuffix("\n").removesuffix("\r")


def _asked(session: Session, name: str) -> str:
    import getpass

    from wfcore.errors import UsageError

    session.out.flush()
    value = getpass.getpass(f"Value of {name} (not shown): ")
    if getpass.getpass("Once more: ") != value:
        raise UsageError("the two values differ", remedy="nothing was stored; try again")
    return value
