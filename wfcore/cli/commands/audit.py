"""``workflow audit``: the log of who did what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfcore.cli.output import Answer, Line, Piece, Styled, table
from wfcore.cli.session import Session
from wfcore.errors import Conflict, NotFound, UsageError

if TYPE_CHECKING:
    from wfcore.cli.client import Client

_PAGE = 1000


def list_entries(
    session: Session,
    *,
    actor: str | None = None,
    action: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int = 50,
    before: str | None = None,
) -> Answer:
    """List what was done, newest first.

    Args:
        actor (NAME): Only what this one did, such as admin or token/ci.
        action (ACTION): Only this action, such as workflow.apply, or this family, such as workflow.
        since (TIME): Only what is not older, such as 2026-01-31T12:00:00Z.
        until (TIME): Only what is older.
        limit (NUMBER): How many at most, 1 to 1000.
        before (PLACE): Only what came before the end of the last page.
    """
    query: dict[str, Any] = {"actor": actor, "action": action, "since": since, "until": until}
    found = session.client.get("/api/v1/audit", limit=limit, before=before, **query)
    lines = table(("AT", "WHO", "FROM", "ACTION", "TARGET", "RESULT"), map(_row, found["entries"]))
    more = [Styled(f"older ones: --before {found['next']}", "dim")] if found["next"] else []
    return Answer(found, [*(lines if found["entries"] else ["there are no entries"]), *more])


def export(session: Session, file: str) -> Answer:
    """Write the whole log into a new file, as JSON lines; of each server in order.

    Args:
        file (FILE): The file to make; nothing may be there.
    """
    import json

    path, count = Path(file), 0
    try:
        with open(path, "x", encoding="utf-8", opener=_private) as written:
            for one in _everything(session.client):
                written.write(json.dumps(one, ensure_ascii=False) + "\n")
                count += 1
    except FileExistsError as error:
        raise Conflict(f"there is a file {path} already", remedy="name another one") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", remedy="name another file") from error
    return Answer({"file": str(path), "entries": count}, [f"exported  {count} entries to {path}"])


def verify(session: Session, *, export: str | None = None) -> Answer:
    """Check that nothing in the log was changed and nothing is missing.

    If something was, the exit code is 5. The log itself cannot tell when its end was cut off. With --export
    it is compared with what was exported before, and that file is checked too.

    Args:
        export (FILE): A file that workflow audit export has made.
    """
    found = session.client.get("/api/v1/audit/verify")
    faults = [f"{one['server']}: {fault}" for one in found["servers"] for fault in one["faults"]]
    if export is not None:
        faults += _compared(session.client, Path(export))
    lines: list[Line] = [_server(one) for one in found["servers"]] or ["there are no entries"]
    lines += [Styled(fault, "red") for fault in faults]
    return Answer({**found, "valid": not faults, "faults": faults}, lines, 5 if faults else 0)


def _row(one: dict[str, Any]) -> tuple[Piece, ...]:
    from wfcore.cli import text

    result = Styled(one["result"], "green" if one["result"] == "ok" else "red")
    return text.moment(one["at"]), one["actor"], one["remote"] or "–", one["action"], one["target"], result


def _server(one: dict[str, Any]) -> Line:
    word = Styled("broken", "red") if one["faults"] else Styled("whole", "green")
    return [word, f"  {one['server']}  entries {one['first']} to {one['last']}  digest {one['digest']}"]


def _everything(client: Client) -> Iterator[dict[str, Any]]:
    for one in client.get("/api/v1/audit/verify")["servers"]:
        after = 0
        while page := _page(client, one["server"], after, _PAGE):
            yield from page
            after = page[-1]["seq"]


def _page(client: Client, server: str, after: int, limit: int) -> list[dict[str, Any]]:
    page = client.get("/api/v1/audit/entries", server=server, after=after, limit=limit)
    entries: list[dict[str, Any]] = page["entries"]
    return entries


def _compared(client: Client, path: Path) -> Iterator[str]:
    """What is wrong with an export, and what of it the server's log does not have."""
    from wfcore.audit.chain import faults, pruned

    chains: dict[str, list[dict[str, Any]]] = {}
    for one in _read(path):
        chains.setdefault(one["server"], []).append(one)
    starts = pruned(one for chain in chains.values() for one in chain)
    for server, chain in chains.items():
        yield from (f"{path}: {server}: {fault}" for fault in faults(chain, starts))
        last = chain[-1]
        now = _page(client, server, last["seq"] - 1, 1)
        if not now or (now[0]["seq"] == last["seq"] and now[0]["digest"] != last["digest"]):
            yield f"{server}: entry {last['seq']} is not that of {path}"


def _read(path: Path) -> Iterator[dict[str, Any]]:
    import json

    from wfcore.audit.chain import FIELDS

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}", remedy="name a file of `workflow audit export`") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}", remedy="name another file") from error
    for number, line in enumerate(lines, 1):
        try:
            one = json.loads(line)
        except ValueError:
            one = None
        if not isinstance(one, dict) or set(one) != set(FIELDS) or not isinstance(one["detail"], dict):
            raise UsageError(
                f"{path}:{number}: this is no entry of an audit log",
                remedy="name a file of `workflow audit export`",
            )
        yield one


def _private(name: str, flags: int) -> int:
    import os

    return os.open(name, flags, 0o600)
