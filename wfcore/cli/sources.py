"""What the user hands over: workflow files, directories of them, standard input, and inputs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wfcore.config.load import FILE_NAME
from wfcore.errors import InvalidInput, NotFound, UsageError, WorkflowError

#: As the language takes no larger file, nothing more is read of one.
_MOST: Final = 4 * 2**20
#: No file of inputs is larger.
INPUTS: Final = 64 * 2**20
#: The code of a task has to fit into a request, with others.
_CODE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Source:
    """A workflow file: its name as the user gave it, its content, and the files that its tasks name."""

    name: str
    content: bytes
    files: Mapping[str, str]


def workflows(paths: Sequence[str]) -> list[Source]:
    """Files, all ``*.yaml`` and ``*.yml`` below directories, and ``-``.

    Raises NotFound for what is not there, UsageError for a directory without workflows.
    """
    found = {name: place for path in paths for name, place in _files(path)}
    return [Source(name, *workflow(place)) for name, place in found.items()]


def workflow(path: str) -> tuple[bytes, dict[str, str]]:
    """The content of a workflow file or ``-``, and those of the files that its tasks name.

    A file that cannot be read is left out: whoever loads the workflow says where it is missing. Raises
    NotFound, UsageError.
    """
    content = read(path)
    directory = Path() if path == "-" else Path(path).parent
    return content, {name: text for name in _named(content) if (text := _text(directory / name)) is not None}


def read(path: str, most: int = _MOST) -> bytes:
    """The content of a file, or of standard input for ``-``. Raises NotFound, UsageError."""
    try:
        if path == "-":
            content = sys.stdin.buffer.read(most + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(most + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", remedy="correct the path") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", remedy="name a readable file") from error
    if len(content) > most:
        raise UsageError(f"{path} is larger than {most >> 20} MiB", remedy="name a smaller file")
    return content


def inputs(pairs: Sequence[str], file: str | None) -> dict[str, Any]:
    """Inputs of an execution: those of the JSON ``file`` (or ``-``), then each ``name=value`` as text.

    Raises UsageError, InvalidInput.
    """
    values = _inputs_of(file) if file else {}
    given: set[str] = set()
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(
                f"--input {pair!r} is not NAME=VALUE", remedy="write for example --input name=value"
            )
        if name in given:
            raise UsageError(f"the input {name!r} is given twice", remedy="give it once")
        given.add(name)
        values[name] = value
    return values


def _files(path: str) -> Iterator[tuple[str, str]]:
    place = Path(path)
    if path == "-":
        yield path, path
    elif place.is_dir():
        below = sorted(file for file in place.rglob("*.y*ml") if _is_workflow(file, place))
        if not below:
            raise UsageError(
                f"there is no *.yaml or *.yml below {path}", remedy="name a directory with workflows"
            )
        yield from ((str(file), str(file)) for file in below)
    else:
        yield path, path


def _named(content: bytes) -> Iterator[str]:
    """The files that tasks of a workflow name."""
    if b"file" not in content:
        return
    from wfcore.errors import InvalidWorkflow
    from wfcore.language.code import is_file
    from wfcore.language.schema import GROUPS
    from wfcore.language.source import read as parse

    try:
        document = parse(content).root.value
    except InvalidWorkflow:
        return
    for group in GROUPS if isinstance(document, dict) else ():
        tasks = document.get(group)
        for task in tasks.values() if isinstance(tasks, dict) else ():
            name = task.get("file") if isinstance(task, dict) else None
            if isinstance(name, str) and is_file(name):
                yield name


def _text(file: Path) -> str | None:
    try:
        return read(str(file), _CODE).decode()
    except (WorkflowError, UnicodeDecodeError):
        return None


def _is_workflow(file: Path, top: Path) -> bool:
    """Whether a directory offers it: no hidden one, and not the configuration, which lies beside them."""
    hidden = any(part.startswith(".") for part in file.relative_to(top).parts)
    return file.suffix in (".yaml", ".yml") and not hidden and file.name != FILE_NAME and file.is_file()


def _inputs_of(file: str) -> dict[str, Any]:
    content = read(file, INPUTS)
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{file} is not JSON: {error}", remedy='write {"name": value, …}') from error
    if not isinstance(values, dict):
        raise InvalidInput(f"{file} does not hold a JSON object", remedy='write {"name": value, …}')
    return values
