"""Calls of modules in this process, by wasmtime: a fresh instance and limits for each."""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import wasmtime

from wfcore_plugins.runtimes.wasm.instance import SMALL, Broken, Instance, Instances
from wfcore_plugins.runtimes.wasm.limits import MAX_ASKED, MAX_STACK, MAX_TABLE

#: Seconds between two epochs: how exactly the time of a call ends.
TICK: Final = 0.01
#: So many missed epochs are made up for at once; when there are more, the whole computer was asleep.
_MOST_LATE: Final = 500
#: Epochs until a store would stop what runs in it, before the time of a call begins: a new one would at
#: once. No code of a module runs until then: one with a start function is refused.
_MAKING: Final = 1000
#: What stands before code and request of a call: see ``wf_run`` of the engine.
_CALL: Final = struct.Struct("<qqi4x")
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
    """Of this thread's call: who answers, the answer that was not taken yet, and the instance.

    ``again`` is what another instance is made of before the next call, if that takes little memory.
    """

    ask: Ask
    answer: bytes | None = None
    used: Instance | None = None
    again: tuple[Any, int] | None = None


class Machine:
    """Time does not pass before ``start``: until then it has no thread."""

    def __init__(self) -> None:
        self._engine = wasmtime.Engine(configured())
        self._state = _State()
        self._linker = self._linked()
        self._instances = Instances(self._made)
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

    def forget(self, module: Any) -> None:
        """What ``load`` gave is not called again."""
        self._instances.forget(module)

    def run(self, work: Work, ask: Ask) -> Ending:
        """Run a call to its end."""
        return self._guarded(work, ask, lambda instance: _invoke(instance, work))

    def bytecode(self, source: bytes, work: Work) -> Ending:
        """Compile JavaScript by an engine module: bytecode, or the error of its syntax."""
        return self._guarded(work, _nobody, lambda instance: instance.call("wf_compile", source, ()))

    def tidy(self) -> None:
        """After a call of this thread: have an instance there for the next, and let go of its own."""
        state = self._state
        try:
            if state.again is not None:
                self._instances.prepare(*state.again)
        except Exception as error:  # the next call says what is wrong
            _let_go(error)
        state.again = state.used = None

    def _guarded(self, work: Work, ask: Ask, body: Callable[[Instance], bytes]) -> Ending:
        state = self._state
        state.ask, state.answer = ask, None
        try:
            with self._ticking():
                content = body(self._begun(work))
        except wasmtime.Trap as trap:
            _let_go(trap)
            return Ending(_TRAPS.get(_code(trap), "trap"), message=_line(trap))
        except Broken as error:
            return Ending(error.kind, message=str(error))
        except wasmtime.WasmtimeError as error:
            _let_go(error)
            text = _line(error)
            return Ending("memory" if "memory" in text and "limit" in text else "trap", message=text)
        finally:
            # Once the call has ended, its room is promised to others.
            if state.used and state.used.size > SMALL:
                state.used = None
        kind = {0: "ok", 1: "error"}.get(content[0])
        if kind is None:
            return Ending("trap", message="the result is malformed: its first byte is neither 0 nor 1")
        return Ending(kind, content[1:])

    def _begun(self, work: Work) -> Instance:
        state, key = self._state, (work.module, work.memory)
        state.used = instance = self._instances.take(*key)
        state.again = key if instance.size <= SMALL else None
        instance.output = work.output
        instance.store.set_epoch_deadline(max(1, round(work.timeout / TICK)))
        return instance

    def _made(self, module: Any, memory: int) -> Instance:
        store = wasmtime.Store(self._engine)
        store.set_limits(memory_size=memory, table_elements=MAX_TABLE, instances=1, tables=1, memories=1)
        store.set_epoch_deadline(_MAKING)
        return Instance(store, module.instantiate(store).exports(store))

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
    # What a memory begins with is copied at once: to map it, and have the kernel copy each page that is
    # written to, takes longer and needs files.
    config.memory_init_cow = False
    for name in _OFF:
        with contextlib.suppress(AttributeError, wasmtime.WasmtimeError):  # this build does not know it
            setattr(config, name, False)
    return config


def _invoke(instance: Instance, work: Work) -> bytes:
    if work.code:  # an engine takes all at once: to enter it from Python takes as long as a small script
        start = _CALL.pack(work.now, work.seed, len(work.code))
        return instance.call("wf_run", b"".join((start, work.code, work.request)), ())
    if "_initialize" in instance.exports:
        instance.exports["_initialize"](instance.store)
    return instance.call("wf_invoke", work.request, (work.now, work.seed))


def _nobody(_request: bytes) -> bytes:
    return b'{"error":{"type":"permission","message":"there is no host","retryable":false}}'


def _let_go(error: BaseException) -> None:
    """Of the frames that it passed, and of their stores: wasmtime-py has it in a cycle with its traceback."""
    error.__traceback__ = None


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
