"""Reads a Dockerfile, as far as ours goes; what it does not know is an error, not skipped."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

KNOWN = frozenset(
    ["FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"]
)


@dataclass(frozen=True)
class Step:
    """One instruction: its word, its ``--options`` and the rest."""

    word: str
    options: dict[str, str]
    rest: str

    @property
    def arguments(self) -> list[str]:
        """The rest as words: of a JSON list its items, else as a shell splits it."""
        return list(json.loads(self.rest)) if self.rest.startswith("[") else shlex.split(self.rest)


@dataclass
class Stage:
    """A FROM and what follows it."""

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)

    def last(self, word: str) -> Step | None:
        """The last instruction with that word."""
        return next((step for step in reversed(self.steps) if step.word == word), None)

    def environment(self, before: dict[str, str]) -> dict[str, str]:
        """What its ENV make of an environment."""
        known = dict(before)
        for step in self.steps:
            for pair in step.arguments if step.word == "ENV" else ():
                name, _, value = pair.partition("=")
                known[name] = re.sub(r"\$\{?(\w+)\}?", lambda match: known.get(match[1], ""), value)
        return known


def read(file: Path) -> list[Stage]:
    """The stages of a Dockerfile. Raises ValueError for what is not known here."""
    stages: list[Stage] = []
    for word, text in _lines(file.read_text()):
        if word not in KNOWN:
            raise ValueError(f"{file}: {word} is not known here")
        options, rest = dict[str, str](), text
        while found := re.match(r"--([\w-]+)=(\S+)\s+", rest):
            options[found[1]] = found[2]
            rest = rest[found.end() :]
        if word == "FROM":
            base, *name = re.split(r"\s+AS\s+", rest, flags=re.I)
            stages.append(Stage(base, name[0] if name else ""))
        else:
            stages[-1].steps.append(Step(word, options, rest))
    return stages


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Instructions, with continued lines joined and comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()
