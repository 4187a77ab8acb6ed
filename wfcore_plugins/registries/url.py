"""``https://…/x.wfp#sha256=…``: any address, with the digest that its publisher tells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wfcore.api import Candidate, Context, Guard, Parcel, Stateless, UsageError

from .asking import ask, body_of, guard, signature_beside


class UrlRegistry(Stateless):
    """Fetches what lies at an address, and the ``.minisig`` beside it."""

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._context = context

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
