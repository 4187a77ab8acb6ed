"""``community/slack@^1.2``: registries with a signed index, on a server or as static files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from wfcore.api import (
    Candidate,
    Context,
    Hit,
    InvalidConfig,
    InvalidInput,
    InvalidPackage,
    NotFound,
    Parcel,
    Publication,
    Response,
    Revocation,
    Stateless,
    Unreachable,
    WorkflowError,
    index,
    minisign,
)

from .asking import ask, guard
from .memory import Memory
from .publishing import publish, yank

_WORD: Final = "[a-z][a-z0-9-]{0,63}"
_NAMESPACE: Final = "[a-z][a-z0-9_-]{0,63}"


@dataclass(frozen=True, slots=True)
class Index:
    """One registry. ``namespaces`` are those that it may give; none listed: all."""

    name: str
    url: str
    keys: tuple[minisign.PublicKey, ...]
    namespaces: tuple[str, ...]

    def may_give(self, package: str) -> bool:
        """Whether its packages of this name count."""
        return not self.namespaces or package.partition("/")[0] in self.namespaces


class HttpRegistry(Stateless):
    """Looks through ``indexes`` in their order; the first that has a package is the only one that is asked.

    An index that cannot be trusted or reached ends the search: to go on would let whoever blocks it choose
    another one.
    """

    schema: ClassVar[Mapping[str, Any]] = {
        "indexes": {
            "type": "list",
            "default": [],
            "schema": {
                "type": "dict",
                "schema": {
                    "name": {"type": "string", "regex": _WORD, "required": True},
                    "url": {"type": "string", "regex": "https?://.+", "required": True},
                    "keys": {"type": "list", "minlength": 1, "required": True, "schema": {"type": "string"}},
                    "namespaces": {
                        "type": "list",
                        "default": [],
                        "schema": {"type": "string", "regex": _NAMESPACE},
                    },
                },
            },
        },
    }

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._indexes = [_index(place, one) for place, one in enumerate(config["indexes"])]
        self._context = context
        self._memory = Memory(context)
        self._kept: dict[str, tuple[str, bytes]] = {}
        if len({one.name for one in self._indexes}) < len(self._indexes):
            raise InvalidConfig("registries.http.indexes: a name is there twice", remedy="rename one")

    def candidates(self, target: str, wanted: str = "") -> Sequence[Candidate]:
        """The versions of ``namespace/name``, or of ``index/namespace/name`` for one index alone."""
        name, _, rest = target.partition("/")
        package = rest if "/" in rest else target
        chosen = [self._named(name)] if "/" in rest else self._indexes
        if not chosen:
            raise NotFound(
                f"no registry is configured that could have {package}",
                remedy="set registries.http.indexes; docs/how-to/run-a-registry.md shows how",
            )
        for one in chosen:
            if one.may_give(package):
                listed = self._top(one).packages.get(package)
                if listed is not None:
                    return self._candidates(one, listed)
        names = ", ".join(one.name for one in chosen)
        raise NotFound(
            f"there is no package {package} in {names}", remedy="`workflow plugin search` finds packages"
        )

    def fetch(self, candidate: Candidate) -> Parcel:
        """The archive, and the signature that the index has for it."""
        name, _, rest = candidate.place.partition(" ")
        url = f"{self._named(name).url}/{index.archive_path(candidate.digest)}"
        return Parcel(_content(ask(guard(self._context), url), url), rest)

    def search(self, words: str) -> Sequence[Hit]:
        """See ``IndexedRegistry``; of several indexes the first one counts for a name."""
        wanted, found = words.lower().split(), dict[str, Hit]()
        for one, top in self._tops():
            for listed in top.packages.values():
                text = f"{listed.name} {listed.description}".lower()
                if one.may_give(listed.name) and all(word in text for word in wanted):
                    hit = Hit(listed.name, listed.latest, listed.description, one.name)
                    found.setdefault(listed.name, hit)
        return [found[name] for name in sorted(found)]

    def revoked(self) -> Sequence[Revocation]:
        """See ``IndexedRegistry``; an index that does not answer is passed over, unless none does."""
        found: list[Revocation] = []
        faults: list[WorkflowError] = []
        for one in self._indexes:
            try:
                found += (each for each in self._top(one).revoked if one.may_give(each.name))
            except WorkflowError as error:
                self._context.logger.warning("%s cannot say what is revoked: %s", one.name, error.message)
                faults.append(error)
        if faults and len(faults) == len(self._indexes):
            raise faults[0]
        return found

    def publish(self, publication: Publication, index: str = "") -> Mapping[str, Any]:
        """See ``OpenRegistry``."""
        return publish(guard(self._context), self._taking(index).url, publication)

    def yank(self, package: str, version: str, reason: str, token: str, index: str = "") -> Mapping[str, Any]:
        """See ``OpenRegistry``."""
        said = {"name": package, "version": version, "reason": reason}
        return yank(guard(self._context), self._taking(index).url, said, token)

    def _taking(self, name: str) -> Index:
        if not self._indexes:
            raise NotFound("no registry is configured", remedy="set registries.http.indexes")
        return self._named(name) if name else self._indexes[0]

    def _tops(self) -> Iterator[tuple[Index, index.Top]]:
        for one in self._indexes:
            yield one, self._top(one)

    def _named(self, name: str) -> Index:
        found = next((one for one in self._indexes if one.name == name), None)
        if found is None:
            there = ", ".join(one.name for one in self._indexes) or "none"
            raise NotFound(f"there is no registry {name}", remedy=f"registries.http.indexes has {there}")
        return found

    def _top(self, one: Index) -> index.Top:
        url = f"{one.url}/{index.TOP}"
        tag, content = self._kept.get(one.name, ("", b""))
        headers = {"if-none-match": tag} if tag else {}
        answer = ask(guard(self._context), url, most=index.MAX_TOP, headers=headers)
        if answer.status != 304:
            content = _content(answer, url)
        top = index.read_top(content, one.keys, one.name)
        if top.name != one.name:
            raise InvalidPackage(
                f"the registry {one.name} cannot be trusted: its index is that of {top.name!r}",
                remedy="correct its name or its URL in registries.http.indexes",
            )
        self._memory.expect_fresh(top, one.name, one.keys)
        self._kept[one.name] = answer.headers.get("etag", tag), content
        return top

    def _candidates(self, one: Index, listed: index.Listed) -> list[Candidate]:
        url = f"{one.url}/{index.document_path(listed.document)}"
        content = _content(ask(guard(self._context), url, most=index.MAX_DOCUMENT), url)
        releases = index.read_document(content, listed, one.name)
        self._memory.expect_unchanged(one.name, listed.name, releases)
        return [
            Candidate(
                source=f"http:{one.name}/{listed.name}@{each.version}",
                name=listed.name,
                version=each.version,
                digest=each.digest,
                yanked=each.yanked,
                changelog=each.changelog,
                place=f"{one.name} {each.signature}",
            )
            for each in releases
        ]


def _content(answer: Response, url: str) -> bytes:
    """What an index has there.

    Raises Unreachable: that a file is not there is no word about packages, which would let another registry
    be asked, but a failure, whoever caused it.
    """
    if answer.status != 200:
        raise Unreachable(
            f"{url} answers {answer.status}",
            remedy="correct its URL in registries.http.indexes, or ask who runs it",
        )
    return answer.body


def _index(place: int, said: Mapping[str, Any]) -> Index:
    try:
        keys = tuple(minisign.public_key(key) for key in said["keys"])
    except InvalidInput as error:
        raise InvalidConfig(
            f"registries.http.indexes[{place}].keys: {error.message}", remedy=error.remedy
        ) from None
    return Index(said["name"], said["url"].rstrip("/"), keys, tuple(said["namespaces"]))
