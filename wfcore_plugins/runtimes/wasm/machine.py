"""Calls of modules in this process, by wasmtime: a fresh instance and limits for each."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import wasmtime

from wfcore_plugins.runtimes.wasm.instance import Broken, Instance
from wfcore_plugins.runtimes.wasm.limits import MAX_ASKED, MAX_STACK, MAX_TABLE

#: Seconds between two epochs: how exactly the time of a call ends.
TICK: Final = 0.01
#: So many missed epochs are made up for at once; when there are more, the whole computer was asleep.
_MOST_LATE: Final = 500
#: Seconds between attempts to make an instance that the kernel is in the way of.
_PAUSES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_OFF: Final = (
    "wasm_threads", "wasm_memory64", "wasm_multi_memory", "wasm_tail_call", "wasm_relaxed_simd", "wasm_gc",
    "wasm_exceptions", "wasm_function_references", "wasm_custom_page_sizes", "wasm_wide_arithmetic",
    "wasm_stack_switching", "wasm_component_model",
)  # fmt: skip

#: Asks the host for this call: the request's bytes -> the answer's bytes.
Ask = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Work:
    """A call: ``module`` is what ``load`` gave; ``code`` JavaScript bytecode for it when it is an engine."""

    module: Any
    request: bytes
    now: int
    seed: int
    timeout: float
    memory: int
    output: int
    code: bytes = b""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended: ``kind`` is ``ok``, ``error`` (the code's own, in ``content``) or what stopped it."""

    kind: str
    content: bytes = b""
    message: str = ""


class _State(threading.local):
    """Of the call that this thread runs: who answers, and the answer that was not taken yet."""

    ask: Ask
    answer: bytes | None = None


class Machine:
    """Time does not pass before ``start``: until then it has no thread."""

    def __init__(self) -> None:
        self._engine = wasmtime.Engine(configured())
        self._state = _State()
        self._linker = self._linked()
        self._running = 0
        self._busy = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Let time pass."""
        threading.Thread(target=self._tick, name="epochs", daemon=True).start()

    def compile(self, content: bytes) -> bytes:
        """The machine code of a module. Raises wasmtime.WasmtimeError."""
        return bytes(wasmtime.Module(self._engine, content).serialize())

    def load(self, artefact: bytes) -> Any:
        """A compiled module, ready. Raises wasmtime.WasmtimeError for what another build has compiled."""
        return self._linker.instantiate_pre(wasmtime.Module.deserialize(self._engine, artefact))

    def run(self, work: Work, ask: Ask) -> Ending:
        """Run a call to its end."""
        return self._guarded(work, ask, lambda instance: _invoke(instance, work))

    def bytecode(self, source: bytes, work: Work) -> Ending:
        """Compile JavaScript by an engine module: bytecode, or the error of its syntax."""
        return self._guarded(work, _nobody, lambda instance: instance.call("wf_compile", source, ()))

    def _guarded(self, work: Work, ask: Ask, body: Callable[[Instance], bytes]) -> Ending:
        self._state.ask, self._state.answer = ask, None
        try:
            with self._ticking():
                content = body(self._instance(work))
        except wasmtime.Trap as trap:
            return Ending(_TRAPS.get(_code(trap), "trap"), message=_line(trap))
        except Broken as error:
            return Ending(error.kind, message=str(error))
        except wasmtime.WasmtimeError as error:
            text = _line(error)
            return Ending("memory" if "memory" in text and "limit" in text else "trap", message=text)
        kind = {0: "ok", 1: "error"}.get(content[0])
        if kind is None:
            return Ending("trap", message="the result is malformed: its first byte is neither 0 nor 1")
        return Ending(kind, content[1:])

    def _instance(self, work: Work) -> Instance:
        """A fresh instance.

        With a module's first one wasmtime seals what its memory begins with, which Linux refuses (EBUSY)
        while it is moving those pages about; a moment later it does not.
        """
        for pause in _PAUSES:
            try:
                return self._fresh(work)
            except wasmtime.WasmtimeError as error:
                if "memfd" not in str(error):
                    raise
                time.sleep(pause)
        return self._fresh(work)

    def _fresh(self, work: Work) -> Instance:
        store = wasmtime.Store(self._engine)
        store.set_limits(memory_size=work.memory, table_elements=MAX_TABLE, instances=1, tables=1, memories=1)
        store.set_epoch_deadline(max(1, round(work.timeout / TICK)))
        instance = work.module.instantiate(store)
        return Instance(store, instance.exports(store), work.output)

    def _linked(self) -> Any:
        linker = wasmtime.Linker(self._engine)
        i32 = wasmtime.ValType.i32()
        asked = wasmtime.FuncType([i32, i32], [i32])
        linker.define_func("workflow", "host_call", asked, self._host_call, access_caller=True)
        taken = wasmtime.FuncType([i32], [])
        linker.define_func("workflow", "host_take", taken, self._host_take, access_caller=True)
        return linker

    # Nothing may be raised from these two: wasmtime-py keeps one last exception for all threads.

    def _host_call(self, caller: Any, start: int, length: int) -> int:
        state = self._state
        state.answer = None
        start, length = start & 0xFFFFFFFF, length & 0xFFFFFFFF
        try:
            memory = caller["memory"]
            if length > MAX_ASKED or start + length > memory.data_len(caller):
                return -1
            state.answer = state.ask(bytes(memory.read(caller, start, start + length)))
            return len(state.answer)
        except Exception:
            return -1

    def _host_take(self, caller: Any, start: int) -> None:
        state = self._state
        answer, state.answer, start = state.answer, None, start & 0xFFFFFFFF
        with contextlib.suppress(Exception):
            memory = caller["memory"]
            if answer is not None and start + len(answer) <= memory.data_len(caller):
                memory.write(caller, answer, start)

    @contextlib.contextmanager
    def _ticking(self) -> Iterator[None]:
        with self._lock:
            self._running += 1
            self._busy.set()
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._busy.clear()

    def _tick(self) -> None:
        """Keep the epoch in step with the clock, also when this thread was late."""
        due = time.monotonic()
        while True:
            if not self._busy.is_set():
                self._busy.wait()
                due = time.monotonic()
            time.sleep(TICK)
            late = round((time.monotonic() - due) / TICK)
            due += late * TICK
            for _ in range(min(late, _MOST_LATE)):
                self._engine.increment_epoch()


def configured() -> Any:
    """The configuration of all engines; ``limits.CONFIGURATION`` names it."""
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.max_wasm_stack = MAX_STACK
    config.cranelift_opt_level = "speed"
    for name in _OFF:
        with contextlib.suppress(AttributeError, wasmtime.WasmtimeError):  # this build does not know it
            setattr(config, name, False)
    return config


def _invoke(instance: Instance, work: Work) -> bytes:
    if work.code:
        loaded = instance.call("wf_load", work.code, (1, work.now, work.seed))
        if loaded[0]:
            return loaded
    elif "_initialize" in instance.exports:
        instance.exports["_initialize"](instance.store)
    return instance.call("wf_invoke", work.request, (work.now, work.seed))


def _nobody(_request: bytes) -> bytes:
    return b'{"error":{"type":"permission","message":"there is no host","retryable":false}}'


def _code(trap: Any) -> Any:
    try:
        return trap.trap_code
    except Exception:
        return None


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:500]


_TRAPS: Final = {
    wasmtime.TrapCode.INTERRUPT: "timeout",
    wasmtime.TrapCode.STACK_OVERFLOW: "stack",
}
