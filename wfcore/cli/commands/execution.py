"""``workflow execution``: what ran, what runs, and what it said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from wfcore.cli.output import Answer, Styled
from wfcore.cli.session import Session
from wfcore.errors import UsageError

_PAGE = 1000
#: More bytes are not written to a terminal.
_MOST = 1024 * 1024
_LEVELS = {"DEBUG": "dim", "WARNING": "yellow", "ERROR": "red"}


def list_executions(
    session: Session,
    *,
    workflow: str | None = None,
    namespace: str | None = None,
    state: str | None = None,
    limit: int = 50,
    before: str | None = None,
) -> Answer:
    """List executions, newest first.

    Args:
        workflow (ADDRESS): Only those of this workflow, as id or namespace/id.
        namespace (NAME): Only those of this namespace.
        state (STATES): Only those in these states, with commas between, e.g. FAILED,RUNNING.
        limit (NUMBER): How many at most, 1 to 1000.
        before (ID): Only executions older than this one.
    """
    from wfcore.cli import show
    from wfcore.model.workflow import parse_address

    id = None
    if workflow is not None:
        space, id = parse_address(workflow)
        namespace = space if "/" in workflow or namespace is None else namespace
    query: dict[str, Any] = {"namespace": namespace, "workflow": id, "limit": limit, "before": before}
    found = session.client.get("/api/v1/executions", state=state.upper() if state else None, **query)
    lines = show.executions(found["executions"]) or ["there are no executions"]
    more = [Styled(f"older ones: --before {found['next']}", "dim")] if found["next"] else []
    return Answer(found, [*lines, *more])


def inspect(session: Session, id: str) -> Answer:
    """Show an execution with its tasks, inputs and outputs.

    Finds executions of `workflow run` too, without a server.

    Args:
        id (ID): The execution.
    """
    from wfcore.cli import show

    path = _path(id)
    if _is_local(session, id):
        from wfcore.service.embedded import open_history

        with open_history(session.config, id) as history:
            found = history.describe(id)
    else:
        found = session.client.get(path)
    return Answer(found, show.execution(found))


def content(
    session: Session, id: str, *, task: str | None = None, part: str | None = None, to: Path | None = None
) -> int:
    """Print one value of an execution as JSON, however large it is.

    On a terminal, what is longer than 1 MiB is refused: send it elsewhere, or name a file.
    Finds executions of `workflow run` too, without a server.

    Args:
        id (ID): The execution.
        task (PATH): A task, to print its output instead of the workflow's.
        part (NAME): Which value: outputs, inputs or trigger; of a task output or meta.
        to (FILE): Write it there instead; a file that is there is not touched.
    """
    path = _path(id)
    if _is_local(session, id):
        from wfcore.service.embedded import open_history

        with open_history(session.config, id) as history:
            found = history.content(id, part or ("output" if task else "outputs"), task or "")
    else:
        found = session.client.content(f"{path}/content", task=task, part=part)
    if to is not None:
        _write(to, found)
    elif session.out.terminal and len(found) > _MOST:
        raise UsageError(f"it has {len(found)} bytes", remedy="send it elsewhere, or name a file with --to")
    else:
        session.out.raw(found.decode() + "\n")
    return 0


def logs(session: Session, id: str, *, follow: bool = False) -> int:
    """Print the log of an execution.

    Finds executions of `workflow run` too, without a server.

    Args:
        id (ID): The execution.
        follow: Go on until the execution has ended.
    """
    from wfcore.cli import remote

    path = _path(id)
    if _is_local(session, id):
        from wfcore.service.embedded import open_history

        with open_history(session.config, id) as history:
            _print(session, _all(lambda after: history.logs(id, after, _PAGE)))
    elif follow:
        _print(session, remote.pages(session, id, "logs"))
    else:
        _print(
            session, _all(lambda after: session.client.get(f"{path}/logs", after=after, limit=_PAGE)["logs"])
        )
    return 0


def watch(session: Session, id: str) -> int:
    """Show an execution while it runs, to its end.

    The exit code tells how it ended: 0 or 1. Ctrl-C stops watching; the execution goes on.

    Args:
        id (ID): The execution.
    """
    from wfcore.cli import remote

    _path(id)
    return remote.watch(session, id)


def cancel(session: Session, id: str, *, reason: str = "") -> Answer:
    """Cancel an execution.

    Args:
        id (ID): The execution.
        reason (TEXT): Why; it is kept with the execution.
    """
    from wfcore.model.execution import TERMINAL

    found = session.client.post(f"{_path(id)}/cancel", {"reason": reason})
    going_on = "" if found["state"] in TERMINAL else ", cancelling"
    return Answer(found, [f"{found['id']}  {found['state']}{going_on}"])


def _path(id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", id):
        raise UsageError(f"{id!r} is not the id of an execution", remedy="see `workflow execution list`")
    return f"/api/v1/executions/{id}"


def _write(file: Path, content: bytes) -> None:
    from wfcore.cli.projects import written

    with written(str(file)), file.open("xb") as new:
        new.write(content)


def _is_local(session: Session, id: str) -> bool:
    """Whether it is one of `workflow run`; a server that was named is asked whatever there is here."""
    from wfcore.config.runs import has_run

    return session.server is None and has_run(session.config.data_dir, id)


def _all(page_after: Callable[[int], list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    after = 0
    while page := page_after(after):
        yield from page
        after = page[-1]["seq"]


def _print(session: Session, lines: Iterable[dict[str, Any]]) -> None:
    from wfcore.cli import text

    for one in lines:
        at = text.parse_time(one["at"])
        assert at is not None
        level = Styled(f"{one['level']:7}", _LEVELS.get(one["level"], "bold"))
        said = f"  {one['task']}  {text.hanging(one['message'], 14)}"
        session.out.event(one, [Styled(f"{text.clock(at)}  ", "dim"), level, said])
