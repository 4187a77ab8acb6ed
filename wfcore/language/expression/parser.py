"""Tokens to syntax: precedence climbing, with bounds on depth and size."""

from __future__ import annotations

from typing import Final, TypeVar

from wfcore.errors import ExpressionError
from wfcore.language import words
from wfcore.language.expression.lexer import Token, token
from wfcore.language.expression.syntax import (
    Call,
    Index,
    ListOf,
    Literal,
    MappingOf,
    Operation,
    Path,
    Slice,
    Syntax,
    parts,
)

MAX_DEPTH: Final = 64
#: Chains such as ``a + b + …`` are parsed in a loop, but evaluated by recursion.
MAX_HEIGHT: Final = 200
MAX_PARTS: Final = 2000

#: Infix operators, loosest first; ``? :`` and ``?:`` are looser, prefix ``-``, pipes and ``.`` are tighter.
PRECEDENCE: Final = (
    ("or",),
    ("and",),
    ("==", "!=", "<", ">", "<=", ">=", "in", "not in"),
    ("..",),
    ("~",),
    ("+", "-"),
    ("*", "/", "%"),
    ("??",),
)
_LEVEL: Final = {operator: level for level, operators in enumerate(PRECEDENCE) for operator in operators}
_NOT: Final = _LEVEL["=="]
_COALESCE: Final = _LEVEL["??"]
_LITERALS: Final = {"true": True, "false": False, "null": None}
_RESERVED: Final = frozenset(("and", "or", "not", "in", *_LITERALS))
_T = TypeVar("_T", bound=Syntax)


class Parser:
    """Parses one expression that begins at ``position`` of ``text``."""

    def __init__(self, text: str, position: int = 0) -> None:
        self._text = text
        self._next = token(text, position)
        self._depth = 0
        self._parts = 0

    def whole(self) -> Syntax:
        """The expression, which must be all of the text. Raises ExpressionError."""
        found = self._expression()
        if self._next.kind != "end":
            raise self._unexpected("the end of the expression")
        return _shallow(found)

    def template(self) -> tuple[Syntax, int]:
        """The expression up to ``}}``, and the place after that. Raises ExpressionError."""
        if self._text.startswith("}}", self._next.offset):
            raise ExpressionError("the template is empty", offset=self._next.offset)
        found = self._expression()
        if not self._text.startswith("}}", self._next.offset):
            raise self._unexpected("'}}'")
        return _shallow(found), self._next.offset + 2

    def _expression(self) -> Syntax:
        self._deeper()
        found = self._infix(0)
        start = self._next.offset
        if self._accept("?:"):
            found = self._made(Operation("?:", (found, self._expression()), start))
        elif self._accept("?"):
            then = self._expression()
            self._expect(":")
            found = self._made(Operation("?", (found, then, self._expression()), start))
        self._depth -= 1
        return found

    def _infix(self, least: int) -> Syntax:
        left = self._prefix(least)
        while True:
            operator, start = self._operator(), self._next.offset
            level = _LEVEL.get(operator, -1)
            if level < least:
                return left
            self._advance()
            if operator == "not in":
                self._advance()
            self._deeper()
            right = self._infix(level if level == _COALESCE else level + 1)
            self._depth -= 1
            left = self._made(Operation(operator, (left, right), start))
            if level == _NOT and _LEVEL.get(self._operator()) == _NOT:
                raise ExpressionError(
                    "comparisons cannot be chained; join them with 'and'", offset=self._next.offset
                )

    def _operator(self) -> str:
        if self._next.kind not in ("op", "name"):
            return ""
        word = str(self._next.value)
        if word == "not" and self._peek() == "in":
            return "not in"
        return word

    def _prefix(self, least: int) -> Syntax:
        start = self._next.offset
        if self._next.kind == "name" and self._next.value == "not" and least <= _NOT:
            self._advance()
            self._deeper()
            found: Syntax = self._made(Operation("not", (self._infix(_NOT),), start))
            self._depth -= 1
            return found
        return self._piped(self._signed())

    def _signed(self) -> Syntax:
        start = self._next.offset
        if not self._accept("-"):
            return self._postfix()
        self._deeper()
        inner = self._signed()
        self._depth -= 1
        if isinstance(inner, Literal) and type(inner.value) in (int, float):
            return Literal(-inner.value, start)
        return self._made(Operation("negate", (inner,), start))

    def _piped(self, found: Syntax) -> Syntax:
        while self._accept("|"):
            name = self._name("the name of a filter after '|'")
            more, named = self._arguments() if self._accept("(") else ((), ())
            found = self._made(Call(str(name.value), (found, *more), named, name.offset))
        return found

    def _postfix(self) -> Syntax:
        found = self._primary()
        while True:
            start = self._next
            if self._accept("."):
                key = self._name("a name after '.'")
                found = self._step(found, Literal(key.value, key.offset), key.offset)
            elif self._accept("["):
                found = self._bracket(found, start.offset)
            elif start.kind == "op" and start.value == "(":
                message = "only filters can be called; there are no methods"
                raise ExpressionError(message, offset=start.offset)
            else:
                return found

    def _bracket(self, base: Syntax, start: int) -> Syntax:
        first = None if self._at(":") else self._expression()
        if not self._accept(":"):
            self._expect("]")
            assert first is not None
            return self._step(base, first, start)
        last = None if self._at("]") else self._expression()
        self._expect("]")
        return self._made(Slice(base, first, last, start))

    def _step(self, base: Syntax, key: Syntax, start: int) -> Syntax:
        """One more key: a constant one makes a path longer."""
        if isinstance(base, Path) and isinstance(key, Literal) and type(key.value) in (str, int):
            self._count()
            return Path(base.root, (*base.keys, key.value), (*base.offsets, start))
        return self._made(Index(base, key, start))

    def _primary(self) -> Syntax:
        start = self._next
        if start.kind == "name":
            return self._named()
        if start.kind in ("number", "text"):
            self._advance()
            return self._made(Literal(start.value, start.offset))
        if self._accept("("):
            found = self._expression()
            self._expect(")")
            return found
        if self._accept("["):
            return self._made(ListOf(self._items("]"), start.offset))
        if self._accept("{"):
            return self._made(MappingOf(self._entries(), start.offset))
        raise self._unexpected("a value")

    def _named(self) -> Syntax:
        start = self._advance()
        name = str(start.value)
        if name in _LITERALS:
            return self._made(Literal(_LITERALS[name], start.offset))
        if name in _RESERVED:
            raise ExpressionError(f"unexpected {name!r}; a value was expected", offset=start.offset)
        if self._accept("("):
            arguments, named = self._arguments()
            return self._made(Call(name, arguments, named, start.offset))
        return self._made(Path(name, (), (start.offset,)))

    def _items(self, end: str) -> tuple[Syntax, ...]:
        items: list[Syntax] = []
        while not self._accept(end):
            items.append(self._expression())
            if not self._at(end):
                self._expect(",")
        return tuple(items)

    def _entries(self) -> tuple[tuple[str, Syntax], ...]:
        entries: dict[str, Syntax] = {}
        while not self._accept("}"):
            key = self._advance()
            if key.kind not in ("name", "text"):
                raise ExpressionError("a key is a name or a text in quotes", offset=key.offset)
            if str(key.value) in entries:
                raise ExpressionError(f"the key {words.quoted(key.value)} is there twice", offset=key.offset)
            self._expect(":")
            entries[str(key.value)] = self._expression()
            if not self._at("}"):
                self._expect(",")
        return tuple(entries.items())

    def _arguments(self) -> tuple[tuple[Syntax, ...], tuple[tuple[str, Syntax], ...]]:
        """What stands between the parentheses of a call: ``a, b, name=c``."""
        arguments: list[Syntax] = []
        named: dict[str, Syntax] = {}
        while not self._accept(")"):
            name = self._next
            if name.kind == "name" and self._peek() == "=":
                self._advance()
                self._advance()
                if str(name.value) in named:
                    raise ExpressionError(f"the argument {name.value!r} is given twice", offset=name.offset)
                named[str(name.value)] = self._expression()
            elif named:
                raise ExpressionError(
                    "an argument without a name cannot follow a named one", offset=name.offset
                )
            else:
                arguments.append(self._expression())
            if not self._at(")"):
                self._expect(",")
        return tuple(arguments), tuple(named.items())

    def _made(self, part: _T) -> _T:
        self._count()
        return part

    def _count(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise ExpressionError(f"the expression has more than {MAX_PARTS} parts", offset=self._next.offset)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep(self._next.offset)

    def _advance(self) -> Token:
        current = self._next
        if current.kind == "end":
            raise self._unexpected("a value")
        self._next = token(self._text, current.end)
        return current

    def _peek(self) -> object:
        return token(self._text, self._next.end).value if self._next.kind != "end" else ""

    def _at(self, operator: str) -> bool:
        return self._next.kind == "op" and self._next.value == operator

    def _accept(self, operator: str) -> bool:
        found = self._at(operator)
        if found:
            self._advance()
        return found

    def _expect(self, operator: str) -> None:
        if not self._accept(operator):
            raise self._unexpected(f"{operator!r}")

    def _name(self, expected: str) -> Token:
        if self._next.kind != "name":
            raise self._unexpected(expected)
        return self._advance()

    def _unexpected(self, expected: str) -> ExpressionError:
        found = self._next
        shown = "the end" if found.kind == "end" else words.quoted(self._text[found.offset : found.end])
        advice = "; write '==' to compare" if found.value == "=" and found.kind == "op" else ""
        return ExpressionError(f"{expected} was expected, not {shown}{advice}", offset=found.offset)


def _shallow(root: Syntax) -> Syntax:
    """The syntax, unless evaluating it would recurse too deeply."""
    level, height = [root], 0
    while level:
        height += 1
        if height > MAX_HEIGHT:
            raise _too_deep(level[0].offset)
        level = [part for syntax in level for part in parts(syntax)]
    return root


def _too_deep(offset: int) -> ExpressionError:
    return ExpressionError("the expression is nested too deeply", offset=offset)
