"""New backend packages, from the templates beside this module."""

from __future__ import annotations

import inspect
import re
import textwrap
from importlib.resources import files
from pathlib import Path
from typing import Final

from wfcore.api import Storage

#: The kinds of drivers that there are templates for, each with its entry-point group and class.
KINDS: Final = {
    "storage": ("workflow.storage", "Storage"),
    "secrets": ("workflow.secrets", "Secrets"),
    "trigger": ("workflow.triggers", "Trigger"),
    "actions": ("workflow.actions", "Actions"),
    "registry": ("workflow.registries", "Registry"),
    "dispatcher": ("workflow.dispatchers", "Dispatcher"),
}
_NAME: Final = re.compile(r"[a-z][a-z0-9]{0,31}")
_SETUP: Final = """\
[metadata]
name = workflow-@NAME@
version = 0.1.0
description = A driver for the workflow engine: @KIND@ @NAME@

[options]
packages = workflow_@NAME@
python_requires = >=3.11
install_requires =
    workflow-engine

[options.extras_require]
test =
    workflow-sdk

[options.entry_points]
@GROUP@ =
    @NAME@ = workflow_@NAME@:@CLASS@
"""
_PROJECT: Final = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
"""


class ScaffoldError(Exception):
    """The package cannot be made; the message says why."""


def scaffold(kind: str, name: str, parent: Path = Path()) -> list[Path]:
    """Make a package ``workflow-NAME`` with a driver and the tests of its contract; the files that it has.

    The driver keeps the contract; only a storage driver is left to be written. Raises ScaffoldError.
    """
    if kind not in KINDS:
        raise ScaffoldError(f"there is no template for {kind!r}; there are {', '.join(KINDS)}")
    if not _NAME.fullmatch(name):
        raise ScaffoldError(f"{name!r} is no name for a driver; use lower case letters and digits")
    folder = parent / f"workflow-{name}"
    if folder.exists():
        raise ScaffoldError(f"{folder} is there already")
    group, suffix = KINDS[kind]
    verbs = _verbs() if kind == "storage" else ""
    words = {
        "@VERBS@": verbs,
        "@NAME@": name,
        "@KIND@": kind,
        "@GROUP@": group,
        "@CLASS@": name.capitalize() + suffix,
    }
    templates = files("wfsdk") / "templates"
    texts = {
        "setup.cfg": _SETUP,
        "pyproject.toml": _PROJECT,
        f"workflow_{name}/__init__.py": (templates / f"{kind}.py.txt").read_text(encoding="utf-8"),
        f"tests/test_{name}.py": (templates / f"test_{kind}.py.txt").read_text(encoding="utf-8"),
    }
    return [_written(folder / file, text, words) for file, text in texts.items()]


def _verbs() -> str:
    """The verbs of a storage driver, each with what it must do."""
    kinds = [kind for kind in reversed(Storage.__mro__) if getattr(kind, "_is_protocol", False)]
    verbs = {name: verb for kind in kinds for name, verb in vars(kind).items() if name[0] != "_"}
    made = []
    for name, verb in verbs.items():
        if not inspect.isfunction(verb):
            continue
        parameters = [
            one.replace(annotation=one.empty) for one in inspect.signature(verb).parameters.values()
        ]
        meaning = textwrap.indent(f'"""{inspect.getdoc(verb)}"""', " " * 8)
        head = f"\n    def {name}{inspect.Signature(parameters)}:\n"
        made.append(f"{head}{meaning}\n        raise NotImplementedError\n")
    return "".join(made).rstrip("\n")


def _written(file: Path, text: str, words: dict[str, str]) -> Path:
    for word, meant in words.items():
        text = text.replace(word, meant)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file
