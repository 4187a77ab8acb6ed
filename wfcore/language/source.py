"""YAML as this product reads it: the 1.2 core types, text keys, located, and within limits.

The grammar is libyaml's; what plain scalars mean is ours (see ``wfcore.language.scalar``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import yaml

from wfcore.errors import InvalidWorkflow, Problem
from wfcore.language import words
from wfcore.language.document import Document, Node
from wfcore.language.scalar import resolved

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 64
MAX_NODES: Final = 200_000
MAX_ALIASES: Final = 100
MAX_SECONDS: Final = 5.0
MAX_PROBLEMS: Final = 100

#: The parser compares every directive with all others.
MAX_DIRECTIVES: Final = 16
_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)
_TOO_DEEP: Final = f"nested more than {MAX_DEPTH} levels deep"
_QUOTE_HINT: Final = 'put the template in quotes: "{{ … }}"'


def read(source: bytes | str, file: str = "workflow.yaml") -> Document:
    """Parse one YAML document. Raises InvalidWorkflow with all problems of its form."""
    text = _decoded(source, file)
    reader = _Reader(text, file)
    try:
        root = reader.read()
    except _Stop as stop:
        reader.problems.append(stop.problem)
    except yaml.YAMLError as error:
        reader.problems.append(_syntax(error, text, file))
    else:
        if not reader.problems:
            return Document(file, text, root)
    raise InvalidWorkflow(sorted(set(reader.problems))[:MAX_PROBLEMS])


class _Stop(Exception):
    """Reading cannot go on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(slots=True)
class _Open:
    """A collection that has begun: ``key`` is the key whose value comes next."""

    node: Node
    anchor: str | None
    mapping: bool
    key: str | None = None
    refused: bool = False
    merges: list[Node] = field(default_factory=list)


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._nodes = self._aliases = 0
        self._deadline = monotonic() + MAX_SECONDS
        self._root: Node | None = None

    def read(self) -> Node:
        if len(_DIRECTIVE.findall(self.text)) > MAX_DIRECTIVES:
            raise self._stop(None, f"more than {MAX_DIRECTIVES} lines begin with '%'")
        for event in yaml.parse(self.text, Loader=_LOADER):
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._begin(event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._end(event)
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.DocumentStartEvent():
                    self._document(event)
        if self._root is None:
            raise self._stop(None, "the file is empty; a workflow needs at least 'tasks'")
        return self._root

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        if self._root is not None:
            raise self._stop(event, "a file holds one workflow; put the second document into its own file")
        if event.tags:
            self._problem(event, "a %TAG directive is not supported; leave it out")
        if event.version and tuple(event.version) != (1, 2):
            self._problem(event, "the file is read as YAML 1.2; leave the %YAML directive out")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._check(event)
        node = self._node(event, event.value)
        node.start, node.end, node.style = _index(event.start_mark), _index(event.end_mark), event.style or ""
        if not node.style and not self._awaits_key:
            node.value = self._resolved(event)
        self._anchor(event.anchor, node)
        self._add(node, event)

    def _resolved(self, event: yaml.ScalarEvent) -> Any:
        try:
            return resolved(event.value)
        except ValueError as error:
            self._problem(event, f"{error}; quote it if it is text")
            return event.value

    def _begin(self, event: Any) -> None:
        self._check(event)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if len(self._open) >= MAX_DEPTH:
            raise self._stop(event, _TOO_DEEP)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if self._awaits_key:
            message = "a key must be text"
            if event.flow_style and mapping:
                message += f"; {_QUOTE_HINT}"
            self._problem(event, message)
        self._open.append(_Open(self._node(event, {} if mapping else []), event.anchor, mapping))

    def _end(self, event: Any) -> None:
        done = self._open.pop()
        for merged in done.merges:
            self._merge(done.node, merged, event)
        done.node.size += sum(child.size for child in done.node.children.values())
        done.node.height += max((child.height for child in done.node.children.values()), default=0)
        self._anchor(done.anchor, done.node)
        self._add(done.node, event)

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._aliases += 1
        name = str(event.anchor)
        if self._aliases > MAX_ALIASES:
            raise self._stop(event, f"more than {MAX_ALIASES} aliases")
        target = self._anchors.get(name)
        if target is None:
            what = "contains itself" if name in self._anchors else "has no anchor before it"
            raise self._stop(event, f"the alias *{name[:60]} {what}")
        self._count(event, target.size)
        if len(self._open) + target.height > MAX_DEPTH:
            raise self._stop(event, _TOO_DEEP)
        self._add(target, event)

    def _add(self, node: Node, event: Any) -> None:
        """Put a finished node into the collection that is open."""
        if not self._open:
            self._root = node
            return
        top = self._open[-1]
        if not top.mapping:
            top.node.children[len(top.node.value)] = node
            top.node.value.append(node.value)
        elif top.key is None and not top.refused:
            self._key(top, node, event)
        else:
            self._entry(top, node, event)

    def _key(self, top: _Open, node: Node, event: Any) -> None:
        key = node.value
        if not isinstance(key, str) or not key:
            if isinstance(key, str) or isinstance(event, yaml.AliasEvent):
                self._problem(event, "a key must not be empty" if key == "" else "a key must be text")
            top.refused = True
            return
        if key in top.node.keys:
            line = top.node.keys[key][0] + 1
            self._problem(event, f"the key {words.quoted(key)} is already there, on line {line}")
            top.refused = True
            return
        top.key = key
        top.node.keys[key] = (event.start_mark.line, event.start_mark.column)

    def _entry(self, top: _Open, node: Node, event: Any) -> None:
        key, top.key = top.key, None
        if top.refused or key is None:
            top.refused = False
        elif key == "<<":
            if isinstance(node.value, dict) or _all_mappings(node):
                top.merges.append(node)
            else:
                self._problem(node, "'<<' takes a mapping or a list of mappings")
        else:
            top.node.children[key] = node
            top.node.value[key] = node.value

    def _merge(self, into: Node, source: Node, event: Any) -> None:
        """What ``<<`` brings: keys that are not there yet, earlier mappings of a list first."""
        for mapping in [source] if isinstance(source.value, dict) else source.children.values():
            for key, child in mapping.children.items():
                if key not in into.children:
                    self._count(event, child.size)
                    into.children[key], into.value[key] = child, child.value
                    into.keys[key] = mapping.keys[key]

    @property
    def _awaits_key(self) -> bool:
        if not self._open:
            return False
        top = self._open[-1]
        return top.mapping and top.key is None and not top.refused

    def _node(self, event: Any, value: Any) -> Node:
        return Node(value, event.start_mark.line, event.start_mark.column)

    def _anchor(self, name: str | None, node: Node) -> None:
        if name is not None:
            self._anchors[name] = node

    def _check(self, event: Any) -> None:
        self._count(event, 1)
        if event.tag is not None:
            self._problem(event, f"the tag {words.quoted(event.tag)} is not supported; leave it out")

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self._stop(event, f"more than {MAX_NODES} values (with what aliases repeat)")
        if self._nodes % 256 < nodes and monotonic() > self._deadline:
            raise self._stop(event, f"reading takes more than {MAX_SECONDS:g} s")
        if len(self.problems) > MAX_PROBLEMS:
            raise self._stop(event, "too many problems; the rest was not read")

    def _problem(self, event: Any, message: str) -> None:
        self.problems.append(self._stop(event, message).problem)

    def _stop(self, event: Any, message: str) -> _Stop:
        if event is None:
            line, column = 0, 0
        elif isinstance(event, Node):
            line, column = event.line, event.column
        else:
            line, column = event.start_mark.line, event.start_mark.column
        where = [part.key for part in self._open if part.mapping and part.key is not None]
        return _Stop(Problem(line + 1, column + 1, words.path(where), message, self.file))


def _index(mark: Any) -> int:
    return int(mark.index)


def _all_mappings(node: Node) -> bool:
    return isinstance(node.value, list) and all(isinstance(value, dict) for value in node.value)


def _decoded(source: bytes | str, file: str) -> str:
    try:
        content = source.encode() if isinstance(source, str) else source
        text = content.decode("utf-8")
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line = source[:start].count("\n" if isinstance(source, str) else b"\n") + 1  # type: ignore[arg-type]
        raise InvalidWorkflow(
            [Problem(line, 1, "", "the file is not UTF-8 text; save it as UTF-8", file)]
        ) from None
    if len(content) > MAX_BYTES:
        message = f"the file has {len(content)} bytes; a workflow has at most {MAX_BYTES}"
        raise InvalidWorkflow([Problem(1, 1, "", message, file)])
    return text.removeprefix("\ufeff")


def _syntax(error: yaml.YAMLError, text: str, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        position = int(getattr(error, "position", 0) or 0)
        line, column = text.count("\n", 0, position), position - text.rfind("\n", 0, position) - 1
        message = str(getattr(error, "reason", "") or error).splitlines()[0]
    else:
        line, column = mark.line, mark.column
        message = getattr(error, "problem", None) or getattr(error, "context", None) or "not valid"
    if "maximum nesting depth" in message:  # libyaml reads ahead, and has a limit of its own
        return Problem(line + 1, column + 1, "", _TOO_DEEP, file)
    lines = text.splitlines()
    shown = lines[line] if line < len(lines) else ""
    if re.search(r"[:-]\s+\{\{", shown):
        message += f"; {_QUOTE_HINT}"
    elif "mapping values are not allowed" in message:
        message = "unexpected ':'; quote text that has ': ' in it, and check the indentation"
    return Problem(line + 1, column + 1, "", f"not YAML: {message}", file)


#: The C parser where it was built, else the same grammar in Python.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
