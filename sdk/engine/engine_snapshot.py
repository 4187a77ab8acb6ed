"""The state of a module after its initialisation, written back into the module."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

_PAGE = 65536
#: Sections (WebAssembly core specification, 5.5): these are rewritten, the rest stays.
_CUSTOM, _MEMORY, _GLOBAL, _EXPORT, _START, _DATA, _DATA_COUNT = 0, 5, 6, 7, 8, 11, 12
#: Zeros between two runs of data that cost less than another segment.
_GAP = re.compile(rb"\0{32,}")


def snapshot(raw: bytes, scripts: Sequence[bytes]) -> bytes:
    """The module as it is after its initialisation and each script; what did that is no export any more.

    The module's one mutable global is the stack pointer, and between calls that is where it was at first.
    Raises ValueError for a module that this cannot be done with, and wasmtime.Trap when a script fails.
    """
    memory = _run(raw, scripts)
    gone = {"_initialize", "wf_init", "wf_setup"}
    made = [raw[:8]]
    for kind, content in _sections(raw):
        if kind == _START:
            raise ValueError("the module has a start function")
        if kind == _GLOBAL:
            _expect_one_mutable(content)
        if kind not in (_CUSTOM, _DATA_COUNT):
            made.append(section(kind, _rewritten(kind, content, memory, gone)))
    return b"".join(made)


def _rewritten(kind: int, content: bytes, memory: bytes, gone: set[str]) -> bytes:
    if kind == _MEMORY:
        return b"\x01\x00" + leb(len(memory) // _PAGE)
    if kind == _EXPORT:
        return _exports(content, gone)
    return _data(memory) if kind == _DATA else content


def section(kind: int, content: bytes) -> bytes:
    """A section of a module."""
    return bytes([kind]) + leb(len(content)) + content


def leb(number: int) -> bytes:
    """An unsigned number in LEB128."""
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def _signed_leb(number: int) -> bytes:
    made = bytearray()
    while not -64 <= number < 64:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number & 0x7F)
    return bytes(made)


def _run(raw: bytes, scripts: Sequence[bytes]) -> bytes:
    import wasmtime

    config = wasmtime.Config()
    config.cranelift_nan_canonicalization = True  # what is not a number has other bits on other processors
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    linker = wasmtime.Linker(engine)
    i32 = wasmtime.ValType.i32()
    said = wasmtime.FuncType([i32, i32], [i32])
    linker.define_func("workflow", "host_call", said, _complaint, access_caller=True)
    linker.define_func("workflow", "host_take", wasmtime.FuncType([i32], []), lambda _ptr: None)
    exports: Any = linker.instantiate(store, wasmtime.Module(engine, raw)).exports(store)
    memory = exports["memory"]
    exports["_initialize"](store)
    exports["wf_init"](store)
    for text in scripts:
        place = exports["wf_alloc"](store, len(text))
        memory.write(store, text, place)
        exports["wf_setup"](store, place, len(text))
    content: bytes = bytes(memory.read(store, 0, memory.data_len(store)))
    return content


def _complaint(caller: Any, start: int, length: int) -> int:
    """The error of a script, which the module tells before it gives up."""
    print(caller["memory"].read(caller, start, start + length).decode(), file=sys.stderr)
    return -1


def _sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    at = 8
    while at < len(module):
        kind = module[at]
        size, at = _read_leb(module, at + 1)
        yield kind, module[at : at + size]
        at += size


def _read_leb(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def _expect_one_mutable(content: bytes) -> None:
    count, at = _read_leb(content, 0)
    mutable = 0
    for _ in range(count):
        mutable += content[at + 1]
        at = content.index(0x0B, at) + 1
    if mutable != 1:
        raise ValueError(f"the module has {mutable} mutable globals; only the stack pointer was expected")


def _exports(content: bytes, gone: set[str]) -> bytes:
    count, at = _read_leb(content, 0)
    kept = []
    for _ in range(count):
        length, name_at = _read_leb(content, at)
        end = _read_leb(content, name_at + length + 1)[1]
        if content[name_at : name_at + length].decode() not in gone:
            kept.append(content[at:end])
        at = end
    return leb(len(kept)) + b"".join(kept)


def _data(memory: bytes) -> bytes:
    """All that is not zero, as active segments."""
    segments, at = [], 0
    for gap in _GAP.finditer(memory):
        segments.append((at, gap.start()))
        at = gap.end()
    segments.append((at, len(memory)))
    made = [
        b"\x00\x41" + _signed_leb(start) + b"\x0b" + leb(end - start) + memory[start:end]
        for start, end in segments
        if start < end
    ]
    return leb(len(made)) + b"".join(made)
