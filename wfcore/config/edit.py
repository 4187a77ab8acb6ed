"""Writes one setting into a configuration file and leaves all the rest of it as it was, comments too."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from wfcore.config import keys
from wfcore.config.given import Given, unknown
from wfcore.errors import InvalidConfig


def set_value(file: Path, name: str, text: str) -> Any:
    """Set the dotted key ``name`` to what ``text`` says; the value as it was written.

    A missing file is created for its owner alone. Raises InvalidConfig for what no key has, a value
    that does not fit, or a file that cannot be edited; the file is then as before.
    """
    content = _content(file)
    path = tuple(name.split("."))
    value = _value(path, text, _storage(content))
    section: Any = content
    for word in path[:-1]:
        if section.get(word) is None:
            section[word] = type(content)()
        section = section[word]
        if not isinstance(section, MutableMapping):
            raise InvalidConfig(
                f"{file}: {word}: must be a mapping of keys", remedy="correct the file by hand"
            )
    section[path[-1]] = value
    _write(file, _text(content))
    return value


def _value(path: tuple[str, ...], text: str, storage: str) -> Any:
    given = Given(path, text, "command line", Path())
    key = keys.find(path, storage)
    if key is None:
        fault = unknown(given, storage)
        what = (
            fault.text.removeprefix("command line: ") if fault else f"{given.name}: is a section, not a key"
        )
        raise InvalidConfig(what, remedy="docs/reference/configuration.md lists every key")
    try:
        value = key.kind.parse(text)
        key.kind.read(value)
    except ValueError as error:
        raise InvalidConfig(
            f"{given.name}: {error}", remedy="give another value; the file is unchanged"
        ) from None
    return value


def _storage(content: Any) -> str:
    section = content.get("storage")
    return str(section.get("type", "sqlite")) if isinstance(section, MutableMapping) else "sqlite"


def _content(file: Path) -> Any:
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import YAMLError

    try:
        content = _yaml().load(file.read_text("utf-8")) if file.exists() else None
    except (YAMLError, UnicodeDecodeError) as error:
        what = " ".join(str(error).split())
        raise InvalidConfig(f"{file}: not valid YAML: {what}", remedy="correct the file by hand") from error
    except OSError as error:
        raise InvalidConfig(
            f"{file} cannot be read: {error.strerror}", remedy="correct its permissions"
        ) from error
    if content is not None and not isinstance(content, CommentedMap):
        raise InvalidConfig(
            f"{file}: a configuration is a mapping of keys", remedy="correct the file by hand"
        )
    return CommentedMap() if content is None else content


def _text(content: Any) -> str:
    text = io.StringIO()
    _yaml().dump(content, text)
    return text.getvalue()


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _write(file: Path, text: str) -> None:
    """Durably, and so that nobody ever sees half of it."""
    target = file.resolve()
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            if target.exists():
                os.fchmod(opened.fileno(), target.stat().st_mode & 0o777)
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        Path(name).replace(target)
    except OSError as error:
        raise InvalidConfig(
            f"{file} cannot be written: {error.strerror}", remedy="correct its permissions"
        ) from error
