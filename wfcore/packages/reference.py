"""What a user writes to name a package and where it comes from."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from wfcore.errors import UsageError

#: The driver of what is on this machine, and that of plain addresses.
FOLDER: Final = "folder"
URL: Final = "url"
NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}/[a-z][a-z0-9_-]{0,63}")
_DIGEST: Final = re.compile(r"sha256=([0-9a-f]{64})")
_DRIVER: Final = re.compile(r"([a-z][a-z0-9_-]{0,63}):(.*)", re.DOTALL)
_LIKE_NAME: Final = re.compile(r"[^\W\d][^/\\:@#.]*/[^/\\:@#.]+")
_GRAMMAR: Final = (
    "write community/slack@^1.2, github:OWNER/REPO@TAG, npm:@SCOPE/PACKAGE@VERSION, URL#sha256=DIGEST, "
    "./FOLDER or FILE.wfp"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """``registry`` is the name of a driver, empty for those that the configuration lists, in their order.

    ``wanted`` is a version, a range or a tag, empty for the newest; ``digest`` the sha256 that the archive
    must have, empty if any will do.
    """

    registry: str
    target: str
    wanted: str = ""
    digest: str = ""

    @property
    def local(self) -> bool:
        """Whether it names something on this machine."""
        return self.registry == FOLDER

    def __str__(self) -> str:
        head = f"{self.registry}:" if self.registry not in ("", URL, FOLDER) else ""
        return (
            head
            + self.target
            + (f"@{self.wanted}" if self.wanted else "")
            + (f"#sha256={self.digest}" if self.digest else "")
        )


def parse(text: str) -> Reference:
    """The reference that a text is. Raises UsageError that says what can be written."""
    if not text.strip() or any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise UsageError(f"{text!r} names no plugin", remedy=_GRAMMAR)
    if "://" in text:
        return _address(text)
    if text.startswith((".", "/", "~")):
        return Reference(FOLDER, text)
    if found := _DRIVER.fullmatch(text):
        return _at(found[1], *_pinned(found[2]))
    if text.endswith(".wfp"):
        return Reference(FOLDER, text)
    named = _at("", *_pinned(text))
    if NAME.fullmatch(named.target):
        return named
    _expect_no_lookalike(named.target)
    if named.wanted or named.digest:
        raise UsageError(f"{named.target!r} is no name of a package", remedy=_GRAMMAR)
    return Reference(FOLDER, text)


def _address(text: str) -> Reference:
    url, digest = _pinned(text)
    if not digest:
        raise UsageError(
            f"{url} comes without the digest that it must have",
            remedy="write URL#sha256=… with the sha256 that its publisher tells you",
        )
    return Reference(URL, url, "", digest)


def _pinned(text: str) -> tuple[str, str]:
    """A text and the digest behind its ``#``. Raises UsageError for anything else behind it."""
    rest, mark, fragment = text.partition("#")
    found = _DIGEST.fullmatch(fragment)
    if mark and not found:
        raise UsageError(
            f"{text}: what follows # is no sha256", remedy="write #sha256= and the 64 hexadecimal digits"
        )
    return rest, found[1] if found else ""


def _at(registry: str, text: str, digest: str) -> Reference:
    head, at, wanted = text[1:].partition("@") if text.startswith("@") else text.partition("@")
    target = f"@{head}" if text.startswith("@") else head
    if not head or (at and not wanted):
        shown = f"{registry}:{text}" if registry else text
        raise UsageError(f"{shown!r} names no plugin", remedy=_GRAMMAR)
    return Reference(registry, target, wanted, digest)


def _expect_no_lookalike(target: str) -> None:
    """Refuse a name with letters that look like others but are none of theirs."""
    if not _LIKE_NAME.fullmatch(target):
        return
    foreign = next((char for char in target if ord(char) > 127), None)
    if foreign is not None:
        said = unicodedata.name(foreign, f"U+{ord(foreign):04X}").capitalize()
        raise UsageError(
            f"{target!r} is no name of a package: {foreign!r} is the {said!r}, not a Latin letter",
            remedy="type the name yourself; names have a-z, 0-9, _ and - only",
        )
