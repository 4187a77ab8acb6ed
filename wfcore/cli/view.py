"""Shows a running execution: moving lines on a terminal, one line for each event elsewhere."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from wfcore.cli import show, text
from wfcore.cli.board import Board, Row
from wfcore.cli.output import Line, Output, Piece, Styled

_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_LEVELS: Final = {"DEBUG": "dim", "WARNING": "yellow", "ERROR": "red"}
_NAME: Final = 32
_BAR: Final = 36


class View(Protocol):
    """What an execution is shown on."""

    def take(self, fact: Mapping[str, Any], row: Row | None) -> None:
        """Show a fact that the board has already followed."""

    def tick(self) -> None:
        """Show that time goes by."""

    def close(self) -> None:
        """Leave the display as it shall stay."""


def view(board: Board, out: Output) -> View:
    """The view that fits where the output goes to."""
    if out.json:
        return Documents(out)
    return Live(board, out) if out.steerable else Plain(board, out)


class Silent:
    """Shows nothing."""

    def take(self, fact: Mapping[str, Any], row: Row | None) -> None:
        """Nothing."""

    def tick(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Documents:
    """Facts as JSON lines."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def take(self, fact: Mapping[str, Any], row: Row | None) -> None:
        """One line."""
        self._out.event(fact, "")

    def tick(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Plain:
    """A line for every event, for pipes and log files."""

    def __init__(self, board: Board, out: Output) -> None:
        self._board, self._out = board, out

    def take(self, fact: Mapping[str, Any], row: Row | None) -> None:
        """One line; starts and ends of the execution itself go without."""
        at = text.parse_time(fact["at"])
        assert at is not None
        if fact["kind"] == "execution.cancelling":
            why = f"  {_one_line(fact['body']['reason'])}".rstrip()
            self._out.event(fact, [f"{text.clock(at)}  ", Styled("CANCELLING", "yellow"), why])
        if row is None or hidden(row):
            return
        width = min(max(map(len, self._board.rows), default=0), _NAME)
        head: list[Piece] = [f"{text.clock(at)}  {row.path:{width}}  "]
        if fact["kind"] == "log":
            self._out.event(fact, [*head, *_log(fact["body"])])
            return
        said = [row.note] if row.note else []
        if row.spans and row.ended_at:
            said.insert(0, text.duration(row.seconds(at)))
        if row.attempt > 1 and row.state == "RUNNING":
            said.append(f"attempt {row.attempt}")
        self._out.event(fact, [*head, text.state(row.state), *(f"  {one}" for one in map(_one_line, said))])

    def tick(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Live:
    """A line for each task that changes in place; log lines pass by above."""

    def __init__(self, board: Board, out: Output) -> None:
        self._board, self._out = board, out
        self._drawn = 0
        self._begun = time.monotonic()
        out.raw("\x1b[?25l")

    def take(self, fact: Mapping[str, Any], row: Row | None) -> None:
        """Logs are written at once; all else is seen at the next tick."""
        if fact["kind"] == "log" and row is not None:
            at = text.parse_time(fact["at"])
            assert at is not None
            line = [Styled(f"{text.clock(at)}  ", "dim"), f"{row.path}  ", *_log(fact["body"])]
            self._draw([self._out.render(line)], self._moving())

    def tick(self) -> None:
        """Draw the tasks anew."""
        self._draw([], self._moving())

    def close(self) -> None:
        """Clear the moving lines; what stays is printed by the caller."""
        self._draw([], [])
        self._out.raw("\x1b[?25h")

    def _moving(self) -> list[Line]:
        board, now = self._board, datetime.now(UTC)
        size = shutil.get_terminal_size()
        rows = [row for row in board.rows.values() if not hidden(row)]
        done = sum(row.state in ("SUCCESS", "FAILED", "SKIPPED", "CANCELLED") for row in rows)
        tail = f"  {board.state}  {text.duration(board.seconds(now))}  {done}/{len(rows)} tasks"
        head: Line = [Styled(text.cut(board.title, max(size.columns - len(tail), 1)), "bold"), tail]
        shown = _fitting(rows, max(size.lines - 3, 3))
        frame = int((time.monotonic() - self._begun) * 10) % len(_SPINNER)
        lines = [head, *table_of(shown, now, self._out, size.columns, spinner=_SPINNER[frame])]
        if len(shown) < len(rows):
            lines.append(Styled(f"  … and {len(rows) - len(shown)} more tasks", "dim"))
        return lines

    def _draw(self, above: Sequence[str], lines: Sequence[Line]) -> None:
        # the first line is cleared by itself: some terminals keep a screen that is cleared from its corner
        clear = f"\x1b[{self._drawn}A\r\x1b[K\n\x1b[J\x1b[A" if self._drawn else ""
        self._out.raw(clear + "".join(f"{line}\n" for line in (*above, *map(self._out.render, lines))))
        self._out.flush()
        self._drawn = len(lines)


def table_of(
    rows: Sequence[Row],
    now: datetime,
    out: Output,
    columns: int,
    *,
    spinner: str = "",
    scale: tuple[datetime, datetime] | None = None,
) -> Iterator[Line]:
    """A line for each task: sign, name, type, duration, what there is to say; with ``scale`` also a bar."""
    names = min(max((len(row.path) for row in rows), default=0), _NAME, columns - 17)
    types = min(max((len(row.type) for row in rows), default=0), _NAME, max(columns - names - 17, 0))
    widest = _BAR // 2 if any(row.note for row in rows) else _BAR
    bar = min(widest, max(columns - names - types - 19, 0)) if scale else 0
    for row in rows:
        moving = spinner if row.state == "RUNNING" and out.unicode else ""
        spent = text.duration(row.seconds(now)) if row.spans else ""
        style = text.STATES[row.state][2]
        pieces: list[Piece] = ["  ", Styled(moving or sign(row.state, out), style), " "]
        pieces += [
            f"{text.cut(row.path, names):{names}}  ",
            Styled(f"{text.cut(row.type, types):{types}}", "dim"),
        ]
        pieces.append(f"  {spent:>6}")
        if scale and bar:
            pieces += ["  ", Styled(_bar(row, scale, bar, out), style)]
        said = f"attempt {row.attempt}  " if row.attempt > 1 else ""
        room = columns - text.width("".join(p if isinstance(p, str) else p.text for p in pieces)) - 3
        note = text.cut(_one_line(said + row.note), room) if room > 8 else ""
        if note.strip():
            pieces += ["  ", Styled(note, "dim")]
        yield pieces


def hidden(row: Row) -> bool:
    """The step that computes the outputs is only worth a line when it fails."""
    return row.path.startswith("@outputs") and row.state != "FAILED"


def sign(word: str, out: Output) -> str:
    """The sign of a state."""
    return text.STATES[word][0 if out.unicode else 1]


def ending(board: Board, out: Output) -> Iterator[Line]:
    """An execution that has ended: when its tasks ran, and how it ended."""
    columns = shutil.get_terminal_size((100, 24)).columns if out.terminal else 100
    rows = [row for row in board.rows.values() if not hidden(row)]
    if board.started_at is not None and board.ended_at is not None:
        yield from table_of(rows, board.ended_at, out, columns, scale=(board.started_at, board.ended_at))
    yield _summary(board, len(rows), out)


def _summary(board: Board, tasks: int, out: Output) -> Line:
    shown = Styled(f"{sign(board.state, out)} {board.state}", text.STATES[board.state][2])
    spent = text.duration(board.seconds(datetime.now(UTC)))
    pieces: list[Piece] = [shown, f" in {spent}, {tasks} task{'s' * (tasks != 1)}"]
    if board.error:
        pieces.append(f"  {show.failure(board.error)}")
    return pieces


def _fitting(rows: Sequence[Row], room: int) -> Sequence[Row]:
    """At most ``room`` rows, those first where something goes on; in their own order."""
    if len(rows) <= room:
        return rows
    urgent = {"FAILED": 0, "RUNNING": 1, "WAITING": 2, "PENDING": 3}
    chosen = sorted(range(len(rows)), key=lambda index: (urgent.get(rows[index].state, 4), index))[: room - 1]
    return [rows[index] for index in sorted(chosen)]


def _bar(row: Row, scale: tuple[datetime, datetime], width: int, out: Output) -> str:
    start, end = scale
    whole = max((end - start).total_seconds(), 1e-6)
    full, gap, none = ("█", "┄", "·") if out.unicode else ("#", "-", ".")
    cells = [none] * width
    spans = [(begun, ended or end, full) for begun, ended in row.spans]
    if spans:
        spans.insert(0, (spans[0][0], row.ended_at or end, gap))
    for begun, ended, mark in spans:
        low = min(int((begun - start).total_seconds() / whole * width), width - 1)
        high = min(round((ended - start).total_seconds() / whole * width), width)
        cells[max(low, 0) : max(high, low + 1)] = mark * (max(high, low + 1) - max(low, 0))
    return "".join(cells)


def _log(body: Mapping[str, Any]) -> Iterable[Piece]:
    level, message = body["level"], text.hanging(body["message"], 14)
    if level in _LEVELS:
        return [Styled(f"│ {level} {message}", _LEVELS[level])]
    return [Styled("│ ", "dim"), message]


def _one_line(said: str) -> str:
    return " ".join(said.split())
