"""``plugins.lock``: the installed packages as a file, from which they can be installed again, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wfcore.errors import InvalidPackage, InvalidWorkflow, Problem
from wfcore.language.shape import rules_of
from wfcore.language.source import read as parse
from wfcore.packages import reference
from wfcore.packages.permissions import PERMISSIONS

FILE: Final = "plugins.lock"
_HEAD: Final = "# By `workflow plugin lock`; `workflow plugin install --locked` installs exactly this.\n"
_TEXT: Final = {"type": "string", "required": True}
_RULES: Final[Mapping[str, Any]] = {
    "lock": {"type": "integer", "allowed": [1], "required": True},
    "packages": {
        "type": "list",
        "required": True,
        "schema": {
            "type": "dict",
            "schema": {
                "name": {**_TEXT, "regex": reference.NAME.pattern},
                "version": _TEXT,
                "digest": {**_TEXT, "regex": "[0-9a-f]{64}"},
                "source": _TEXT,
                "key": {"type": "string"},
                "signature": {"type": "string"},
                "granted": {"type": "dict", "schema": dict(PERMISSIONS), "required": True},
                "secrets": {"type": "dict", "valuesrules": {"type": "string"}},
                "installed_at": {"type": "string"},
                "by": {"type": "string"},
                "kept": {"type": "boolean"},
            },
        },
    },
}


@dataclass(frozen=True, slots=True)
class Locked:
    """A version of a lock; ``granted`` and ``secrets`` are what it gets, ``signature`` its minisign file.

    ``kept`` marks one that is there for those who are pinned to it, beside the current one.
    """

    name: str
    version: str
    digest: str
    source: str
    granted: Mapping[str, Any]
    secrets: Mapping[str, str]
    signature: str = ""
    key: str = ""
    installed_at: str = ""
    by: str = ""
    kept: bool = False


def write(packages: Iterable[Locked]) -> str:
    """The text of a lock, by name, the current version of each behind those that are kept."""
    import yaml

    listed = [
        {
            "name": one.name,
            "version": one.version,
            "digest": one.digest,
            "source": one.source,
            **({"key": one.key, "signature": one.signature} if one.signature else {}),
            "granted": dict(one.granted),
            **({"secrets": dict(one.secrets)} if one.secrets else {}),
            "installed_at": one.installed_at,
            "by": one.by,
            **({"kept": True} if one.kept else {}),
        }
        for one in sorted(packages, key=lambda one: (one.name, not one.kept, one.installed_at))
    ]
    return _HEAD + yaml.safe_dump({"lock": 1, "packages": listed}, sort_keys=False, allow_unicode=True)


def read(content: bytes, file: str = FILE) -> list[Locked]:
    """The packages of a lock. Raises InvalidPackage with the place of each fault."""
    try:
        document = parse(content, file)
    except InvalidWorkflow as error:
        raise InvalidPackage(problems=error.problems) from None
    data = document.root.value
    if not isinstance(data, dict):
        raise InvalidPackage(problems=[Problem(1, 1, "", "a lock is a mapping", file)])
    if found := rules_of(_RULES).check(data, fill=False)[1]:
        problems = [document.problem(flaw.path, flaw.message, key=flaw.at_key) for flaw in found]
        raise InvalidPackage(problems=problems, remedy="write it anew by `workflow plugin lock`")
    packages = [Locked(**{"secrets": {}, **one}) for one in data["packages"]]
    for key in ("digest", "name"):
        names = [getattr(one, key) for one in packages if key == "digest" or not one.kept]
        if len(set(names)) < len(names):
            raise InvalidPackage(problems=[Problem(1, 1, "packages", "a package is there twice", file)])
    return sorted(packages, key=lambda one: not one.kept)
