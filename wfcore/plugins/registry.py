"""Where plugin packages come from: the contract of registries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from wfcore.plugins.driver import Driver


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version of a package, as a registry offers it.

    ``source`` is the reference that gives this very version again (``github:acme/mail@v1.2.0``).
    ``name``, ``version`` and ``digest`` (sha256 of the archive, hex) are empty where the registry cannot
    know them before the archive is read; what it says is checked. ``yanked`` is why the publisher took
    the version back. ``place`` is the driver's own business. A candidate with a ``command`` is not fetched:
    the operator has to run that.
    """

    source: str
    name: str = ""
    version: str = ""
    digest: str = ""
    yanked: str = ""
    changelog: str = ""
    place: str = ""
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parcel:
    """An archive as it was fetched, and the text of its minisign file if there is one."""

    content: bytes
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A package that a search has found; ``registry`` names the index."""

    name: str
    version: str
    description: str
    registry: str


@dataclass(frozen=True, slots=True)
class Revocation:
    """A version that must not run any more. ``digest`` is the sha256 of its archive (hex)."""

    digest: str
    name: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publisher hands in; ``token`` is a secret."""

    content: bytes
    token: str = field(repr=False)
    signature: str = ""
    changelog: str = ""


class Registry(Driver, Protocol):
    """A way to packages; ``registry:target@wanted`` in a reference names it."""

    def candidates(self, target: str, wanted: str = "") -> Sequence[Candidate]:
        """What it has of ``target``; ``wanted`` is the version, range or tag that is asked for, and narrows.

        Raises NotFound for a target that it does not have, UsageError for one that it cannot have.
        """

    def fetch(self, candidate: Candidate) -> Parcel:
        """The archive of a candidate that it has named. Raises NotFound, InvalidPackage, Unreachable."""


@runtime_checkable
class IndexedRegistry(Registry, Protocol):
    """A registry that knows all its packages."""

    def search(self, words: str) -> Sequence[Hit]:
        """The packages whose name or description has all of the words, by name; all for no words."""

    def revoked(self) -> Sequence[Revocation]:
        """Versions that must not run, asked of the registry anew. Raises as ``fetch``."""


@runtime_checkable
class OpenRegistry(Registry, Protocol):
    """A registry that takes packages, and takes them back."""

    def publish(self, publication: Publication, index: str = "") -> Mapping[str, Any]:
        """Hand a package in to the index of this name, or the first; what the registry answers.

        Raises Unauthorized, Forbidden, Conflict for a version that is there already, InvalidPackage.
        """

    def yank(self, package: str, version: str, reason: str, token: str, index: str = "") -> Mapping[str, Any]:
        """Take a version back for this reason, or offer it again when there is none; what is answered.

        Raises Unauthorized, Forbidden, NotFound.
        """
