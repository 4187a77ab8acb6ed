"""Reads the YAML of a configuration file with the place of every key, and no surprises of YAML 1.1."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

Path = tuple[str, ...]
_MAX_BYTES: Final = 1_000_000
_TAG: Final = "tag:yaml.org,2002:"
_SCALARS: Final[dict[str, Callable[[str], Any]]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
    "str": str,
}


@dataclass(frozen=True, slots=True)
class Document:
    """``values`` are the leaves by path; a list or an empty mapping is a leaf.

    ``places`` are (line, column) of every key, ``faults`` (line, column, path, message).
    """

    values: dict[Path, Any] = field(default_factory=dict)
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    faults: list[tuple[int, int, Path, str]] = field(default_factory=list)


class _Loader(yaml.SafeLoader):
    """Plain scalars by YAML 1.2: ``on``, ``no``, ``010`` and ``12:30:45`` are texts."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML fills it per class)


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]{0,17})", list("-+0123456789")),
    ("float", r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"(?:{_pattern})$"), _first)


def read(source: bytes) -> Document:
    """All that is in a file, or the faults that keep it from being read."""
    if len(source) > _MAX_BYTES:
        return Document(faults=[(1, 1, (), "the file is larger than 1 MB")])
    try:
        node = yaml.compose(source.decode("utf-8-sig"), _Loader)
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        return Document(faults=[(line, 1, (), "the file is not UTF-8 text")])
    except RecursionError:
        return Document(faults=[(1, 1, (), "the file is nested too deeply")])
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Document(faults=[(line, column, (), f"not valid YAML: {error.problem or error.context}")])
    except yaml.YAMLError as error:
        return Document(faults=[(1, 1, (), f"not valid YAML: {' '.join(str(error).split())}")])
    document = Document()
    if isinstance(node, yaml.MappingNode):
        _walk(node, (), document, set())
    elif node is not None and not (isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}null"):
        document.faults.append((*_place(node), (), "a configuration is a mapping of keys"))
    return document


def value_of(text: str) -> Any:
    """The value of a text of the environment: a scalar or a flow list. Raises ValueError."""
    document = read(f"value: {text}".encode())
    if document.faults:
        raise ValueError(document.faults[0][3])
    if set(document.values) != {("value",)}:
        raise ValueError("must be one value")
    return document.values["value",]


def _walk(node: yaml.MappingNode, path: Path, document: Document, seen: set[int]) -> None:
    for key, value in _pairs(node, path, document):
        if isinstance(value, yaml.MappingNode) and value.value and id(value) not in seen:
            seen.add(id(value))
            _walk(value, key, document, seen)
            continue
        try:
            document.values[key] = _value(value, seen)
        except ValueError as error:
            document.faults.append((*document.places[key], key, str(error)))


def _pairs(node: yaml.MappingNode, path: Path, document: Document) -> Iterator[tuple[Path, yaml.Node]]:
    for key, value in node.value:
        word = _word(key)
        if word is None:
            document.faults.append((*_place(key), path, "a key must be one word of text"))
        elif (*path, word) in document.places:
            line = document.places[*path, word][0]
            document.faults.append((*_place(key), (*path, word), f"is here twice; first on line {line}"))
        else:
            document.places[*path, word] = _place(key)
            yield (*path, word), value


def _word(key: yaml.Node) -> str | None:
    if isinstance(key, yaml.ScalarNode) and key.value and key.tag != f"{_TAG}null" and key.value != "<<":
        return str(key.value)
    return None


def _value(node: yaml.Node, seen: set[int]) -> Any:
    if id(node) in seen:
        raise ValueError("anchors and aliases are not supported in the configuration")
    kind = node.tag.removeprefix(_TAG)
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
        return _SCALARS[kind](node.value)
    if isinstance(node, yaml.SequenceNode) and kind == "seq":
        return [_value(item, seen) for item in node.value]
    if isinstance(node, yaml.MappingNode) and kind == "map":
        return {_word(key) or "": _value(value, seen) for key, value in node.value}
    raise ValueError(f"the tag {node.tag} is not supported")


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
