"""What is installed and where it comes from, read from the metadata alone: nothing is imported here."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points

from wfcore.errors import PluginError
from wfcore.plugins.kinds import KINDS, Kind


@dataclass(frozen=True, slots=True)
class Entry:
    """An installed plugin: ``value`` is the ``module:attribute`` that ``distribution`` names for it."""

    kind: Kind
    name: str
    value: str
    distribution: str
    version: str
    point: EntryPoint = field(repr=False, compare=False)

    @property
    def source(self) -> str:
        """``acme-workflow 1.2``."""
        return f"{self.distribution} {self.version}"

    def __str__(self) -> str:
        return f"{self.kind.name} {self.name!r} ({self.source}, {self.kind.group}: {self.value})"


@dataclass(frozen=True, slots=True)
class Catalog:
    """All installed plugins, by kind and name."""

    entries: Sequence[Entry]

    def of(self, kind: Kind) -> list[Entry]:
        """The plugins of one kind, by name."""
        return [entry for entry in self.entries if entry.kind is kind]

    def find(self, kind: Kind, name: str) -> Entry:
        """The plugin of that name. Raises PluginError when there is none, or more than one claims it."""
        found = [entry for entry in self.of(kind) if entry.name == name]
        if len(found) > 1:
            raise ambiguous(found)
        if not found:
            raise self._unknown(kind, name)
        return found[0]

    def clashes(self) -> Iterator[list[Entry]]:
        """The plugins that claim the same name of the same kind, together."""
        for kind in KINDS:
            for name in dict.fromkeys(entry.name for entry in self.of(kind)):
                claims = [entry for entry in self.of(kind) if entry.name == name]
                if len(claims) > 1:
                    yield claims

    def _unknown(self, kind: Kind, name: str) -> PluginError:
        known = sorted({entry.name for entry in self.of(kind)})
        close = difflib.get_close_matches(name, known, 1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        installed = f"installed: {', '.join(known)}" if known else "none is installed"
        return PluginError(
            f"there is no {kind.name} {name!r}{hint}; {installed}",
            remedy=f"correct the name, or install the package that brings it (group {kind.group})",
        )


def ambiguous(claims: Sequence[Entry]) -> PluginError:
    """The error for a name that several distributions claim."""
    kind, name = claims[0].kind, claims[0].name
    sources = " and ".join(entry.source for entry in claims)
    return PluginError(
        f"{kind.name} {name!r} is claimed by {sources}", remedy="uninstall all of these packages but one"
    )


def read() -> Catalog:
    """The catalogue of this interpreter's packages; of a package that is there twice, the first is taken."""
    installed = entry_points()
    source = lru_cache(maxsize=None)(_source)  # each answer parses a whole METADATA file
    entries = (
        Entry(kind, point.name, point.value, *source(point.dist), point)
        for kind in KINDS
        for point in installed.select(group=kind.group)
    )
    return Catalog(sorted(set(entries), key=_order))


def _source(package: Distribution | None) -> tuple[str, str]:
    return (package.name, package.version) if package else ("an unknown package", "?")


def _order(entry: Entry) -> tuple[int, str, str]:
    return KINDS.index(entry.kind), entry.name, entry.distribution
