"""``workflow run FILE``: one workflow in this process, seen to its end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wfcore.cli.output import Answer
from wfcore.cli.session import Session

if TYPE_CHECKING:
    from wfcore.service.embedded import Run

_PAGE = 1000
#: Seconds between two looks at an execution that does nothing.
_PATIENCE = 30.0


def run(session: Session, file: str, *, input: list[str] | None = None, inputs: str | None = None) -> Answer:
    """Run one workflow file here, without a server, and show it to its end.

    The execution is recorded in the data directory, below runs/, and `workflow execution inspect` shows
    it again. Ctrl-C cancels it; a second one leaves at once.

    Args:
        file (FILE): The workflow file, or - for standard input.
        input (NAME=VALUE): An input of the workflow; may be given several times.
        inputs (FILE): Inputs as a JSON object, from a file or - for standard input.
    """
    from wfcore.cli import sources
    from wfcore.cli.follow import terminable
    from wfcore.errors import UsageError
    from wfcore.service.embedded import run_source
    from wfcore.service.private import keep_private

    if file == "-" == inputs:
        raise UsageError(
            "standard input cannot be both the workflow and its inputs", remedy="put one in a file"
        )
    values = sources.inputs(input or [], inputs)
    source, files = sources.workflow(file)
    name = "stdin" if file == "-" else file
    keep_private()
    with _log(session), terminable(), run_source(session.config, source, name, values, files) as begun:
        interrupted = _follow(session, begun)
        end = begun.executions.describe(begun.id)
    failed = interrupted if end["state"] == "CANCELLED" and interrupted else 1
    return Answer(end, (), 0 if end["state"] == "SUCCESS" else failed)


def _follow(session: Session, begun: Run) -> int:
    """Show it to its end; the exit code of the signal that cancelled it, or 0."""
    from wfcore.cli import show, view
    from wfcore.cli.board import Board
    from wfcore.cli.follow import follow

    out, codes = session.out, [0]
    out.outlives_reader = True  # what was begun is ended, seen or not
    board = Board.of(f"{begun.workflow.id}  {begun.id}", begun.tasks)

    def cancel(code: int) -> None:
        codes.append(code)
        begun.executions.cancel(begun.id, "interrupted")

    try:
        follow(_facts(begun), board, view.Silent() if out.json else view.view(board, out), cancel)
    except KeyboardInterrupt:
        out.flush()
        os._exit(codes[-1])
    if not out.json:
        for line in view.ending(board, out):
            out.line(line)
        for line in show.values("Outputs", begun.executions.outputs(begun.id)):
            out.line(line)
    return codes[-1]


def _facts(begun: Run) -> Iterator[dict[str, Any]]:
    after = 0
    while True:
        page = begun.executions.facts(begun.id, after, _PAGE)
        yield from page
        if page and page[-1]["kind"] == "execution.finished":
            return
        after = page[-1]["seq"] if page else after
        if not page:
            begun.executions.wait_change(begun.id, after, _PATIENCE)


@contextmanager
def _log(session: Session) -> Iterator[None]:
    """Warnings of the engine go to standard error; on a terminal only when the moving lines are gone."""
    import logging
    from logging.handlers import MemoryHandler

    from wfcore.service.logging import TextFormatter

    handler: logging.Handler = logging.StreamHandler(session.out.stderr)
    handler.setFormatter(TextFormatter())
    if session.out.terminal:
        handler = MemoryHandler(1000, logging.CRITICAL + 1, handler)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("workflow.executions").setLevel(logging.CRITICAL)  # what the display shows anyhow
    try:
        yield
    finally:
        handler.close()
