"""SQL text of the user: placeholders become the driver's, whatever stands in strings and comments stays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wfcore.api import InvalidInput

#: What is never closed goes to the end: to look for its end from each of many beginnings would take for ever.
_OPAQUE = r"""
    '(?:[^']|'')*+(?:'|\Z)                # text
  | "(?:[^"]|"")*+(?:"|\Z)                # identifier
  | --[^\n]*                             # comment to the end of the line
"""
_PLACES = r"""
  | (?P<cast>::)
  | (?<![\w:]):(?P<name>[A-Za-z_]\w*)
  | (?P<literal>\?\?)
  | (?P<mark>\?)
  | (?P<percent>%(?:\([A-Za-z_]\w*\)s)?)
  | (?P<end>;)
"""
_SQLITE = re.compile(
    rf"(?P<opaque>{_OPAQUE} | `(?:[^`]|``)*+(?:`|\Z) | \[[^\]]*(?:\]|\Z) | /\*.*?(?:\*/|\Z)){_PLACES}",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_POSTGRES = re.compile(
    rf"(?P<opaque>\b[eE]'(?:[^'\\]|''|\\.)*+(?:'|\\?\Z) | {_OPAQUE}"
    rf" | (?<!\w)\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)) | (?P<block>/\*){_PLACES}",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_WORD = re.compile(r"(?>\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*+([A-Za-z]+)", re.DOTALL)
_NOT_HERE = frozenset(("abort", "begin", "commit", "end", "release", "rollback", "savepoint", "start"))
Parameters = Mapping[str, Any] | Sequence[Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """What the driver gets: ``text`` with its own placeholders, the ``values`` in their order."""

    text: str
    values: list[Any]
    verb: str


def compile_statement(sql: str, parameters: Parameters, *, postgres: bool) -> Statement:
    """One SQL statement with ``:name`` (a mapping) or ``?`` (a list) bound to ``parameters``.

    With a mapping ``?`` is left alone, with a list ``:name`` is; ``??`` stands for a plain ``?``
    beside a list. Raises InvalidInput for parameters that are missing or left over, for
    statements that steer the transaction, and on PostgreSQL for more than one statement.
    """
    word = _WORD.match(sql)
    verb = word[1].lower() if word else ""
    if verb in _NOT_HERE:
        raise InvalidInput(f"sql: {verb.upper()} is not for actions, as each is a transaction of its own")
    return Statement(*_Compiler(sql, parameters, postgres).run(), verb)


class _Compiler:
    def __init__(self, sql: str, parameters: Parameters, postgres: bool) -> None:
        self._sql, self._parameters, self._postgres = sql, parameters, postgres
        self._named = isinstance(parameters, Mapping)
        self._mark = "%s" if postgres else "?"
        self._values: list[Any] = []
        self._used: set[str] = set()
        self._ended = False

    def run(self) -> tuple[str, list[Any]]:
        """The whole statement, token by token."""
        pattern = _POSTGRES if self._postgres else _SQLITE
        parts: list[str] = []
        place = 0
        while match := pattern.search(self._sql, place):
            end = _block_end(self._sql, match.start()) if match.lastgroup == "block" else match.end()
            parts.append(self._plain(self._sql[place : match.start()]))
            parts.append(self._token(match, self._sql[match.start() : end]))
            place = end
        parts.append(self._plain(self._sql[place:]))
        self._all_used()
        return "".join(parts), self._values

    def _token(self, match: re.Match[str], text: str) -> str:
        kind = next(k for k in ("opaque", "block", "cast", "name", "literal", "mark", "percent", "end")
                    if match.groupdict().get(k) is not None)  # fmt: skip
        if kind == "name" and self._named:
            return self._bind_name(match["name"])
        if kind == "mark" and not self._named:
            return self._bind_next()
        if kind == "literal" and not self._named:
            return "?"
        if kind == "percent" and len(text) > 1:
            raise InvalidInput(f"sql: write {text} as :{text[2:-2]}")
        if kind == "end" and self._postgres and not self._ended:
            self._ended = True  # what follows is looked at once, however many semicolons there are
            if _rest(self._sql[match.end() :]):
                raise InvalidInput("sql: there is more than one statement; use a task for each")
        return self._plain(text)

    def _plain(self, text: str) -> str:
        return text.replace("%", "%%") if self._postgres else text

    def _bind_name(self, name: str) -> str:
        assert isinstance(self._parameters, Mapping)
        if name not in self._parameters:
            raise InvalidInput(f"parameters: there is no {name!r}, which the SQL uses as :{name}")
        self._used.add(name)
        self._values.append(self._parameters[name])
        return self._mark

    def _bind_next(self) -> str:
        assert not isinstance(self._parameters, Mapping)
        if len(self._values) == len(self._parameters):
            raise InvalidInput(f"parameters: the SQL has more ? than the {len(self._parameters)} parameters")
        self._values.append(self._parameters[len(self._values)])
        return self._mark

    def _all_used(self) -> None:
        if isinstance(self._parameters, Mapping):
            left = sorted(set(map(str, self._parameters)) - self._used)
            if left:
                raise InvalidInput(f"parameters: the SQL does not use {', '.join(left)}")
        elif len(self._values) < len(self._parameters):
            counts = f"{len(self._parameters)} parameters for {len(self._values)} ?"
            raise InvalidInput(f"parameters: there are {counts}")


def _block_end(sql: str, start: int) -> int:
    """Where the comment that opens at ``start`` ends; PostgreSQL nests them."""
    depth = 0
    for edge in _BLOCK_EDGE.finditer(sql, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)


def _rest(sql: str) -> bool:
    """True when something other than space and comments follows."""
    return bool(re.sub(r"--[^\n]*|/\*.*?(?:\*/|\Z)|[\s;]+", "", sql, flags=re.DOTALL))
