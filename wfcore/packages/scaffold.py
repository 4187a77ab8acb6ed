"""New plugin projects, from the templates that come with this package."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from wfcore.errors import Conflict, UsageError

LANGUAGES: Final = ("ts", "c", "zig")
#: The namespace of a plugin whose author names none.
NAMESPACE: Final = "my"
_NAME: Final = re.compile(r"(?:[a-z][a-z0-9_-]{0,63}/)?[a-z][a-z0-9_-]{0,63}")
#: Files that would mean something in the tree they come from.
_RENAMED: Final = {"gitignore": ".gitignore"}


def scaffold(name: str, language: str, parent: Path) -> list[Path]:
    """Make a project for a plugin in a folder of its name; the files that it has, as paths.

    Raises UsageError for a name or language that cannot be, Conflict for a folder that is not empty.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a plugin", remedy="write one like hello or community/hello")
    if language not in LANGUAGES:
        raise UsageError(
            f"there is no template for {language!r}", remedy=f"the languages are {', '.join(LANGUAGES)}"
        )
    folder = parent / name.rpartition("/")[2]
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is there already", remedy="choose another name, or remove it")
    full = name if "/" in name else f"{NAMESPACE}/{name}"
    return _copied(files("wfcore.packages") / "templates" / language, folder, full)


def _copied(source: Traversable, target: Path, name: str) -> list[Path]:
    target.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for item in sorted(source.iterdir(), key=lambda item: item.name):
        place = target / _RENAMED.get(item.name, item.name)
        if item.is_dir():
            made += _copied(item, place, name)
        else:
            place.write_text(item.read_text(encoding="utf-8").replace("@NAME@", name), encoding="utf-8")
            made.append(place)
    return made
