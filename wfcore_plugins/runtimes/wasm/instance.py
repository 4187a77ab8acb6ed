"""An instance of a module, as the ABI says how it is called."""

from __future__ import annotations

from typing import Any


class Instance:
    """An instance in its store."""

    __slots__ = ("exports", "output", "store")

    def __init__(self, store: Any, exports: Any, output: int) -> None:
        self.store = store
        self.exports = exports
        self.output = output

    def call(self, export: str, content: bytes, more: tuple[int, ...]) -> bytes:
        """Give content to an export, and copy its result when that is within bounds. Raises Broken."""
        memory = self.exports["memory"]
        place = self.exports["wf_alloc"](self.store, len(content)) & 0xFFFFFFFF
        if not place:
            raise Broken("memory", "there is no room for what the code is called with")
        if place + len(content) > memory.data_len(self.store):
            raise Broken("trap", "wf_alloc gives a place outside of the memory")
        memory.write(self.store, content, place)
        packed = self.exports[export](self.store, place, len(content), *more)
        start, length = packed >> 32 & 0xFFFFFFFF, packed & 0xFFFFFFFF
        if not length or start + length > memory.data_len(self.store):
            raise Broken("trap", "the result is malformed: it lies outside of the memory")
        if length > self.output + 1:
            raise Broken("output", f"it has {length - 1} bytes; at most {self.output} are taken")
        return bytes(memory.read(self.store, start, start + length))


class Broken(Exception):
    """A module that does not keep to the ABI, or to its limits."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
