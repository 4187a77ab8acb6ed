"""The way of packages into the installation: found by reference, fetched, and believed or not."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wfcore.errors import InvalidPackage, NotFound, UsageError, WorkflowError
from wfcore.packages import names, reference, revoked, versions
from wfcore.packages.archive import Archive, read_archive
from wfcore.packages.reference import Reference
from wfcore.packages.trust import Trust
from wfcore.plugins.contracts import Candidate, Hit, IndexedRegistry, Parcel, Registry, Revocation, Storage

log = logging.getLogger("workflow.packages")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A package that may be installed. ``source`` is the reference that gives it again, ``key`` the id of the
    trusted key that signed it, ``warnings`` what the operator should know, each a sentence.
    """

    content: bytes
    archive: Archive
    source: str
    signature: str = ""
    key: str = ""
    changelog: str = ""
    warnings: tuple[str, ...] = ()


class ByHand(UsageError):
    """What a reference names is not installed by us; ``command`` does it."""

    def __init__(self, source: str, command: Sequence[str]) -> None:
        super().__init__(
            f"{source} is native code, which workflow does not install",
            remedy=f"if you trust it, run {' '.join(command)}",
        )
        self.command = tuple(command)


@dataclass(frozen=True, slots=True)
class Newer:
    """A version that could follow the installed one."""

    name: str
    version: str
    candidate: Candidate
    changelog: str


class Supply:
    """``registry`` gives the started driver of a name, ``order`` are those that know bare names.

    ``heed`` gets the revocations that registries tell, and says how many are new.
    """

    def __init__(
        self,
        storage: Storage,
        registry: Callable[[str], Registry],
        order: Sequence[str],
        trust: Trust,
        heed: Callable[[Sequence[Revocation]], int],
    ) -> None:
        self._storage = storage
        self._registry = registry
        self._order = order
        self._trust = trust
        self._heed = heed
        self._last: Delivery | None = None
        self._lock = threading.Lock()

    def find(self, text: str, digest: str = "") -> Delivery:
        """The package that a reference names, fetched and checked. ``digest``: what it has to be.

        Raises UsageError, ByHand, NotFound, Unreachable, Forbidden; InvalidPackage with the reason for it.
        """
        asked = reference.parse(text)
        if asked.local:  # whoever may ask a server for packages may not read the files of its machine
            raise UsageError(f"{text} is a file or folder, no reference", remedy="send the package itself")
        digest = digest or asked.digest
        with self._lock:
            last = self._last
        same = (digest, text.partition("#")[0])
        if last is not None and digest and (last.archive.digest, last.source) == same:
            again = self.accept(last.content, last.signature, last.source, last.changelog)
            return replace(again, warnings=last.warnings)
        driver, candidate = self._candidate_of(asked)
        if candidate.command:
            raise ByHand(candidate.source, candidate.command)
        found = self._received(asked, candidate, driver.fetch(candidate), digest)
        with self._lock:
            self._last = found
        return found

    def accept(self, content: bytes, signature: str, source: str, changelog: str = "") -> Delivery:
        """An archive, however it came here, checked. Raises InvalidPackage."""
        archive = read_archive(content)
        name, version = archive.manifest.name, archive.manifest.version
        revoked.expect_allowed(revoked.read(self._storage), archive.digest, name, version)
        installed = self._storage.packages()
        signed = any(one.name == name and one.origin.get("key") for one in installed)
        key, warnings = self._trust.judge(archive, content, signature, signed)
        if other := names.confusable(name, (one.name for one in installed)):
            warnings.append(f"{name} looks like {other}, which is installed: make sure that you mean it")
        return Delivery(content, archive, source, signature, key, changelog, tuple(warnings))

    def newer(self, name: str, version: str, source: str) -> Newer | None:
        """The newest version above an installed one, from where that came; None when there is none.

        Raises the errors of the registry.
        """
        asked = reference.parse(source)
        if asked.local or asked.registry == reference.URL:
            return None
        gone = revoked.read(self._storage)
        above = [
            one
            for one in self._registry(asked.registry).candidates(asked.target)
            if versions.is_version(one.version)
            and not one.yanked
            and one.digest not in gone
            and versions.fits(one.version, "")
            and versions.key(one.version) > versions.key(version)
        ]
        if not above:
            return None
        above.sort(key=lambda one: versions.key(one.version), reverse=True)
        told = "\n".join(f"{one.version}: {one.changelog}" for one in above if one.changelog)
        return Newer(name, above[0].version, above[0], told)

    def search(self, words: str) -> list[Hit]:
        """What the configured registries have, in their order; a name counts once."""
        found: dict[str, Hit] = {}
        for name in self._order:
            driver = self._registry(name)
            if isinstance(driver, IndexedRegistry):
                for hit in driver.search(words):
                    found.setdefault(hit.name, hit)
        return [found[name] for name in sorted(found)]

    def refresh(self) -> int:
        """Ask the registries what is revoked; how many revocations are new. One that is silent is logged."""
        found: list[Revocation] = []
        for name in self._order:
            try:
                driver = self._registry(name)
                if isinstance(driver, IndexedRegistry):
                    found += driver.revoked()
            except WorkflowError as error:
                log.warning("the registry %s cannot say what is revoked: %s", name, error.message)
        return self._heed(found) if found else 0

    def _candidate_of(self, asked: Reference) -> tuple[Registry, Candidate]:
        if asked.registry:
            driver = self._registry(asked.registry)
            return driver, self._pick(asked, driver, driver.candidates(asked.target, asked.wanted))
        missing: NotFound | None = None
        for name in self._order:
            driver = self._registry(name)
            try:
                candidates = driver.candidates(asked.target, asked.wanted)
            except NotFound as error:
                missing = missing or error
                continue
            return driver, self._pick(asked, driver, candidates)
        raise missing or NotFound(
            f"there is no registry that could have {asked.target}", remedy="name some in plugins.registries"
        )

    def _pick(self, asked: Reference, driver: Registry, candidates: Sequence[Candidate]) -> Candidate:
        if isinstance(driver, IndexedRegistry) and (found := driver.revoked()):
            self._heed(found)
        gone = revoked.read(self._storage)
        sound = [one for one in candidates if not one.version or versions.is_version(one.version)]
        try:
            return _chosen(asked, [one for one in sound if one.digest not in gone])
        except NotFound:  # what is revoked is refused as such, if it is all that there is
            return _chosen(asked, sound)

    def _received(self, asked: Reference, candidate: Candidate, parcel: Parcel, digest: str) -> Delivery:
        found = hashlib.sha256(parcel.content).hexdigest()
        for expected, whose in ((digest, "it was asked for"), (candidate.digest, "the registry says")):
            if expected and found != expected:
                named = f"{candidate.name} {candidate.version}" if candidate.name else candidate.source
                raise InvalidPackage(
                    f"{named} is not what it should be: its sha256 is {found}, not {expected} as {whose}",
                    remedy="ask its publisher; nothing was installed",
                )
        source = candidate.source if asked.registry != reference.URL else f"{candidate.source}#sha256={found}"
        delivery = self.accept(parcel.content, parcel.signature, source, candidate.changelog)
        _expect_named(candidate, delivery.archive)
        name, more = candidate.name or candidate.source, []
        if candidate.yanked:
            more.append(f"{name} {candidate.version} was taken back: {candidate.yanked}")
        if not asked.registry and (other := self._known_alike(name)):
            more.append(f"{name} looks like {other}, which the registry has too: make sure that you mean it")
        return replace(delivery, warnings=(*delivery.warnings, *more))

    def _known_alike(self, name: str) -> str:
        try:
            known = self.search("")
        except WorkflowError as error:  # another registry's silence is no reason against this package
            log.warning("no look for names like %s: %s", name, error.message)
            return ""
        return names.confusable(name, (hit.name for hit in known if hit.name != name))


def _chosen(asked: Reference, candidates: Sequence[Candidate]) -> Candidate:
    """The newest that fits; of what has no version there must be one."""
    if len(candidates) == 1:
        (only,) = candidates
        if not only.version or (not only.name and not _is_range(asked.wanted)):
            return only
    try:
        fitting = [one for one in candidates if one.version and versions.fits(one.version, asked.wanted)]
    except ValueError as error:
        raise UsageError(f"{asked}: {error}", remedy="write a version or a range like ^1.2") from None
    exact = versions.is_version(asked.wanted.removeprefix("v"))
    there = [one for one in fitting if not one.yanked or exact]
    if not there:
        have = ", ".join([one.version for one in candidates if one.version and not one.yanked][:12]) or "none"
        raise NotFound(
            f"there is no version of {asked.target} for {asked}; there are {have}",
            remedy="ask for one of these",
        )
    return max(there, key=lambda one: versions.key(one.version))


def _is_range(wanted: str) -> bool:
    try:
        versions.fits("0.0.0", wanted)
    except ValueError:
        return False
    return True


def _expect_named(candidate: Candidate, archive: Archive) -> None:
    """Refuse a package whose manifest says another name or version than the registry."""
    manifest = archive.manifest
    if candidate.name and (candidate.name, candidate.version) != (manifest.name, manifest.version):
        raise InvalidPackage(
            f"{candidate.name} {candidate.version} is another package: its manifest says"
            f" {manifest.name} {manifest.version}",
            remedy="ask who runs the registry; nothing was installed",
        )
