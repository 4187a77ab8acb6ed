"""Known secrets, found in text that is about to leave."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from wfcore.model.secret import MASK, Secret, reveal
from wfcore.secrets.spellings import spellings

#: So many values are looked for at most; those that were not used for the longest time go.
KEPT: Final = 500
#: Of what derives from secrets, texts of at least so many characters are looked for, and so many texts.
_LEAST_DERIVED: Final = 8
_MOST_DERIVED: Final = 200
#: So many texts are searched for at once.
_GROUP: Final = 25
_PATTERN_MEMORY: Final = 128 * 2**20
#: Spellings of more characters are looked for one by one: a pattern of them is slow where they are found.
_LONG: Final = 1000


class _Group:
    """Some known texts in all their spellings; ``shown`` says what stands for each text itself.

    Compiled by RE2: a search takes time in proportion to what is searched, whatever the spellings.
    """

    def __init__(self, shown: Mapping[str, str]) -> None:
        import re2

        self._shown = dict(shown)
        found = {spelling for text in shown for spelling in spellings(text)}
        ordered = sorted(found, key=lambda one: (-len(one), one))
        self._apart = [one for one in ordered if len(one) > _LONG or not _is_whole(one)]
        short = [one for one in ordered if one not in self._apart]
        options = re2.Options()
        options.max_mem = _PATTERN_MEMORY
        options.log_errors = False  # it would write the pattern to standard error
        try:
            self._pattern = re2.compile("|".join(map(re2.escape, short)), options) if short else None
        except re2.error:  # too many
            self._pattern, self._apart = None, ordered

    def within(self, text: str) -> bool:
        """Whether one of them is in a text."""
        if any(one in text for one in self._apart):
            return True
        return self._pattern is not None and self._pattern.search(_encodable(text)) is not None

    def masked(self, text: str) -> str:
        """The text without them."""
        if not self.within(text):
            return text
        for one in self._apart:
            text = text.replace(one, self._shown.get(one, MASK))
        if self._pattern is None:
            return text
        return str(self._pattern.sub(lambda match: self._shown.get(match[0], MASK), _encodable(text)))


def _is_whole(text: str) -> bool:
    """Whether it has no half of a surrogate pair, which RE2 cannot take."""
    return text == _encodable(text)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


class Masks:
    """The values that are looked for. ``seen`` says whether there was one, if only a short one."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()
        self._groups: tuple[_Group, ...] | None = ()
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

    def mask(self, text: str) -> str:
        """The text with MASK in the place of what is known, in all its spellings."""
        for group in self._compiled():
            text = group.masked(text)
        return text

    def hide(self, value: Any) -> Any:
        """The value with each text that has something known in it as a secret."""
        return self._hidden(value, self._compiled()) if self._known else value

    def _note(self, text: str, shown: str) -> None:
        with self._lock:
            if self._known.get(text) != shown:
                self._groups = None
            self._known[text] = shown
            self._known.move_to_end(text)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)

    def _compiled(self) -> tuple[_Group, ...]:
        groups = self._groups
        if groups is None:
            with self._lock:
                # A longer text goes first: what is left of it would not be found any more.
                longest_first = sorted(self._known, key=len, reverse=True)
                parts = (longest_first[at : at + _GROUP] for at in range(0, len(longest_first), _GROUP))
                groups = self._groups = tuple(
                    _Group({text: self._known[text] for text in part}) for part in parts
                )
        return groups

    def _hidden(self, value: Any, groups: tuple[_Group, ...]) -> Any:
        if isinstance(value, str):
            return Secret(value) if any(group.within(value) for group in groups) else value
        if isinstance(value, bytes):
            text = value.decode("utf-8", "replace")
            return Secret(value) if any(group.within(text) for group in groups) else value
        if isinstance(value, dict):
            return {
                self.mask(key) if isinstance(key, str) else key: self._hidden(below, groups)
                for key, below in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._hidden(below, groups) for below in value]
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
