"""Help, as plain text on standard output: no pager, no colours, no third-party import."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from wfcore import __version__
from wfcore.cli.tree import COMMON, Command, Group, Node, Parameter

_WIDTH = 96
_SHORT = {"help": "-h, ", "version": "-V, "}


def text(path: tuple[str, ...], node: Node) -> str:
    """The help page of a command or a group."""
    return "\n".join(_group(path, node) if isinstance(node, Group) else _command(path, node))


def usage(path: tuple[str, ...], node: Command) -> str:
    """The one line that says how a command is called."""
    words = ["workflow", *path]
    for one in node.arguments:
        shown = f"{one.metavar}…" if one.variadic else one.metavar
        words.append(shown if one.required or one.variadic else f"[{shown}]")
    return f"usage: {' '.join(words)} [options]"


def _group(path: tuple[str, ...], node: Group) -> Iterator[str]:
    if not path:
        yield f"workflow {__version__}"
    yield node.summary
    yield ""
    yield f"usage: {' '.join(('workflow', *path))} COMMAND [options]"
    yield ""
    yield "Commands:"
    yield from _columns((name, member.summary) for name, member in node.members.items())
    yield ""
    yield from _options("Options of every command:", COMMON)


def _command(path: tuple[str, ...], node: Command) -> Iterator[str]:
    yield usage(path, node)
    yield ""
    yield node.summary
    if node.description:
        yield ""
        yield node.description
    yield ""
    if node.arguments:
        yield "Arguments:"
        yield from _columns((one.metavar, one.description) for one in node.arguments)
        yield ""
    own = node.options[: -len(COMMON)]
    if own:
        yield from _options("Options:", own)
        yield ""
    yield from _options("Options of every command:", COMMON)


def _options(title: str, options: Sequence[Parameter]) -> Iterator[str]:
    yield title
    yield from _columns((_spelt(one), one.description) for one in options)


def _spelt(one: Parameter) -> str:
    return f"{_SHORT.get(one.name, '')}{one.flag} {one.metavar}".rstrip()


def _columns(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    body = list(rows)
    width = max(len(left) for left, _ in body) + 4
    for left, right in body:
        first, *more = textwrap.wrap(right, _WIDTH - width) or [""]
        yield f"  {left:{width - 2}}{first}".rstrip()
        yield from (f"{'':{width}}{line}" for line in more)
