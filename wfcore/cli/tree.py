"""What a command is: a function, its parameters, its help; and the groups that hold commands."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

_ARGUMENT = re.compile(r"(\w+)(?: \((.+?)\))?: (.*)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument or option. ``kind`` is str, bool, int, float, Path or list (it may be repeated).

    ``metavar`` is how help names its value; ``variadic`` is an argument that may be given several times.
    """

    name: str
    kind: type
    positional: bool
    variadic: bool
    default: Any
    metavar: str
    description: str

    @property
    def required(self) -> bool:
        """Whether the command cannot do without it."""
        return self.default is inspect.Parameter.empty

    @property
    def flag(self) -> str:
        """As it is typed: ``--dry-run``."""
        return "--" + self.name.replace("_", "-")


#: Options that every command has; the door takes them, not the command.
COMMON = (
    Parameter("json", bool, False, False, False, "", "Answer with JSON: one document, or JSON lines."),
    Parameter("server", str, False, False, None, "URL", "The server to talk to, instead of this machine's."),
    Parameter("config", str, False, False, None, "FILE", "The configuration file."),
    Parameter("help", bool, False, False, False, "", "Show this help and do nothing else."),
    Parameter("version", bool, False, False, False, "", "Show the version and do nothing else."),
)


@dataclass(frozen=True, slots=True)
class Command:
    """A leaf of the tree. ``run`` gets a Session and the parameters; it returns an Answer or an exit code."""

    run: Callable[..., Any]
    summary: str
    description: str
    parameters: tuple[Parameter, ...]

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """The positional parameters, in order."""
        return tuple(one for one in self.parameters if one.positional)

    @property
    def options(self) -> tuple[Parameter, ...]:
        """Its own options, then those of every command."""
        return tuple(one for one in self.parameters if not one.positional) + COMMON


@dataclass(frozen=True, slots=True)
class Group:
    """A branch of the tree. ``grow`` gives its members; what they are made of is imported only then."""

    summary: str
    grow: Callable[[], Mapping[str, Command | Group]]

    @property
    def members(self) -> Mapping[str, Command | Group]:
        """What is below it, by name."""
        return self.grow()


Node = Command | Group


def command(function: Callable[..., Any]) -> Command:
    """Reads a command off its function: the signature after the session, and the docstring.

    The docstring is a summary line, paragraphs, and ``Args:`` with ``name (METAVAR): description`` lines.
    """
    text, _, arguments = inspect.cleandoc(function.__doc__ or "").partition("\nArgs:\n")
    summary, _, description = text.partition("\n")
    documented = {m[1]: m for line in arguments.splitlines() if (m := _ARGUMENT.fullmatch(line.strip()))}
    parameters = [*inspect.signature(function, eval_str=True).parameters.values()][1:]
    return Command(
        function, summary, description.strip(), tuple(_parameter(p, documented) for p in parameters)
    )


def walk(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Every node with its path, the root first."""
    yield path, node
    if isinstance(node, Group):
        for name, member in node.members.items():
            yield from walk(member, (*path, name))


def _parameter(parameter: inspect.Parameter, all_documented: Mapping[str, re.Match[str]]) -> Parameter:
    documented = all_documented[parameter.name]
    variadic = parameter.kind is parameter.VAR_POSITIONAL
    positional = variadic or parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    kind = _kind(parameter.annotation)
    name = parameter.name.upper() if positional else {int: "NUMBER", float: "SECONDS"}.get(kind, "TEXT")
    metavar = documented[2] or ("" if kind is bool else name)
    return Parameter(parameter.name, kind, positional, variadic, parameter.default, metavar, documented[3])


def _kind(annotation: Any) -> type:
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(one for one in get_args(annotation) if one is not NoneType)
    kind: type = get_origin(annotation) or annotation
    return kind
