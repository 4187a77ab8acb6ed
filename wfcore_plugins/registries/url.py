"""``https://…/x.wfp#sha256=…``: any address, with the digest that its publisher tells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from wfcore.api import CONTRACT, Candidate, Context, Guard, Parcel, UsageError

from .asking import ask, body_of, guard, signature_beside


class UrlRegistry:
    """Fetches what lies at an address, and the ``.minisig`` beside it."""

    contract: ClassVar[int] = CONTRACT
    schema: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._context = context

    def start(self) -> None:
        """Nothing to acquire."""

    def stop(self, deadline: float) -> None:
        """Nothing to release."""

    def health(self) -> str:
        """Always well."""
        return ""

    def candidates(self, target: str, wanted: str = "") -> Sequence[Candidate]:
        """One candidate: what lies there."""
        if not re.fullmatch(r"https?://[^\s#]+", target) or wanted:
            raise UsageError(f"{target!r} is no URL", remedy="write https://HOST/FILE.wfp#sha256=DIGEST")
        return [Candidate(source=target, place=target)]

    def fetch(self, candidate: Candidate) -> Parcel:
        """The file and its signature."""
        way: Guard = guard(self._context)
        content = body_of(ask(way, candidate.place), candidate.place, "a package")
        base, mark, query = candidate.place.partition("?")
        return Parcel(content, "" if mark and query else signature_beside(way, base))
