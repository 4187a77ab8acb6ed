"""``plugin.yaml``: what a plugin is, what it offers and what it asks for. Every fault has its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import wfcore
from wfcore.errors import InvalidPackage, InvalidWorkflow, PluginError, Problem
from wfcore.language import duration, words
from wfcore.language.flaw import Flaw, Path
from wfcore.language.shape import rules_of
from wfcore.language.source import read
from wfcore.model import size
from wfcore.packages import permissions, versions
from wfcore.packages.inputs import rule_flaws, rules_flaws
from wfcore.packages.permissions import PERMISSIONS, Permissions

FILE: Final = "plugin.yaml"
ABI: Final = "wf/1"
MIB: Final = 1024 * 1024
#: Bytes of memory that a manifest may ask for, and seconds for a call.
MEMORY: Final = (MIB, 1024 * MIB)
LONGEST: Final = 3600.0
#: Characters of a manifest as JSON: what a file can say, unless its aliases repeat it.
_MOST: Final = 4 * MIB

_Say = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class PackageAction:
    """An action that a package offers. ``inputs`` are cerberus rules, ``output`` one rule or None."""

    name: str
    description: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``plugin.yaml`` says. ``memory`` is bytes, ``timeout`` seconds for one call.

    ``engine`` is a range of versions of this product (``>=0.1,<2``), empty for any. ``text`` is all of it
    as JSON.
    """

    name: str
    version: str
    actions: Mapping[str, PackageAction]
    text: str
    author: str = ""
    description: str = ""
    license: str = ""
    engine: str = ""
    abi: str = ABI
    runtime: str = "wasm"
    module: str = "plugin.wasm"
    memory: int = 64 * MIB
    timeout: float = 30.0
    permissions: Permissions = field(default_factory=Permissions)

    @property
    def file_name(self) -> str:
        """The name of its archive: ``community-slack-1.2.0.wfp``."""
        return f"{self.name.replace('/', '-')}-{self.version}.wfp"

    @property
    def types(self) -> tuple[str, ...]:
        """The types under which tasks name its actions: ``community/slack.send``."""
        return tuple(f"{self.name}.{action}" for action in self.actions)


def parse_manifest(source: bytes | str, file: str = FILE) -> Manifest:
    """The manifest that a text says. Raises InvalidPackage with all problems, each with line and column."""
    if not source.strip():
        raise InvalidPackage(problems=[Problem(1, 1, "", "the file is empty; a manifest is a mapping", file)])
    try:
        document = read(source, file)
    except InvalidWorkflow as error:
        raise InvalidPackage(problems=error.problems) from None
    data = document.root.value
    found = _flaws(data)
    text = "" if found else _written(data)
    if len(text) > _MOST:
        found = [Flaw((), f"says more than {_MOST} characters, with what its aliases repeat")]
    if found:
        raise InvalidPackage(
            problems=[document.problem(flaw.path, flaw.message, key=flaw.at_key) for flaw in found],
            remedy="docs/reference/plugin-manifest.md says what a manifest has",
        )
    return _manifest(data, text)


def accepted(text: str) -> Manifest:
    """The manifest of an installed package: what ``parse_manifest`` has accepted, by its ``text``.

    It is read again for every list, so it is kept in the form that is read soonest. Raises InvalidPackage.
    """
    try:
        data = json.loads(text)
    except ValueError:  # it was installed when the file was kept as it came
        return parse_manifest(text)
    try:
        return _manifest(data, text)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InvalidPackage("it is not what any release has stored", remedy="install it again") from None


def expect_usable(manifest: Manifest) -> None:
    """Raise PluginError when this release cannot run what the manifest describes."""
    if not versions.within(wfcore.__version__, manifest.engine):
        raise PluginError(
            f"{manifest.name} {manifest.version} needs workflow {manifest.engine};"
            f" this is {wfcore.__version__}",
            remedy="install another version of the plugin, or of workflow",
        )
    if manifest.abi != ABI:
        raise PluginError(
            f"{manifest.name} {manifest.version} speaks the ABI {manifest.abi}; this release has {ABI}",
            remedy="install another version of the plugin, or of workflow",
        )


def _written(data: Any) -> str:
    """The data as JSON, to little more than the most that is allowed: aliases may make gigabytes of it."""
    pieces, length = [], 0
    for piece in json.JSONEncoder(separators=(",", ":")).iterencode(data):
        pieces.append(piece)
        length += len(piece)
        if length > _MOST:
            break
    return "".join(pieces)


def _flaws(data: Any) -> list[Flaw]:
    if not isinstance(data, dict):
        return [Flaw((), f"a manifest is a mapping, not {words.kind(data)}")]
    found = rules_of(_MANIFEST).check(data, fill=False)[1]
    bad = {flaw.path[:3] for flaw in found}
    actions = data.get("actions")
    for name, action in actions.items() if isinstance(actions, dict) else ():
        if isinstance(action, dict):
            found += _action_flaws(("actions", name), action, bad)
    return found


def _action_flaws(path: Path, action: Mapping[str, Any], bad: Iterable[Path]) -> list[Flaw]:
    found: list[Flaw] = []
    if (*path, "inputs") not in bad and "inputs" in action:
        found += _below((*path, "inputs"), rules_flaws(action["inputs"]))
    if (*path, "output") not in bad and "output" in action:
        found += _below((*path, "output"), rule_flaws(action["output"]))
    return found


def _below(path: Path, found: Iterable[Flaw]) -> list[Flaw]:
    return [Flaw((*path, *flaw.path), flaw.message, flaw.at_key) for flaw in found]


def _manifest(data: Mapping[str, Any], text: str) -> Manifest:
    runtime, requires = data.get("runtime", {}), data.get("requires", {})
    return Manifest(
        name=data["name"],
        version=data["version"],
        actions={name: _action(name, action) for name, action in data["actions"].items()},
        text=text,
        author=data.get("author", ""),
        description=data.get("description", ""),
        license=data.get("license", ""),
        engine=requires.get("engine", ""),
        abi=requires.get("abi", ABI),
        runtime=runtime.get("type", "wasm"),
        module=runtime.get("module", "plugin.wasm"),
        memory=size.parse(runtime.get("memory", 64 * MIB)),
        timeout=duration.parse(runtime.get("timeout", 30)),
        permissions=permissions.accepted(data.get("permissions", {})),
    )


def _action(name: str, spec: Mapping[str, Any]) -> PackageAction:
    return PackageAction(name, spec.get("description", ""), spec.get("inputs", {}), spec.get("output"))


def _fits(pattern: str, what: str) -> Callable[[str, Any, _Say], None]:
    compiled = re.compile(pattern)

    def check(field: str, value: Any, say: _Say) -> None:
        if isinstance(value, str) and not compiled.fullmatch(value):
            say(field, f"{words.quoted(value)} is no {what}")

    return check


def _range(field: str, value: Any, say: _Say) -> None:
    if isinstance(value, str):
        try:
            versions.within(wfcore.__version__, value)
        except ValueError as error:
            say(field, str(error))


def _memory(field: str, value: Any, say: _Say) -> None:
    try:
        if not MEMORY[0] <= size.parse(value) <= MEMORY[1]:
            say(field, "must be from 1MiB to 1GiB")
    except ValueError as error:
        say(field, str(error))


def _timeout(field: str, value: Any, say: _Say) -> None:
    try:
        if not 0 < duration.parse(value) <= LONGEST:
            say(field, "must be longer than 0 s and at most 1h")
    except ValueError as error:
        say(field, str(error))


_TEXT: Final = {"type": "string", "maxlength": 4096}
_NAME: Final = r"[a-z][a-z0-9_-]{0,63}/[a-z][a-z0-9_-]{0,63}"
_ACTION: Final = {"description": _TEXT, "inputs": {"type": "dict"}, "output": {"type": "dict"}}
_MANIFEST: Final[Mapping[str, Any]] = {
    "plugin": {"type": "integer", "allowed": [1], "required": True},
    "name": {
        "type": "string",
        "required": True,
        "check_with": _fits(_NAME, "name of a plugin; write one like community/slack, in lower case"),
    },
    "version": {
        "type": "string",
        "required": True,
        "check_with": _fits(versions.PATTERN, "version; write one like 1.2.0 or 1.2.0-beta.1"),
    },
    "author": _TEXT,
    "description": _TEXT,
    "license": _TEXT,
    "requires": {
        "type": "dict",
        "schema": {
            "engine": {"type": "string", "check_with": _range},
            "abi": {"type": "string", "allowed": [ABI]},
        },
    },
    "runtime": {
        "type": "dict",
        "schema": {
            "type": {"type": "string", "check_with": _fits(r"[a-z][a-z0-9_-]{0,63}", "name of a runtime")},
            "module": {"type": "string", "allowed": ["plugin.wasm"]},
            "memory": {"check_with": _memory},
            "timeout": {"check_with": _timeout},
        },
    },
    "actions": {
        "type": "dict",
        "required": True,
        "empty": False,
        "maxlength": 256,
        "keysrules": {
            "type": "string",
            "check_with": _fits(
                r"[A-Za-z_][A-Za-z0-9_-]{0,63}",
                "name of an action: a letter or _, then letters, digits, _ and -",
            ),
        },
        "valuesrules": {"type": "dict", "schema": _ACTION},
    },
    "permissions": {"type": "dict", "schema": dict(PERMISSIONS)},
}
