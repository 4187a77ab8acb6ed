"""From a name to a driver: stevedore imports the named one alone, and nothing is used unchecked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, NoReturn

from stevedore.driver import DriverManager

from wfcore.errors import InvalidConfig, PluginError, WorkflowError
from wfcore.language.shape import Rules
from wfcore.plugins.catalog import Catalog, Entry
from wfcore.plugins.driver import CONTRACT, Context
from wfcore.plugins.kinds import Kind


@dataclass(frozen=True, slots=True)
class Drivers:
    """Builds the drivers that ``catalog`` has, with the settings of ``config`` (section -> settings).

    ``context`` makes a driver's Context, of the kind and the name.
    """

    catalog: Catalog
    config: Mapping[str, Any]
    context: Callable[[Kind, str], Context]

    def build(self, kind: Kind, name: str) -> Any:
        """The driver, not yet started.

        Raises PluginError for an unknown, ambiguous, broken or unfit one, InvalidConfig for its section.
        """
        entry = self.catalog.find(kind, name)
        return construct(entry, load(entry), self.config, self.context(kind, name))


class _Only(DriverManager[Any]):
    """Stevedore with the catalogue's own entry point in place of its cache, which may be out of date."""

    def __init__(self, point: EntryPoint, refuse: Callable[[BaseException], NoReturn]) -> None:
        self._point = point
        super().__init__(
            point.group, point.name, on_load_failure_callback=lambda _manager, _point, error: refuse(error)
        )

    def list_entry_points(self) -> list[EntryPoint]:
        """The one there is."""
        return [self._point]


def fetch(entry: Entry) -> Any:
    """What the entry point names, imported. Raises PluginError when that fails."""

    def refuse(error: BaseException) -> NoReturn:
        raise broken(entry, f"cannot be imported: {_reason(error)}") from error

    try:
        return _Only(entry.point, refuse).extensions[0].plugin
    except (AssertionError, SystemExit) as error:  # stevedore lets these through
        refuse(error)


def load(entry: Entry) -> type:
    """The driver's class, checked against the contract of its kind. Raises PluginError."""
    found = fetch(entry)
    if not inspect.isclass(found):
        raise broken(entry, f"is no class but {type(found).__name__}")
    contract = getattr(found, "contract", None)
    if contract != CONTRACT or isinstance(contract, bool):
        raise broken(entry, f"has contract {contract!r}, this is a kernel of contract {CONTRACT}")
    if missing := list(_missing(entry.kind, found)):
        raise broken(entry, f"lacks {', '.join(missing)}")
    try:
        Rules(_schema(found))
    except Exception as error:
        raise broken(entry, f"has a schema that is not valid: {_reason(error)}") from error
    return found


def construct(entry: Entry, driver: type, config: Mapping[str, Any], context: Context) -> Any:
    """The driver built with its section, checked and with defaults. Raises InvalidConfig, PluginError."""
    section = entry.kind.settings(config, entry.name)
    filled, flaws = Rules(_schema(driver)).check(section)
    if flaws:
        where = entry.kind.where(entry.name)
        lines = [f"{'.'.join(map(str, (where, *flaw.path)))}: {flaw.message}" for flaw in flaws]
        remedy = f"correct the settings of {entry.kind.name} {entry.name!r} ({entry.source})"
        raise InvalidConfig("\n".join(lines), remedy=remedy)
    try:
        return driver(filled, context)
    except WorkflowError:
        raise
    except Exception as error:
        raise broken(entry, f"cannot be built: {_reason(error)}") from error


def broken(entry: Entry, what: str) -> PluginError:
    """The error for an installed plugin that cannot be used."""
    remedy = f"update or uninstall {entry.distribution}, or do not use its {entry.kind.name} {entry.name!r}"
    return PluginError(f"{entry} {what}", remedy=remedy)


def _missing(kind: Kind, driver: type) -> Iterator[str]:
    for verb in kind.verbs:
        if not callable(getattr(driver, verb, None)):
            yield f"{verb}()"
    present = [verb for verb in kind.together if callable(getattr(driver, verb, None))]
    if present and len(present) < len(kind.together):
        yield from (f"{verb}()" for verb in kind.together if verb not in present)


def _schema(driver: type) -> Mapping[str, Any]:
    schema = getattr(driver, "schema", None)
    if not isinstance(schema, Mapping):
        raise TypeError("'schema' is no mapping of rules")
    return schema


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
