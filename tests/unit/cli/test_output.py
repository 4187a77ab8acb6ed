"""What is printed: clean text, aligned columns, one JSON document, and errors with their remedy."""

import io
import json

import pytest

from wfcore.cli.output import Answer, Output, Styled, clean, table
from wfcore.errors import InvalidWorkflow, NotFound, Problem


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class Pipe(io.TextIOWrapper):
    def __init__(self, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding)

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def test_control_characters_are_written_out():
    assert clean("a\x1b[2J\x07b\r\u202ec\td\n") == "a\\x1b[2J\\x07b\\x0d\\x202ec\td\n"


def test_columns_are_aligned():
    out = Output(json=False, stdout=Pipe())
    for line in table(("A", "LONGER"), [("x", "y"), ("wide cell", Styled("z", "red"))]):
        out.line(line)
    assert out.stdout.text() == "A          LONGER\nx          y\nwide cell  z\n"


def test_no_rows_no_table():
    assert table(("A",), []) == []


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals_that_want_them(monkeypatch, environ, coloured):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    out = Output(json=False, stdout=Terminal())
    out.line(["a ", Styled("b", "red")])
    assert out.stdout.getvalue() == ("a \x1b[31mb\x1b[0m\n" if coloured else "a b\n")


def test_no_colours_in_a_pipe(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    out = Output(json=False, stdout=Pipe())
    out.line(Styled("b", "red"))
    assert out.stdout.text() == "b\n"


def test_json_is_one_document():
    out = Output(json=True, stdout=Pipe())
    out.answer(Answer({"a": "é\n"}, ["not this"]))
    assert json.loads(out.stdout.text()) == {"a": "é\n"}
    assert out.stdout.text().count("\n") == 1


def test_what_an_encoding_cannot_say_is_replaced():
    out = Output(json=False, stdout=Pipe("ascii"))
    assert not out.unicode
    out.line("✓ done \ud800")
    assert out.stdout.text() == "? done ?\n"
    out = Output(json=True, stdout=Pipe("ascii"))
    out.answer(Answer("✓"))
    assert json.loads(out.stdout.text()) == "✓"


def test_an_error_as_text_and_as_json():
    error = NotFound("there is no\x1b x", remedy="look again")
    out = Output(json=False, stdout=Pipe(), stderr=Pipe())
    out.error(error)
    assert out.stderr.text() == "workflow: there is no\\x1b x\n  hint: look again\n"
    assert out.stdout.text() == ""
    out = Output(json=True, stdout=Pipe(), stderr=Pipe())
    out.error(error)
    assert json.loads(out.stdout.text()) == {
        "error": {"code": "not_found", "message": "there is no\x1b x", "remedy": "look again"}
    }
    assert out.stderr.text() == ""


def test_problems_are_shown_for_editors():
    out = Output(json=False, stdout=Pipe(), stderr=Pipe())
    out.error(InvalidWorkflow([Problem(3, 5, "tasks.a", "is wrong", "f.yaml")]))
    assert out.stderr.text() == "f.yaml:3:5: tasks.a: is wrong\n"
