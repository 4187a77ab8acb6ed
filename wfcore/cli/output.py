"""The only module that prints: text for people, JSON for programs, errors for both."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TextIO

from wfcore.errors import InvalidConfig, InvalidWorkflow, UsageError, WorkflowError

_STYLES: Final = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36",
}  # fmt: skip
#: Control characters: a log line of a workflow must not be able to steer the terminal.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Styled:
    """A piece of text in a colour or weight: bold dim red green yellow blue cyan."""

    text: str
    style: str


Piece = str | Styled
Line = Piece | Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says in the end: ``data`` with --json, ``lines`` without; ``code`` is the exit code."""

    data: Any
    lines: Iterable[Line] = ()
    code: int = 0


class Output:
    """Where a command speaks to: ``stdout`` for what was asked for, ``stderr`` for everything else.

    When nobody reads on, BrokenPipeError is raised; with ``outlives_reader`` the rest is thrown away instead.
    """

    def __init__(self, *, json: bool, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.json = json
        self.outlives_reader = False
        self.stdout = stdout or sys.stdout or _nowhere()
        self.stderr = stderr or sys.stderr or _nowhere()
        self.terminal = self.stdout.isatty()

    @property
    def steerable(self) -> bool:
        """Whether lines can be drawn anew: on a terminal that is not a dumb one."""
        return self.terminal and os.environ.get("TERM") != "dumb"

    @property
    def colour(self) -> bool:
        """Whether colours are wanted: on a terminal that knows them and without NO_COLOR."""
        return self.steerable and not os.environ.get("NO_COLOR")

    @property
    def unicode(self) -> bool:
        """Whether more than ASCII can be shown."""
        return (self.stdout.encoding or "").lower().replace("-", "") == "utf8"

    def answer(self, answer: Answer) -> None:
        """Print a command's answer."""
        if self.json:
            indent = 2 if self.terminal else None
            self.raw(json.dumps(answer.data, indent=indent, ensure_ascii=not self.unicode) + "\n")
        else:
            for line in answer.lines:
                self.line(line)

    def event(self, data: Mapping[str, Any], line: Line) -> None:
        """Print one item of a stream at once: a JSON line, or a line of text."""
        if self.json:
            self.raw(json.dumps(data, ensure_ascii=not self.unicode) + "\n")
        else:
            self.line(line)
        self.flush()

    def line(self, line: Line) -> None:
        """Print a line of text."""
        self.raw(self.render(line) + "\n")

    def raw(self, text: str) -> None:
        """Print text as it is: it is meant for a program, or steers the terminal."""
        encoding = self.stdout.encoding or "utf-8"
        sayable = text.encode(encoding, "replace").decode(encoding)
        self._attempt(lambda: self.stdout.write(sayable))

    def flush(self) -> None:
        """Let everything leave that was printed."""
        self._attempt(self.stdout.flush)

    def render(self, line: Line) -> str:
        """The line as text, with its colours if they are wanted."""
        pieces = [line] if isinstance(line, str | Styled) else line
        return "".join(map(self._piece, pieces)).rstrip()

    def error(self, error: WorkflowError) -> None:
        """Say what went wrong: one JSON document, or text on standard error."""
        if self.json:
            self.raw(json.dumps({"error": error.to_dict()}) + "\n")
            return
        bare = isinstance(error, InvalidWorkflow | InvalidConfig) or error.message.startswith("workflow")
        self.stderr.write(f"{'' if bare else 'workflow: '}{clean(error.message)}\n")
        if error.remedy:
            self.stderr.write(f"  hint: {clean(error.remedy)}\n")

    def _piece(self, piece: Piece) -> str:
        text = clean(piece if isinstance(piece, str) else piece.text)
        if isinstance(piece, Styled) and self.colour and text:
            return f"\x1b[{_STYLES[piece.style]}m{text}\x1b[0m"
        return text

    def _attempt(self, write: Callable[[], object]) -> None:
        try:
            write()
        except OSError as error:
            self.stdout, self.terminal = _nowhere(self.stdout), False
            if self.outlives_reader:
                return
            if isinstance(error, BrokenPipeError):
                raise
            what = f"standard output cannot be written: {error.strerror}"
            raise UsageError(what, remedy="send it elsewhere") from error


def _nowhere(instead_of: TextIO | None = None) -> TextIO:
    """A stream that takes everything. What is left in the other one's buffer goes there too, at exit."""
    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  (lives as long as the process)
    if instead_of is not None:
        with contextlib.suppress(OSError, ValueError):  # it is no file
            os.dup2(nowhere.fileno(), instead_of.fileno())
    return nowhere


def clean(text: str) -> str:
    """The text with control characters written out, so that it cannot steer a terminal."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def table(headers: Sequence[str], rows: Iterable[Sequence[Piece]]) -> list[Line]:
    """Left-aligned columns under dim headers; without rows there is nothing."""
    body = [list(row) for row in rows]
    if not body:
        return []
    head: list[Piece] = [Styled(text, "dim") for text in headers]
    widths = [max(len(_text(row[column])) for row in (head, *body)) for column in range(len(headers))]
    return [_row(row, widths) for row in (head, *body)]


def _row(row: Sequence[Piece], widths: Sequence[int]) -> Line:
    pieces: list[Piece] = []
    for index, (piece, width) in enumerate(zip(row, widths, strict=True)):
        last = index == len(row) - 1
        pieces += [piece] if last else [piece, " " * (width - len(_text(piece)) + 2)]
    return pieces


def _text(piece: Piece) -> str:
    return clean(piece if isinstance(piece, str) else piece.text)
