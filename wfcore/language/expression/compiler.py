"""Syntax to closures: everything that can be decided once is decided here, not at each evaluation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from wfcore.errors import ExpressionError, Forbidden, PluginError, SecretError, Unavailable
from wfcore.language import operators, words
from wfcore.language.evaluation import LAZY_DEPTH, Evaluation, Fault, Missing, plain, settled
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
)
from wfcore.language.filters import Filter
from wfcore.language.taint import apply, truth
from wfcore.model.values import Lazy

#: What goes wrong with a value that is fetched from elsewhere is not the expression's fault.
_BEYOND = (SecretError, Unavailable, Forbidden, PluginError)
Code = Callable[[Evaluation], Any]
Filters = Mapping[str, Filter]


def compile_syntax(syntax: Syntax, filters: Filters) -> Code:
    """A function that evaluates the syntax. Raises ExpressionError for unknown or misused filters."""
    match syntax:
        case Literal(value=value):
            return lambda _: value
        case Path():
            return _path(syntax)
        case Index():
            return _index(syntax, filters)
        case Slice():
            return _slice(syntax, filters)
        case Operation():
            return _operation(syntax, filters)
        case ListOf(items=items):
            codes = tuple(compile_syntax(item, filters) for item in items)
            return lambda evaluation: [code(evaluation) for code in codes]
        case MappingOf(entries=entries):
            pairs = tuple((key, compile_syntax(value, filters)) for key, value in entries)
            return lambda evaluation: {key: code(evaluation) for key, code in pairs}
        case Call():
            return _call(syntax, filters)


def _path(path: Path) -> Code:
    """Lazy values are fetched on the way; of a short path also those below, for nobody asks later."""
    root, keys, offsets = path.root, path.keys, path.offsets
    levels = max(0, LAZY_DEPTH - len(keys))

    def run(evaluation: Evaluation) -> Any:
        value = evaluation.roots.get(root, evaluation)
        if type(value) is not dict:
            value = evaluation.root(root, offsets[0])
        for step, key in enumerate(keys, 1):
            try:
                value = value[key] if type(value) is dict else operators.get(value, key)
            except (KeyError, Missing):
                raise Missing(value, key, offsets[step]) from None
            except Fault as fault:
                raise ExpressionError(str(fault), offset=offsets[step]) from None
            if type(value) is Lazy:
                value = _fetched(value, offsets[step])
        return settled(value, levels) if levels else plain(value)

    return run


def _fetched(value: Lazy, offset: int) -> Any:
    try:
        return plain(value)
    except Missing as missing:
        missing.offset = offset
        raise


def _index(index: Index, filters: Filters) -> Code:
    base, key, offset = compile_syntax(index.base, filters), compile_syntax(index.key, filters), index.offset

    def run(evaluation: Evaluation) -> Any:
        value, name = base(evaluation), key(evaluation)
        try:
            return plain(operators.get(value, name))
        except Missing:
            raise Missing(value, name, offset) from None
        except Fault as fault:
            raise ExpressionError(str(fault), offset=offset) from None

    return run


def _slice(syntax: Slice, filters: Filters) -> Code:
    base = compile_syntax(syntax.base, filters)
    bounds = [
        compile_syntax(part or Literal(None, syntax.offset), filters) for part in (syntax.start, syntax.stop)
    ]

    def cut(evaluation: Evaluation) -> Any:
        start, stop = (bound(evaluation) for bound in bounds)
        return apply(evaluation, "slice", operators.cut, [evaluation, base(evaluation), start, stop], {})

    return _guarded(cut, "the slice", syntax.offset)


def _operation(syntax: Operation, filters: Filters) -> Code:
    codes = [compile_syntax(part, filters) for part in syntax.parts]
    offset = syntax.offset
    match syntax.operator, codes:
        case "?", [condition, then, otherwise]:
            return lambda evaluation: (
                then(evaluation) if truth(condition(evaluation), offset) else otherwise(evaluation)
            )
        case "?:" | "or", [left, right]:
            return _either(left, right, offset, wanted=True)
        case "and", [left, right]:
            return _either(left, right, offset, wanted=False)
        case "not", [only]:
            return lambda evaluation: not truth(only(evaluation), offset)
        case "??", [left, right]:
            return coalesce(left, right)
        case "negate", [only]:
            return _guarded(
                lambda evaluation: apply(evaluation, "-", operators.negate, [only(evaluation)], {}),
                "'-'",
                offset,
            )
        case operator, [left, right]:
            function = operators.INFIX[operator]
            return _guarded(
                lambda evaluation: apply(
                    evaluation, operator, function, [evaluation, left(evaluation), right(evaluation)], {}
                ),
                repr(operator),
                offset,
            )
    raise AssertionError(syntax.operator)


def _either(left: Code, right: Code, offset: int, *, wanted: bool) -> Code:
    """``or`` and ``and``: the left value if its truth is the ``wanted`` one, else the right one."""

    def run(evaluation: Evaluation) -> Any:
        value = left(evaluation)
        return value if truth(value, offset) is wanted else right(evaluation)

    return run


def coalesce(left: Code, right: Code) -> Code:
    """``left ?? right``: the right value when something in the left one is missing, or it is null."""

    def run(evaluation: Evaluation) -> Any:
        try:
            value = left(evaluation)
        except Missing:
            value = None
        return right(evaluation) if value is None else value

    return run


def _call(call: Call, filters: Filters) -> Code:
    if call.name == "default":
        return _default(call, filters)
    found = filters.get(call.name)
    if found is None:
        known = words.hint(call.name, [*filters, "default"])
        raise ExpressionError(f"unknown filter {words.quoted(call.name)}{known}", offset=call.offset)
    _fits(call, found)
    function = found.function
    arguments = tuple(compile_syntax(argument, filters) for argument in call.arguments)
    named = tuple((name, compile_syntax(value, filters)) for name, value in call.named)
    label = f"filter '{call.name}'"
    if not found.builtin:
        return _guarded(_plugged(call.name, function, arguments, named), label, call.offset)
    return _guarded(
        lambda evaluation: apply(
            evaluation,
            call.name,
            function,
            [evaluation, *[code(evaluation) for code in arguments]],
            {name: code(evaluation) for name, code in named},
        ),
        label,
        call.offset,
    )


def _plugged(
    name: str, function: Callable[..., Any], arguments: tuple[Code, ...], named: tuple[tuple[str, Code], ...]
) -> Code:
    """The call of a plugin's filter, which knows nothing of evaluations."""

    def run(evaluation: Evaluation) -> Any:
        values = [code(evaluation) for code in arguments]
        found = apply(evaluation, name, function, values, {key: code(evaluation) for key, code in named})
        evaluation.produce(len(found) if isinstance(found, (str, bytes)) else 0)
        return found

    return run


def _default(call: Call, filters: Filters) -> Code:
    """``x | default(y)`` is another spelling of ``x ?? y``."""
    if len(call.arguments) != 2 or call.named:
        raise ExpressionError("'default' takes one argument", offset=call.offset)
    left, right = (compile_syntax(argument, filters) for argument in call.arguments)
    return coalesce(left, right)


def _fits(call: Call, found: Filter) -> None:
    """Raises ExpressionError when the arguments are not those of the filter."""
    given = [None] * (len(call.arguments) + found.builtin)
    try:
        signature = inspect.signature(found.function)
        signature.bind(*given, **dict(call.named))
    except (TypeError, ValueError) as error:
        usage = f"; write {found.usage(call.name)}" if found.builtin else ""
        raise ExpressionError(f"'{call.name}': {error}{usage}", offset=call.offset) from None


def _guarded(code: Code, label: str, offset: int) -> Code:
    """The code, with everything that can go wrong inside it told as an ExpressionError with its place."""

    def run(evaluation: Evaluation) -> Any:
        try:
            return code(evaluation)
        except (ExpressionError, Missing, *_BEYOND):
            raise
        except Fault as fault:
            raise ExpressionError(f"{label}: {fault}", offset=offset) from None
        except RecursionError:
            raise ExpressionError(f"{label}: the value is nested too deeply", offset=offset) from None
        except MemoryError:
            raise ExpressionError(f"{label}: not enough memory", offset=offset) from None
        except Exception as error:
            raise ExpressionError(f"{label}: {_reason(error)}", offset=offset) from None

    return run


def _reason(error: Exception) -> str:
    """An unforeseen error in one line, without what Python says of its own types."""
    if isinstance(error, UnicodeError):
        return "the text cannot be encoded or decoded as UTF-8"
    if isinstance(error, OverflowError):
        return "the result is out of range"
    shown = str(error).splitlines()[0] if str(error) and isinstance(error, ValueError) else ""
    return shown if shown and "<" not in shown else f"the value does not fit ({type(error).__name__})"
