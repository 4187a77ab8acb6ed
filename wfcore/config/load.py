"""Merges defaults, file, environment and command line into one Config, and says all that is wrong at once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from wfcore.config import environment, keys
from wfcore.config.given import Fault, Given, unknown
from wfcore.errors import InvalidConfig, Problem

FILE_NAME: Final = "workflow.config.yaml"
SYSTEM_FILE: Final = Path("/etc/workflow/config.yaml")


@dataclass(frozen=True, slots=True)
class Setting:
    """``value`` is what is used (seconds, bytes, an absolute path), ``given`` what was written."""

    value: Any
    given: Any
    origin: str

    @property
    def shown(self) -> Any:
        """As a person would write it: ``30d`` rather than seconds, but paths absolute."""
        return self.value if isinstance(self.value, str) else self.given


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, checked; ``config["execution"]["maxConcurrentTasks"]`` is in the form that is used.

    Durations are seconds (float), sizes bytes (int), paths absolute texts. Every section is there,
    if only as an empty mapping. ``file`` is the file that was read, ``data_dir`` the data directory.
    """

    file: Path | None
    data_dir: Path
    settings: Mapping[tuple[str, ...], Setting]
    tree: Mapping[str, Any]

    def __getitem__(self, section: str) -> Any:
        """A top-level section (a plain dict) or top-level key."""
        return self.tree[section]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a dotted key or a section. Raises KeyError for a name that no key can have."""
        found: Any = self.tree
        for word in name.split("."):
            if not isinstance(found, Mapping) or word not in found:
                self._require(name)
                return default
            found = found[word]
        return found

    def origin(self, name: str) -> str:
        """``default``, ``file PATH:LINE``, ``environment NAME`` or ``command line``.

        A section's is that of its first key.
        """
        path = tuple(name.split("."))
        below = (setting.origin for key, setting in self.settings.items() if key[: len(path)] == path)
        return next(below, "default")

    def _require(self, name: str) -> None:
        path = tuple(name.split("."))
        if keys.find(path, self.tree["storage"]["type"]) is None and not keys.is_section(path):
            raise KeyError(name)


def load(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, str] | None = None,
) -> Config:
    """The configuration: defaults < file < environment < ``overrides`` (dotted key -> text).

    ``path`` is the file asked for; without it WORKFLOW_CONFIG, ./workflow.config.yaml and
    /etc/workflow/config.yaml are tried. Raises InvalidConfig with every fault, one a line.
    """
    file, here = locate(path, environ), Path.cwd()
    faults: list[Fault] = []
    given = _from_file(file, faults) if file else []
    given += environment.read(environ, [one.path for one in given], here, faults)
    given += _from_overrides(overrides or {}, here, faults)
    storage = next((one.value for one in reversed(given) if one.path == ("storage", "type")), "sqlite")
    settings = _defaults(str(storage), here)
    for one in given:
        _accept(one, str(storage), settings, faults)
    if faults:
        lines = (fault.text for fault in sorted(faults, key=lambda fault: fault[:2]))
        message = "\n".join(dict.fromkeys(lines))
        raise InvalidConfig(message, remedy="docs/reference/configuration.md lists every key")
    return Config(file, _data_dir(settings, here), settings, _tree(settings))


def locate(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read, absolute. Raises InvalidConfig when one that was asked for is not there."""
    asked = path or (Path(environ["WORKFLOW_CONFIG"]) if environ.get("WORKFLOW_CONFIG") else None)
    if asked is None:
        # Who may not look into the directory that they are in, as after `sudo -u`, means another file.
        with contextlib.suppress(InvalidConfig):
            if _is_file(Path(FILE_NAME)):
                return Path(FILE_NAME).absolute()
        return SYSTEM_FILE if _is_file(SYSTEM_FILE) else None
    if not _is_file(asked):
        by = "--config" if path else "WORKFLOW_CONFIG"
        remedy = "correct the path, or leave it out to use the defaults"
        raise InvalidConfig(f"{by}: there is no file {asked}", remedy=remedy)
    return asked.absolute()


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError as error:
        raise InvalidConfig(
            f"{file} cannot be read: {error.strerror}", remedy="correct the permissions of its directory"
        ) from error


def _from_file(file: Path, faults: list[Fault]) -> list[Given]:
    from wfcore.config import document

    try:
        found = document.read(file.read_bytes())
    except OSError as error:
        raise InvalidConfig(
            f"{file} cannot be read: {error.strerror}", remedy="correct its permissions"
        ) from error
    for line, column, path, what in found.faults:
        faults.append(Fault(line, column, str(Problem(line, column, ".".join(path), what, str(file)))))
    return [Given(path, value, str(file), file.parent, found.places) for path, value in found.values.items()]


def _from_overrides(overrides: Mapping[str, str], base: Path, faults: list[Fault]) -> list[Given]:
    result = []
    for name, text in overrides.items():
        one = Given(tuple(name.split(".")), text, "command line", base)
        key = keys.find(one.path, "")
        try:
            result.append(replace(one, value=key.kind.parse(text)) if key else one)
        except ValueError as error:
            faults.append(one.fault(str(error)))
    return result


def _defaults(storage: str, base: Path) -> dict[tuple[str, ...], Setting]:
    plain = (key for key in keys.KEYS if "<" not in key.name and key.only in (None, storage))
    return {key.path: Setting(_read(key, key.default, base), key.default, "default") for key in plain}


def _read(key: keys.Key, value: Any, base: Path) -> Any:
    result = key.kind.read(value)
    if key.kind.relative and result is not None:
        return str((base / Path(result).expanduser()).absolute())
    return result


def _accept(one: Given, storage: str, settings: dict[tuple[str, ...], Setting], faults: list[Fault]) -> None:
    key = keys.find(one.path, storage)
    if key is None:
        fault = unknown(one, storage)
        faults += [fault] if fault else []
        return
    try:
        settings[one.path] = Setting(_read(key, one.value, one.base), one.value, one.origin)
    except ValueError as error:
        faults.append(one.fault(str(error)))


def _data_dir(settings: Mapping[tuple[str, ...], Setting], here: Path) -> Path:
    chosen = settings["dataDir",].value
    file = settings.get(("storage", "path"))
    if chosen or not file or settings["storage", "type"].value != "sqlite":
        return Path(chosen or here / "data")
    return Path(file.value).parent


def _tree(settings: Mapping[tuple[str, ...], Setting]) -> dict[str, Any]:
    sections = {key.path[0] for key in keys.KEYS if len(key.path) > 1}
    tree: dict[str, Any] = {section: {} for section in sections}
    for path, setting in settings.items():
        node = tree
        for word in path[:-1]:
            node = node.setdefault(word, {})
        node[path[-1]] = setting.value
    return tree
