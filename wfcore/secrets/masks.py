"""Known secrets, found in text that is about to leave."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from typing import Any, Final

from wfcore.model.secret import MASK, Secret, reveal
from wfcore.secrets.spellings import spellings

#: So many values are looked for at most; those that were not used for the longest time go.
KEPT: Final = 2000
#: Of what derives from secrets, texts of at least so many characters are looked for, and so many texts.
_LEAST_DERIVED: Final = 8
_MOST_DERIVED: Final = 200


class Masks:
    """The values that are looked for. ``beyond`` is told of each value too."""

    def __init__(self, beyond: Masks | None = None) -> None:
        self._beyond = beyond
        self._known: OrderedDict[str, str] = OrderedDict()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()
        self.seen = False

    def note(self, value: str | Secret) -> None:
        """Look for this from now on: a text, or the texts and numbers in a secret.

        Of those the short ones are left out: they would hide what has nothing to do with the secret.
        """
        self.seen = True
        if isinstance(value, str):
            self._note(value, MASK)
            return
        whole = reveal(value)
        for text in _texts(whole):
            self._note(text, value.shown if text == whole else MASK)

    def _note(self, text: str, shown: str) -> None:
        with self._lock:
            if text not in self._known:
                self._pattern = None
            self._known[text] = shown
            self._known.move_to_end(text)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        if self._beyond is not None:
            self._beyond.seen = True
            self._beyond._note(text, shown)

    def mask(self, text: str) -> str:
        """The text with MASK in the place of what is known, in all its spellings."""
        pattern = self._compiled()
        return pattern.sub(lambda match: self._known.get(match[0], MASK), text) if pattern else text

    def hide(self, value: Any) -> Any:
        """The value with each text that has something known in it as a secret."""
        pattern = self._compiled()
        return value if pattern is None else _hidden(value, pattern)

    def _compiled(self) -> re.Pattern[str] | None:
        with self._lock:
            if self._pattern is None and self._known:
                found = {spelling for text in self._known for spelling in spellings(text)}
                longest_first = sorted(found, key=lambda one: (-len(one), one))
                if longest_first:
                    self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            return self._pattern


def _hidden(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return Secret(value) if pattern.search(value) else value
    if isinstance(value, bytes):
        return Secret(value) if pattern.search(value.decode("latin-1")) else value
    if isinstance(value, dict):
        return {
            pattern.sub(MASK, key) if isinstance(key, str) else key: _hidden(below, pattern)
            for key, below in value.items()
        }
    if isinstance(value, list | tuple):
        return [_hidden(below, pattern) for below in value]
    return value


def _texts(value: Any) -> list[str]:
    found: set[str] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif isinstance(one, bytes):
            found.add(one.decode("utf-8", "replace"))
        elif one is not None and not isinstance(one, bool):
            found.add(str(one))
    longest = sorted((text for text in found if len(text) >= _LEAST_DERIVED), key=len, reverse=True)
    return longest[:_MOST_DERIVED]
