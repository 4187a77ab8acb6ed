"""Executions on a server, followed from here by long-polling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wfcore.cli.session import Session
from wfcore.errors import NotFound, Unavailable
from wfcore.model.execution import TERMINAL

#: Seconds that the server may take to answer when there is nothing new.
_WAIT = 20
_PAGE = 1000
#: No fact has such a number, so to ask for what comes after it is to ask for the end.
_BEYOND = 2**53


def pages(session: Session, id: str, name: str) -> Iterator[dict[str, Any]]:
    """The ``facts`` or ``logs`` of an execution, as they come, until it has ended and all are read."""
    after = 0
    while True:
        page = _page(session, id, name, after)
        yield from page[name]
        after = page["next"]
        if page["state"] in TERMINAL and not page[name]:
            return


def watch(session: Session, id: str) -> int:
    """Show an execution until its end; 0 when it succeeded, else 1."""
    from wfcore.cli import show, view
    from wfcore.cli.board import Board
    from wfcore.cli.follow import follow

    out = session.out
    first = session.client.get(f"/api/v1/executions/{id}")
    board = Board.of(f"{first['workflow']}  {id}", _tasks(session, first))
    follow(pages(session, id, "facts"), board, view.view(board, out))
    if not out.json:
        for line in view.ending(board, out):
            out.line(line)
        for line in show.values("Outputs", session.client.get(f"/api/v1/executions/{id}")["outputs"]):
            out.line(line)
    return 0 if board.state == "SUCCESS" else 1


def await_end(session: Session, id: str) -> dict[str, Any]:
    """The execution, once it has ended."""
    while _page(session, id, "facts", _BEYOND)["state"] not in TERMINAL:
        pass
    end: dict[str, Any] = session.client.get(f"/api/v1/executions/{id}")
    return end


def _page(session: Session, id: str, name: str, after: int) -> dict[str, Any]:
    """What comes after that number, waiting for a while when there is nothing yet."""
    import time

    path = f"/api/v1/executions/{id}/{name}"
    page: dict[str, Any]
    try:
        page = session.client.get(path, wait=_WAIT, after=after, limit=_PAGE)
    except Unavailable:  # all places to wait in are taken; what there is can still be read
        page = session.client.get(path, after=after, limit=_PAGE)
        time.sleep(0 if page[name] or page["state"] in TERMINAL else 1)
    return page


def _tasks(session: Session, execution: dict[str, Any]) -> list[tuple[str, str]]:
    """(path, type) of the tasks that are to come, if the workflow is still that revision."""
    known = [(task["path"], task["type"]) for task in execution["tasks"]]
    try:
        detail = session.client.get(f"/api/v1/workflows/{execution['namespace']}/{execution['workflow']}")
    except NotFound:
        return known
    if detail["revision"] != execution["revision"]:
        return known
    return [(task["path"], task["type"]) for task in detail["tasks"]]
