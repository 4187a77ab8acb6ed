"""From the words of the command line to one call, through Fire, without Fire's surprises.

Fire calls a function before it notices that arguments are left over, guesses types and swallows
words; so it gets canonical words only, for a command that does nothing but remember its arguments.
"""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wfcore.cli.tree import COMMON, Command, Group, Node, Parameter
from wfcore.errors import UsageError

_SEPARATOR = "\x1f"
_SHORT = {"-h": "--help", "-V": "--version"}


@dataclass(frozen=True, slots=True)
class Request:
    """A command line, understood: which node, its arguments, and the options that every command has."""

    path: tuple[str, ...]
    node: Node
    common: Mapping[str, Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Words:
    """The words, sorted by what they are."""

    path: tuple[str, ...]
    node: Node
    plain: list[str] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)


def read(root: Group, argv: Sequence[str]) -> Request:
    """What is asked for. Raises UsageError with the remedy; nothing has been done then."""
    if any(_SEPARATOR in word for word in argv):
        raise UsageError("an argument contains a control character", remedy="leave it out")
    words = _sort(root, argv)
    common = {one.name: _common(one, words.options.pop(one.name, None)) for one in COMMON}
    if common["help"] or common["version"] or isinstance(words.node, Group):
        return Request(words.path, words.node, common)
    _check_arguments(words.path, words.node, words.plain, words.options)
    if not (words.plain or words.options):  # nothing to bind, and Fire takes a while to import
        return Request(words.path, words.node, common)
    call = _through_fire(words)
    return Request(words.path, words.node, common, call.args, call.kwargs)


def _sort(root: Group, argv: Sequence[str]) -> _Words:
    words, rest, only_plain = _Words((), root), iter(argv), False
    for word in rest:
        if word == "--" and not only_plain:
            only_plain = True
        elif word.startswith("-") and word != "-":
            if only_plain:
                raise UsageError(f"{word!r} begins with a dash", remedy=f"write ./{word} if it is a file")
            _option(words, _SHORT.get(word, word), rest)
        elif isinstance(words.node, Group):
            words.node = _member(words, word)
            words.path = (*words.path, word)
        else:
            words.plain.append(word)
    return words


def _member(words: _Words, word: str) -> Node:
    assert isinstance(words.node, Group)
    if found := words.node.members.get(word):
        return found
    near = difflib.get_close_matches(word, words.node.members, 1, 0.5)
    hint = f" (did you mean {near[0]}?)" if near else ""
    spoken = " ".join(("workflow", *words.path))
    raise UsageError(f"{spoken}: there is no command {word!r}{hint}", remedy=f"see `{spoken} --help`")


def _option(words: _Words, word: str, rest: Iterator[str]) -> None:
    name, given, value = word.removeprefix("--").partition("=")
    parameter, negated = _parameter(words, word, name)
    if parameter.kind is bool:
        value = _truth(parameter, value, bool(given), negated)
    elif not given:
        value = next(rest, "--")
        if value.startswith("-") and len(value) > 1:
            raise UsageError(
                f"{parameter.flag} needs a value", remedy=f"write {parameter.flag}={parameter.metavar}"
            )
    values = words.options.setdefault(parameter.name, [])
    if values and parameter.kind is not list:
        raise UsageError(f"{parameter.flag} is given twice", remedy="give it once")
    values.append(value)


def _parameter(words: _Words, word: str, name: str) -> tuple[Parameter, bool]:
    options = words.node.options if isinstance(words.node, Command) else COMMON
    known = {one.flag.removeprefix("--"): one for one in options}
    if word.startswith("--") and name in known:
        return known[name], False
    plain = known.get(name.removeprefix("no-"))
    if word.startswith("--no-") and plain and plain.kind is bool:
        return plain, True
    near = difflib.get_close_matches(name.replace("_", "-"), known, 1, 0.6)
    spoken = " ".join(("workflow", *words.path))
    hint = f" (did you mean --{near[0]}?)" if near else ""
    shown = word.partition("=")[0]
    raise UsageError(f"{spoken}: there is no option {shown}{hint}", remedy=f"see `{spoken} --help`")


def _truth(parameter: Parameter, text: str, given: bool, negated: bool) -> str:
    if not given:
        return str(not negated)
    if text.lower() in ("true", "false") and not negated:
        return text.capitalize()
    raise UsageError(
        f"{parameter.flag} is a switch and takes no value, not {text!r}", remedy="leave the value out"
    )


def _common(parameter: Parameter, values: list[str] | None) -> Any:
    if values is None:
        return parameter.default
    return values[0] == "True" if parameter.kind is bool else values[0]


def _check_arguments(
    path: tuple[str, ...], node: Command, plain: Sequence[str], options: Mapping[str, Any]
) -> None:
    from wfcore.cli.help import usage

    wanted = node.arguments
    spoken, remedy = " ".join(("workflow", *path)), usage(path, node)
    needed = [one for one in wanted if one.required]
    if len(plain) < len(needed):
        raise UsageError(f"{spoken}: {needed[len(plain)].metavar} is missing", remedy=remedy)
    if len(plain) > len(wanted) and not any(one.variadic for one in wanted):
        raise UsageError(f"{spoken}: {plain[len(wanted)]!r} is one argument too many", remedy=remedy)
    for one in node.parameters:
        if one.required and not one.positional and one.name not in options:
            raise UsageError(f"{spoken}: {one.flag} is missing", remedy=remedy)


def _through_fire(words: _Words) -> _Call:
    """Let Fire bind the canonical words to the command's parameters."""
    import contextlib
    import io

    from fire import Fire
    from fire.core import FireExit

    assert isinstance(words.node, Command)
    several = {one.name for one in words.node.parameters if one.kind is list}
    given = (
        (name, json.dumps(texts) if name in several else texts[0]) for name, texts in words.options.items()
    )
    argv = [*words.plain, *(f"--{name}={text}" for name, text in given)]
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            call: _Call = Fire(
                _remember(words.node),
                command=[*argv, "--", f"--separator={_SEPARATOR}"],
                name="workflow",
                serialize=lambda _: None,
            )
    except FireExit as exit:
        said = errors.getvalue().strip().splitlines() or ["not understood"]
        raise UsageError(f"workflow {' '.join(words.path)}: {said[0]}", remedy="see --help") from exit
    return call


class _Call:
    """What a command returns while Fire parses: the arguments; no member that Fire could go on with."""

    __slots__ = ("args", "kwargs")

    def __init__(self, bound: inspect.BoundArguments) -> None:
        self.args, self.kwargs = bound.args, bound.kwargs

    def __dir__(self) -> Iterable[str]:
        return []


def _remember(node: Command) -> Callable[..., _Call]:
    """The function that Fire sees: the command's parameters after the session, and no deed."""
    from fire.decorators import SetParseFn, SetParseFns

    full = inspect.signature(node.run)
    signature = full.replace(parameters=[*full.parameters.values()][1:])

    def remember(*args: Any, **kwargs: Any) -> _Call:
        return _Call(signature.bind(*args, **kwargs))

    remember.__signature__ = signature  # type: ignore[attr-defined]
    parsers = {one.name: _parser(one) for one in node.parameters if not one.variadic}
    parsed: Callable[..., _Call] = SetParseFns(**parsers)(SetParseFn(str)(remember))
    return parsed


def _parser(parameter: Parameter) -> Callable[[str], Any]:
    def number(text: str) -> int | float:
        try:
            return int(text) if parameter.kind is int else float(text)
        except ValueError:
            raise UsageError(f"{parameter.flag} needs a number, not {text!r}", remedy="see --help") from None

    plain: dict[type, Callable[[str], Any]] = {
        bool: lambda text: text == "True",
        int: number,
        float: number,
        Path: Path,
        list: json.loads,
        str: str,
    }
    return plain[parameter.kind]
