"""What is seen of an execution while it runs and when it has ended, from its facts alone."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest

from wfcore.cli import view
from wfcore.cli.board import Board
from wfcore.cli.follow import Terminated, follow
from wfcore.cli.output import Output

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "12")
    monkeypatch.setenv("NO_COLOR", "1")
    time.tzset()


def fact(seconds, kind, task="", attempt=0, **body):
    at = (START + timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"seq": 0, "at": at, "kind": kind, "task": task, "attempt": attempt, "body": body}


STORY = [
    fact(0, "execution.created"),
    fact(0, "execution.started"),
    fact(0, "task.started", "fetch", 1),
    fact(0.5, "task.retrying", "fetch", 1, delay=1.0, error={"type": "http", "message": "503\nBusy"}),
    fact(1.5, "task.started", "fetch", 2),
    fact(1.6, "log", "fetch", 2, level="INFO", message="one\ntwo"),
    fact(1.7, "log", "fetch", 2, level="ERROR", message="bad \x1b[2J"),
    fact(2.0, "task.finished", "fetch", 2, state="SUCCESS"),
    fact(2.0, "task.started", "save", 1),
    fact(4.0, "task.finished", "save", 1, state="FAILED", error={"type": "db", "message": "no table"}),
    fact(
        4.0, "task.skipped", "tell", 0, state="SKIPPED", error={"type": "upstream", "message": "needs save"}
    ),
    fact(4.0, "task.started", "@finally/tidy", 1),
    fact(4.0, "task.finished", "@finally/tidy", 1, state="SUCCESS"),
    fact(
        4.0, "execution.finished", state="FAILED", error={"type": "db", "message": "no table", "task": "save"}
    ),
]
TASKS = [
    ("fetch", "core/http.get"),
    ("save", "core/db.insert"),
    ("tell", "core/log"),
    ("@finally/tidy", "core/log"),
]


def told(out, story=STORY, tasks=TASKS):
    board = Board.of("flow", tasks)
    screen = view.view(board, out)
    follow(story, board, screen)
    for line in view.ending(board, out):
        out.line(line)
    return out.stdout.getvalue()


def test_plain_lines():
    out = Output(json=False, stdout=io.StringIO())
    assert told(out).splitlines()[:12] == [
        "12:00:00.000  fetch  RUNNING",
        "12:00:00.500  fetch  WAITING  again in 1.00s · http: 503 Busy",
        "12:00:01.500  fetch  RUNNING  attempt 2",
        "12:00:01.600  fetch  │ one",
        "              two",
        "12:00:01.700  fetch  │ ERROR bad \\x1b[2J",
        "12:00:02.000  fetch  SUCCESS  2.00s",
        "12:00:02.000  save   RUNNING",
        "12:00:04.000  save   FAILED  2.00s  db: no table",
        "12:00:04.000  tell   SKIPPED  upstream: needs save",
        "12:00:04.000  @finally/tidy  RUNNING",
        "12:00:04.000  @finally/tidy  SUCCESS  0ms",
    ]


def test_the_final_bars_show_attempts_waits_and_order():
    out = Output(json=False, stdout=Terminal())
    lines = told(out).splitlines()[-5:]
    bars = [re.search(r"[█┄·]{18}", line)[0] for line in lines[:4]]
    assert bars == ["██┄┄┄┄███·········", "·········█████████", "··················", "·················█"]
    assert "attempt 2" in lines[0]
    assert "db: no table" in lines[1]
    assert lines[4] == "✗ FAILED in 4.00s, 4 tasks  save: db: no table"


def test_a_terminal_shows_all_tasks_and_gets_its_cursor_back():
    out = Output(json=False, stdout=Terminal())
    text = told(out)
    assert text.startswith("\x1b[?25l")
    assert text.index("\x1b[?25h") < text.index("FAILED in")
    assert "\x1b[2J" not in text


@pytest.mark.parametrize("columns", [30, 80, 200])
def test_lines_of_a_terminal_never_wrap_and_never_exceed_its_height(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    out = Output(json=False, stdout=Terminal())
    board = Board.of("flow " * 9, [(f"task{i}", "core/" + "x" * 60) for i in range(40)])
    live = view.Live(board, out)
    for i in range(40):
        started = fact(0, "task.started", f"task{i}", 1)
        live.take(started, board.take(started))
    note = fact(1, "task.finished", "task7", 1, state="FAILED", error={"type": "t", "message": "日本" * 90})
    live.take(note, board.take(note))
    live.tick()
    live.tick()
    lines = out.stdout.getvalue().split("\x1b[J\x1b[A")[-1].splitlines()
    assert len(lines) <= 11
    assert "task7 " in "".join(lines)
    assert "more tasks" in lines[-1]
    from wfcore.cli.text import width

    assert max(map(width, lines)) <= columns


def test_json_is_the_facts():
    out = Output(json=True, stdout=io.StringIO())
    board = Board.of("flow", TASKS)
    follow(STORY, board, view.view(board, out))
    assert len(out.stdout.getvalue().splitlines()) == len(STORY)


def test_the_computing_of_outputs_is_seen_only_when_it_fails():
    story = [*STORY[:2], fact(1, "task.started", "@outputs", 1)]
    ended = [
        fact(2, "task.finished", "@outputs", 1, state="SUCCESS"),
        fact(2, "execution.finished", state="SUCCESS"),
    ]
    assert "@outputs" not in told(Output(json=False, stdout=io.StringIO()), [*story, *ended], [])
    failed = fact(2, "task.finished", "@outputs", 1, state="FAILED", error={"type": "e", "message": "m"})
    text = told(
        Output(json=False, stdout=io.StringIO()),
        [*story, failed, fact(2, "execution.finished", state="FAILED")],
        [],
    )
    assert "@outputs" in text


def test_the_first_interrupt_is_told_the_second_is_raised():
    codes = []

    class Impatient(view.Silent):
        def take(self, fact, row):
            raise Terminated if fact["kind"] == "execution.started" else KeyboardInterrupt

    board = Board.of("flow", [])
    with pytest.raises(KeyboardInterrupt):
        follow([STORY[1], STORY[0]], board, Impatient(), codes.append)
    assert codes == [143]


def test_without_a_way_to_cancel_an_interrupt_ends_it():
    class Impatient(view.Silent):
        closed = False

        def take(self, fact, row):
            raise KeyboardInterrupt

        def close(self):
            Impatient.closed = True

    with pytest.raises(KeyboardInterrupt):
        follow(STORY, Board.of("flow", []), Impatient())
    assert Impatient.closed


def test_what_goes_wrong_with_the_source_is_raised():
    def broken():
        yield STORY[0]
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        follow(broken(), Board.of("flow", []), view.Silent())
