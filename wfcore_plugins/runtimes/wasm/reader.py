"""Reads a module's bytes, within bounds."""

from __future__ import annotations

from collections.abc import Iterator

from wfcore.api import PluginError


class Reader:
    """The bytes from ``start`` to ``end``. Every method raises PluginError at what is not well formed."""

    __slots__ = ("_at", "_content", "_end")

    def __init__(self, content: bytes, start: int, end: int) -> None:
        self._content = content
        self._at = start
        self._end = end

    @property
    def at_end(self) -> bool:
        """Nothing is left."""
        return self._at >= self._end

    def byte(self) -> int:
        """The next byte."""
        if self.at_end:
            raise fault("it ends too early")
        self._at += 1
        return self._content[self._at - 1]

    def number(self) -> int:
        """An unsigned LEB128 of 32 bits."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 28:
                raise fault("a number in it has more than 32 bits")
        if value >= 1 << 32:
            raise fault("a number in it has more than 32 bits")
        return value

    def part(self, size: int) -> Reader:
        """A reader for the next bytes alone."""
        if size > self._end - self._at:
            raise fault("a section goes beyond its end")
        self._at += size
        return Reader(self._content, self._at - size, self._at)

    def take(self, size: int) -> bytes:
        """The next bytes."""
        return self.part(size).rest()

    def name(self) -> str:
        """A text with its length."""
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError:
            raise fault("a name in it is not UTF-8") from None

    def rest(self) -> bytes:
        """All that is left; it stays to be read."""
        return self._content[self._at : self._end]

    def sections(self) -> Iterator[tuple[int, Reader]]:
        """The id and the body of each section."""
        while not self.at_end:
            id = self.byte()
            yield id, self.part(self.number())


def leb128(number: int) -> bytes:
    """A number as LEB128."""
    encoded = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        if not number:
            return bytes([*encoded, byte])
        encoded.append(byte | 0x80)


def fault(what: str) -> PluginError:
    """The error for a module that cannot be accepted."""
    return PluginError(
        f"the module cannot be accepted: {what}", remedy="the plugin ABI says what a module may have"
    )
