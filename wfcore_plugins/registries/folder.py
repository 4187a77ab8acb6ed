"""``./folder`` and ``file.wfp``: what is on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wfcore.api import Candidate, Context, NotFound, Parcel, Stateless, UsageError

from .asking import MOST


class FolderRegistry(Stateless):
    """A ``.wfp`` file is taken as it is, with the ``.minisig`` beside it; the folder of a plugin is built."""

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._build: Callable[[Path], bytes] | None = context.build

    def candidates(self, target: str, wanted: str = "") -> Sequence[Candidate]:
        """One candidate: the file or the folder."""
        if not target or "\0" in target or wanted:
            raise UsageError(f"{target!r} is no path", remedy="name a folder or a .wfp file")
        place = Path(target).expanduser()
        if not _is_there(place):
            raise NotFound(
                f"there is no {target}",
                remedy="name a folder, a .wfp file, a URL with #sha256=… or a package like community/slack",
            )
        return [Candidate(source=target, place=str(place))]

    def fetch(self, candidate: Candidate) -> Parcel:
        """The file's content, or what the folder's sources make."""
        place = Path(candidate.place)
        if place.is_dir():
            if self._build is None:
                raise UsageError(f"{place} cannot be built here", remedy="name its .wfp file")
            return Parcel(self._build(place))
        beside = place.with_name(f"{place.name}.minisig")
        try:
            with place.open("rb") as file:
                content = file.read(MOST + 1)
            signature = beside.read_text("utf-8", "replace") if beside.is_file() else ""
        except OSError as error:
            raise NotFound(
                f"{place} cannot be read: {error.strerror}", remedy="name a readable file"
            ) from None
        return Parcel(content, signature)


def _is_there(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # a name that is too long
        return False
