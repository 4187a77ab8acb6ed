"""What a module imports and exports has to be of the types that the ABI says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wfcore_plugins.runtimes.wasm.reader import Reader, fault

#: The value types of the core specification: i32, i64, f32, f64, v128, funcref, externref.
_VALUES: Final = b"\x7f\x7e\x7d\x7c\x7b\x70\x6f"
_SHOWN: Final = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64"}
_FUNCTION: Final = 0
_MEMORY: Final = 2
_MAX_VALUES: Final = 1000
#: Parameters and results.
_Type = tuple[bytes, bytes]
_IMPORTS: Final[Mapping[tuple[str, str], _Type]] = {
    ("workflow", "host_call"): (b"\x7f\x7f", b"\x7f"),
    ("workflow", "host_take"): (b"\x7f", b""),
}
_EXPORTS: Final[Mapping[str, _Type]] = {
    "wf_alloc": (b"\x7f", b"\x7f"),
    "wf_invoke": (b"\x7f\x7f\x7e\x7e", b"\x7e"),
    "_initialize": (b"", b""),
}
_OPTIONAL: Final = {"_initialize"}


def expect_signatures(parts: Mapping[int, tuple[Reader, int]]) -> None:
    """Read the sections of types, imports, functions and exports, each with the number of its entries.

    Raises PluginError.
    """
    empty = (Reader(b"", 0, 0), 0)
    types = _types(*parts.get(1, empty))
    functions = [*_imported(*parts.get(2, empty), types), *_numbers(*parts.get(3, empty))]
    exports = _exported(*parts.get(7, empty))
    if exports.get("memory", (None, 0))[0] != _MEMORY:
        raise _missing("memory")
    for name, wanted in _EXPORTS.items():
        kind, index = exports.get(name, (None, 0))
        if kind is None and name in _OPTIONAL:
            continue
        if kind != _FUNCTION:
            raise _missing(name)
        if index >= len(functions):
            raise fault(f"the function that it exports as {name} is not there")
        _expect(f"its export {name}", types, functions[index], wanted)


def _types(body: Reader, count: int) -> list[_Type]:
    return [_type(body) for _ in range(count)]


def _type(body: Reader) -> _Type:
    if body.byte() != 0x60:
        raise fault("it has a type that is no function type")
    return _values(body), _values(body)


def _values(body: Reader) -> bytes:
    if (count := body.number()) > _MAX_VALUES:
        raise fault(f"a function in it has {count} parameters or results; at most {_MAX_VALUES} are allowed")
    values = body.take(count)
    if values.strip(_VALUES):
        raise fault("a function in it has a parameter or a result of a type that is not allowed")
    return values


def _imported(body: Reader, count: int, types: list[_Type]) -> list[int]:
    indexes = []
    for _ in range(count):
        module, name, kind = body.name(), body.name(), body.byte()
        wanted = _IMPORTS.get((module, name))
        if wanted is None or kind != _FUNCTION:
            allowed = " and ".join(f"{one}.{other}" for one, other in _IMPORTS)
            raise fault(f"it imports {module[:60]}.{name[:60]}; only the functions {allowed} are there")
        indexes.append(body.number())
        _expect(f"its import {name}", types, indexes[-1], wanted)
    return indexes


def _numbers(body: Reader, count: int) -> list[int]:
    return [body.number() for _ in range(count)]


def _exported(body: Reader, count: int) -> dict[str, tuple[int, int]]:
    return {body.name(): (body.byte(), body.number()) for _ in range(count)}


def _expect(what: str, types: list[_Type], index: int, wanted: _Type) -> None:
    if index >= len(types):
        raise fault(f"{what} is of a type that is not there")
    if types[index] != wanted:
        raise fault(f"{what} is {_shown(types[index])}; the ABI asks for {_shown(wanted)}")


def _shown(type: _Type) -> str:
    parameters, results = (", ".join(_SHOWN.get(one, "?") for one in part[:8]) for part in type)
    return f"({parameters}) -> ({results})"


def _missing(name: str) -> Exception:
    return fault(f"it does not export {name}, which the ABI asks for")
