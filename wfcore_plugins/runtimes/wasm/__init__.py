"""WebAssembly in sandbox processes: the runtime of plugin packages and of the code that tasks bring.

The server's side is ``runtime`` and what it imports; ``child``, ``machine`` and ``hardening`` run in the
processes, where alone wasmtime is imported; ``frames`` is what the two say to each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wfcore_plugins.runtimes.wasm.runtime import WasmRuntime as WasmRuntime


def __getattr__(name: str) -> Any:
    """The driver, imported when it is asked for: the processes import this package without the server's."""
    if name != "WasmRuntime":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from wfcore_plugins.runtimes.wasm.runtime import WasmRuntime

    return WasmRuntime
