"""Text to tokens, one at a time, because only the parser knows where a template ends."""

from __future__ import annotations

import re
import sys
from typing import Final, NamedTuple

from wfcore.errors import ExpressionError
from wfcore.language import words

MAX_NUMBER: Final = 38

_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*+(?:
    (?P<number>\d++(?:\.\d++)?+(?:[eE][-+]?\d++)?+)
  | (?P<name>[A-Za-z_]\w*+)
  | (?P<text>'(?:[^'\\]++|\\.)*+'|"(?:[^"\\]++|\\.)*+")
  | (?P<op>\?\?|\?:|==|!=|<=|>=|\.\.|[-<>+*/%~.,:=\[\](){}|?])
  | (?P<end>\Z)
)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
_PLAIN: Final = frozenset("\\'\"/{}")
_HINTS: Final = {"&": "write 'and'", "!": "write 'not' or '!='", "$": "write {{ … }}"}


class Token(NamedTuple):
    """A piece of an expression: ``kind`` is number, name, text, op or end; ``value`` is its meaning."""

    kind: str
    value: str | int | float
    offset: int
    end: int


def token(text: str, position: int) -> Token:
    """The token at or after ``position``. Raises ExpressionError."""
    match = _TOKEN.match(text, position)
    if match is None:
        raise _unreadable(text, position)
    kind = str(match.lastgroup)
    shown, offset, end = match[kind], match.start(kind), match.end()
    if kind == "number":
        if end < len(text) and (text[end].isalnum() or text[end] == "_"):
            raise ExpressionError("a number runs into a name; put an operator between them", offset=end)
        return Token(kind, _number(shown, offset), offset, end)
    if kind == "text":
        return Token(kind, _unescaped(shown[1:-1], offset + 1), offset, end)
    return Token(kind, sys.intern(shown), offset, end)


def _number(shown: str, offset: int) -> int | float:
    if len(shown) > MAX_NUMBER:
        raise ExpressionError(f"a number has at most {MAX_NUMBER} digits", offset=offset)
    if shown.isdigit():
        return int(shown)
    number = float(shown)
    if number in (float("inf"),):
        raise ExpressionError("the number is too large", offset=offset)
    return number


def _unescaped(text: str, offset: int) -> str:
    def meaning(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) > 1:
            point = int(code[1:], 16)
            if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
                raise ExpressionError(f"'\\{code}' is no character", offset=offset + match.start())
            return chr(point)
        if code in _PLAIN:
            return code
        if code not in _ESCAPES:
            raise ExpressionError(
                f"unknown escape {words.quoted(match[0])}; a backslash is written twice",
                offset=offset + match.start(),
            )
        return _ESCAPES[code]

    return _ESCAPE.sub(meaning, text) if "\\" in text else text


def _unreadable(text: str, position: int) -> ExpressionError:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    character = text[position]
    if character in "'\"":
        return ExpressionError("the text has no closing quote", offset=position)
    advice = _HINTS.get(character)
    message = f"unexpected character {words.quoted(character)}" + (f"; {advice}" if advice else "")
    return ExpressionError(message, offset=position)
