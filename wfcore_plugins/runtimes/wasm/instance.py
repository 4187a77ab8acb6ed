"""An instance of a module, as the ABI says how it is called, and where fresh ones come from."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

#: Bytes of a memory that may stay for a moment without a call that answers for it.
SMALL: Final = 4 * 1024 * 1024
#: So many instances wait for a call.
_SPARE: Final = 4


class Instance:
    """An instance in its store."""

    __slots__ = ("_memory", "exports", "output", "store")

    def __init__(self, store: Any, exports: Any) -> None:
        self.store = store
        self.exports = exports
        #: Bytes of a result, at most.
        self.output = 0
        self._memory = exports["memory"]

    @property
    def size(self) -> int:
        """Bytes of its memory."""
        return int(self._memory.data_len(self.store))

    def call(self, export: str, content: bytes, more: tuple[int, ...]) -> bytes:
        """Give content to an export, and copy its result when that is within bounds. Raises Broken."""
        memory = self._memory
        place = self.exports["wf_alloc"](self.store, len(content)) & 0xFFFFFFFF
        if not place:
            raise Broken("memory", "there is no room for what the code is called with")
        if place + len(content) > self.size:
            raise Broken("trap", "wf_alloc gives a place outside of the memory")
        memory.write(self.store, content, place)
        packed = self.exports[export](self.store, place, len(content), *more)
        start, length = packed >> 32 & 0xFFFFFFFF, packed & 0xFFFFFFFF
        if not length or start + length > self.size:
            raise Broken("trap", "the result is malformed: it lies outside of the memory")
        if length > self.output + 1:
            raise Broken("output", f"it has {length - 1} bytes; at most {self.output} are taken")
        return bytes(memory.read(self.store, start, start + length))


class Instances:
    """Fresh instances: each is for one call. ``make`` a module's, whose memory may have so many bytes.

    A module that was called is often called again, so its next one is made while nobody waits for it.
    """

    def __init__(self, make: Callable[[Any, int], Instance]) -> None:
        self._make = make
        self._spare: OrderedDict[tuple[Any, int], Instance] = OrderedDict()
        self._forgotten: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()

    def take(self, module: Any, memory: int) -> Instance:
        """One that nobody has used. Raises as ``make``."""
        with self._lock:
            spare = self._spare.pop((module, memory), None)
        return spare or self._make(module, memory)

    def prepare(self, module: Any, memory: int) -> None:
        """Have one there for the next call; it must be SMALL. Raises as ``make``."""
        if (module, memory) in self._spare:
            return
        made = self._make(module, memory)
        with self._lock:
            if module in self._forgotten:
                return
            self._spare[module, memory] = made
            if len(self._spare) > _SPARE:
                self._spare.popitem(last=False)

    def forget(self, module: Any) -> None:
        """Nobody will call it again."""
        with self._lock:
            self._forgotten.add(module)
            for key in [key for key in self._spare if key[0] is module]:
                del self._spare[key]


class Broken(Exception):
    """A module that does not keep to the ABI, or to its limits."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
