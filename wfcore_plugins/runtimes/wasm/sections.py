"""What a module is, read with distrust before anything is compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wfcore_plugins.runtimes.wasm.limits import MAX_MODULE, MAX_TABLE
from wfcore_plugins.runtimes.wasm.reader import Reader, fault, leb128
from wfcore_plugins.runtimes.wasm.signatures import expect_signatures

HEADER: Final = b"\0asm\1\0\0\0"
ABI: Final = "wf/1"
ENGINE: Final = "quickjs"
#: Section ids of the core specification.
_NAMES: Final = {
    1: "types", 2: "imports", 3: "functions", 4: "tables", 5: "memories", 6: "globals", 7: "exports",
    8: "start", 9: "elements", 10: "code", 11: "data", 12: "data count",
}  # fmt: skip
#: How many entries a section may have.
_MOST: Final = {
    1: 10_000, 2: 2, 3: 20_000, 4: 1, 5: 1, 6: 10_000, 7: 1000, 9: 10_000, 10: 20_000, 11: 100_000,
}  # fmt: skip
#: In a module the sections come in this order; 12 stands before 10.
_ORDER: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 9: 9, 12: 10, 10: 11, 11: 12}
_MAX_CUSTOM: Final = 1000
_MAX_PAGES: Final = 65536


@dataclass(frozen=True, slots=True)
class Parsed:
    """``custom`` are the sections of this runtime; a ``script`` has nothing else."""

    custom: Mapping[str, bytes] = field(default_factory=dict)
    script: bool = False

    @property
    def source(self) -> bytes:
        """The JavaScript of a script."""
        return self.custom["wf.js"]

    @property
    def map(self) -> bytes:
        """The source map of a script; empty without one."""
        return self.custom.get("wf.map", b"")


def script(source: str, map: str = "") -> bytes:
    """A module without code that carries JavaScript for the shared engine."""
    parts = {"wf.engine": ENGINE, "wf.abi": ABI, "wf.js": source}
    if map:
        parts["wf.map"] = map
    return HEADER + b"".join(_custom(name, text.encode()) for name, text in parts.items())


def parse(content: bytes) -> Parsed:
    """What a module is. Raises PluginError for everything that the ABI does not allow."""
    if len(content) > MAX_MODULE:
        raise fault(f"it has {len(content)} bytes; at most {MAX_MODULE} are allowed")
    if content[:4] != HEADER[:4]:
        raise fault("it is no WebAssembly in binary form")
    if content[4:8] != HEADER[4:]:
        raise fault("it is a component or of another version; the ABI has core modules of version 1")
    custom, bodies = _read(content)
    if not bodies and "wf.js" in custom:
        return _script_of(custom)
    _expect_module(bodies)
    return Parsed(custom)


def _read(content: bytes) -> tuple[dict[str, bytes], dict[int, Reader]]:
    custom: dict[str, bytes] = {}
    bodies: dict[int, Reader] = {}
    others = last = 0
    for id, body in Reader(content, len(HEADER), len(content)).sections():
        if id == 0:
            others += 1
            if others > _MAX_CUSTOM:
                raise fault(f"it has more than {_MAX_CUSTOM} custom sections")
            _keep(custom, body)
            continue
        if id not in _NAMES:
            raise fault(f"it has a section of the unknown kind {id}")
        if _ORDER[id] <= last:
            raise fault(f"the section of {_NAMES[id]} is there twice or out of order")
        last = _ORDER[id]
        bodies[id] = body
    return custom, bodies


def _keep(custom: dict[str, bytes], body: Reader) -> None:
    name = body.name()
    if not name.startswith("wf."):
        return
    if name in custom:
        raise fault(f"the section {name[:60]} is there twice")
    custom[name] = body.rest()


def _script_of(custom: Mapping[str, bytes]) -> Parsed:
    for name, wanted in (("wf.engine", ENGINE), ("wf.abi", ABI)):
        if custom.get(name) != wanted.encode():
            raise fault(f"its section {name} must say {wanted}")
    for name in ("wf.js", "wf.map"):
        try:
            custom.get(name, b"").decode()
        except UnicodeDecodeError:
            raise fault(f"its section {name} is not UTF-8") from None
    return Parsed(custom, script=True)


def _expect_module(bodies: Mapping[int, Reader]) -> None:
    if 8 in bodies:
        raise fault("it has a start function; nothing may run before a call")
    counts = {id: body.number() for id, body in bodies.items() if id in _MOST}
    for id, count in counts.items():
        if count > _MOST[id]:
            raise fault(f"it has {count} {_NAMES[id]}; at most {_MOST[id]} are allowed")
    if counts.get(4):
        _expect_table(bodies[4])
    if not counts.get(5):
        raise fault("it has no memory")
    _expect_size(bodies[5], "memory", _MAX_PAGES)
    expect_signatures({id: (body, counts[id]) for id, body in bodies.items() if id in (1, 2, 3, 7)})


def _expect_table(body: Reader) -> None:
    if body.byte() not in (0x70, 0x6F):
        raise fault("its table is of no type that is allowed")
    _expect_size(body, "table", MAX_TABLE)


def _expect_size(body: Reader, what: str, most: int) -> None:
    if body.byte() not in (0, 1):
        raise fault(f"its {what} is shared or has 64-bit addresses")
    if (size := body.number()) > most:
        raise fault(f"its {what} begins with {size}; at most {most} are allowed")


def _custom(name: str, content: bytes) -> bytes:
    title = name.encode()
    body = leb128(len(title)) + title + content
    return b"\0" + leb128(len(body)) + body
