"""Texts and trees with ``{{ … }}`` in them: compiled once, evaluated as often as needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from wfcore.errors import ExpressionError
from wfcore.language import words
from wfcore.language.evaluation import Evaluation, Fault, Missing
from wfcore.language.expression.compiler import Code, Filters, compile_syntax
from wfcore.language.expression.parser import Parser
from wfcore.language.expression.syntax import Index, Path, Syntax, parts
from wfcore.language.filters import Filter, table
from wfcore.language.render import text as rendered
from wfcore.language.taint import apply, truth
from wfcore.model.values import Scope

Functions = Mapping[str, Callable[..., Any]]
#: Shown of a template in an error.
EXCERPT: Final = 80
_NAMED: Final = "a secret is named as secrets.NAME or secrets['NAME']"


class Use(NamedTuple):
    """A root that is read, with the constant keys after it, and where it stands in its text."""

    root: str
    keys: tuple[str | int, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A tree without templates. ``evaluate`` gives a fresh copy, so that nobody can change the workflow."""

    value: Any
    references: tuple[str, ...] = ()
    constant: bool = True

    def evaluate(self, scope: Scope) -> Any:
        """The value."""
        return _copied(self.value)


@dataclass(frozen=True, slots=True)
class Template:
    """One text. ``uses`` are all roots it reads."""

    text: str
    code: Code
    uses: tuple[Use, ...]
    constant: bool = False

    @property
    def references(self) -> tuple[str, ...]:
        """Names of the tasks it mentions."""
        return references(self.uses)

    def evaluate(self, scope: Scope) -> Any:
        """The value under ``scope``. Raises ExpressionError."""
        return run(self.code, scope)


@dataclass(frozen=True, slots=True)
class Tree:
    """Mappings and lists with templates somewhere in them."""

    code: Code
    references: tuple[str, ...]
    constant: bool = False

    def evaluate(self, scope: Scope) -> Any:
        """The value under ``scope``, in new containers. Raises ExpressionError."""
        return run(self.code, scope)


def compile(text: str, functions: Functions | Filters | None = None) -> Template:
    """A text with any number of ``{{ … }}``. Raises ExpressionError with the offset in the text."""
    filters = table(functions)
    pieces = split(text)
    if len(pieces) == 1 and isinstance(pieces[0], str):
        return Template(text, lambda _: text, (), constant=True)
    codes = [piece if isinstance(piece, str) else compile_syntax(piece, filters) for piece in pieces]
    uses = tuple(use for piece in pieces if not isinstance(piece, str) for use in used(piece))
    alone = [code for code in codes if not isinstance(code, str) or not code.isspace()]
    if len(alone) == 1 and not isinstance(alone[0], str):
        return Template(text, _explained(alone[0], text), uses)
    return Template(text, _explained(_joined(codes), text), uses)


def compile_condition(text: str, functions: Functions | Filters | None = None) -> Template:
    """An expression with or without ``{{ }}`` around it, evaluating to true or false."""
    filters = table(functions)
    if "{{" not in text:
        syntax = Parser(text).whole()
    else:
        pieces = [piece for piece in split(text) if not isinstance(piece, str) or not piece.isspace()]
        if len(pieces) != 1 or isinstance(pieces[0], str):
            raise ExpressionError(
                "a condition is one expression; put '{{' and '}}' around all of it, or leave them out"
            )
        syntax = pieces[0]
    code = compile_syntax(syntax, filters)
    whether = _explained(lambda evaluation: truth(code(evaluation), syntax.offset), text)
    return Template(text, whether, tuple(used(syntax)))


def compile_tree(value: Any, functions: Functions | Filters | None = None) -> Constant | Template | Tree:
    """Mappings, lists and scalars with templates in any text. Raises ExpressionError at the first fault."""
    filters = table(functions)
    return build(value, lambda _, text: compile(text, filters))


#: Compiles the text at a path of a tree.
OnText = Callable[[tuple[str | int, ...], str], Template]


def build(value: Any, on_text: OnText, path: tuple[str | int, ...] = ()) -> Constant | Template | Tree:
    """The expression of a tree; ``on_text`` is called for every text with ``{{`` in it."""
    found: list[Template] = []
    code = _tree(value, on_text, path, found)
    if not found:
        return Constant(value)
    if isinstance(value, str):
        return found[0]
    return Tree(code, tuple(dict.fromkeys(name for template in found for name in template.references)))


def _tree(value: Any, on_text: OnText, path: tuple[str | int, ...], found: list[Template]) -> Code:
    if isinstance(value, str) and "{{" in value:
        template = on_text(path, value)
        found.append(template)
        return _located(template.code, path)
    if isinstance(value, dict):
        entries = tuple((key, _tree(below, on_text, (*path, key), found)) for key, below in value.items())
        return lambda evaluation: {key: code(evaluation) for key, code in entries}
    if isinstance(value, list):
        items = tuple(_tree(below, on_text, (*path, index), found) for index, below in enumerate(value))
        return lambda evaluation: [code(evaluation) for code in items]
    return lambda _: value


def references(uses: Sequence[Use]) -> tuple[str, ...]:
    """The tasks that are mentioned, in order of first mention."""
    return tuple(dict.fromkeys(str(use.keys[0]) for use in uses if use.root == "tasks" and use.keys))


def split(text: str) -> list[str | Syntax]:
    """The text's pieces: literal text and parsed expressions. Raises ExpressionError."""
    pieces: list[str | Syntax] = []
    position = 0
    while (start := text.find("{{", position)) >= 0:
        if start > position:
            pieces.append(text[position:start])
        syntax, position = Parser(text, start + 2).template()
        pieces.append(syntax)
    if position < len(text) or not pieces:
        pieces.append(text[position:])
    return pieces


def used(root: Syntax) -> list[Use]:
    """All roots that an expression reads. Raises ExpressionError when a task is not named statically."""
    uses: list[Use] = []
    waiting: list[Syntax] = [root]
    while waiting:
        syntax = waiting.pop()
        if isinstance(syntax, Path):
            uses.append(Use(syntax.root, syntax.keys, syntax.offset))
        if (
            isinstance(syntax, Index)
            and isinstance(syntax.base, Path)
            and syntax.base == Path("tasks", (), (syntax.base.offset,))
        ):
            message = (
                "a task is named as tasks.NAME or tasks['NAME']; the graph is known before anything runs"
            )
            raise ExpressionError(message, offset=syntax.offset)
        if (
            isinstance(syntax, Index)
            and isinstance(syntax.base, Path)
            and syntax.base == Path("secrets", (), (syntax.base.offset,))
        ):
            raise ExpressionError(_NAMED, offset=syntax.offset)
        waiting.extend(parts(syntax))
    uses.sort(key=lambda use: use.offset)
    for use in uses:
        if use.root == "tasks" and (not use.keys or not isinstance(use.keys[0], str)):
            raise ExpressionError("'tasks' needs the name of a task: tasks.NAME", offset=use.offset)
        if use.root == "secrets" and (not use.keys or not isinstance(use.keys[0], str)):
            raise ExpressionError(_NAMED, offset=use.offset)
    return uses


def run(code: Code, scope: Scope) -> Any:
    """Evaluate within limits; whatever goes wrong is an ExpressionError."""
    try:
        return code(Evaluation(scope))
    except RecursionError:
        raise ExpressionError("the value is nested too deeply") from None


def _joined(codes: Sequence[Code | str]) -> Code:
    def join(evaluation: Evaluation) -> Any:
        values = [code if isinstance(code, str) else code(evaluation) for code in codes]
        return apply(evaluation, "~", _text, [evaluation, values], {})

    return join


def _text(evaluation: Evaluation, values: Sequence[Any]) -> str:
    pieces = [value if isinstance(value, str) else rendered(evaluation, value) for value in values]
    evaluation.produce(sum(map(len, pieces)))
    return "".join(pieces)


def _explained(code: Code, text: str) -> Code:
    """The code, with errors that show the template."""

    def run(evaluation: Evaluation) -> Any:
        try:
            return code(evaluation)
        except (Missing, ExpressionError) as error:
            raise ExpressionError(f"{error.message} (in {_excerpt(text)})", offset=error.offset) from None
        except (Fault, ValueError) as error:
            raise ExpressionError(f"{error} (in {_excerpt(text)})") from None

    return run


def _located(code: Code, path: tuple[str | int, ...]) -> Code:
    """The code, with errors that begin with the path in the tree."""
    if not path:
        return code
    where = words.path(path)

    def run(evaluation: Evaluation) -> Any:
        try:
            return code(evaluation)
        except ExpressionError as error:
            raise ExpressionError(f"{where}: {error.message}", offset=error.offset) from None

    return run


def _excerpt(text: str) -> str:
    line = " ".join(text[: 2 * EXCERPT].split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_copied(below) for below in value]
    return value


__all__ = ["Constant", "Filter", "Template", "Tree", "Use", "compile", "compile_condition", "compile_tree"]
