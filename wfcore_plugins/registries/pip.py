"""``pip:NAME``: packages of native code, which only the operator installs, by pip."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Final

from wfcore.api import Candidate, Parcel, Stateless, UsageError

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?(\[[A-Za-z0-9,._-]+\])?")
_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+!-]{0,63}")


class PipRegistry(Stateless):
    """Says which command installs a backend package; it never runs it."""

    def candidates(self, target: str, wanted: str = "") -> Sequence[Candidate]:
        """One candidate, with the command."""
        if not _NAME.fullmatch(target) or not (wanted == "" or _VERSION.fullmatch(wanted)):
            raise UsageError(
                f"'{target}{'@' if wanted else ''}{wanted}' is no package of PyPI",
                remedy="write pip:NAME or pip:NAME@VERSION",
            )
        requirement = f"{target}=={wanted}" if wanted else target
        command = (sys.executable, "-m", "pip", "install", requirement)
        return [Candidate(source=f"pip:{target}{'@' if wanted else ''}{wanted}", command=command)]

    def fetch(self, candidate: Candidate) -> Parcel:
        """Refused: native code is the operator's choice."""
        raise UsageError(
            f"{candidate.source} is native code, which workflow does not install",
            remedy=f"run {' '.join(candidate.command)}, if you trust it",
        )
