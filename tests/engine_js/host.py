"""The smallest host of an engine: one instance, answers from a function, no limits."""

import json
import struct
from pathlib import Path

import wasmtime

import wfcore_plugins.runtimes.wasm as runtime

ENGINE = Path(runtime.__file__).parent / "engine"


class Machine:
    """An engine file, compiled once."""

    def __init__(self, name):
        config = wasmtime.Config()
        config.max_wasm_stack = 1 << 20
        self.engine = wasmtime.Engine(config)
        self.module = wasmtime.Module.from_file(self.engine, str(ENGINE / name))

    def fresh(self, answer=None, memory=64 << 20):
        return Instance(self, answer or (lambda request: {"value": None}), memory)


class Instance:
    """A fresh instance; ``answer`` is asked for each host call (None refuses), and the requests are kept."""

    def __init__(self, machine, answer, memory):
        self.store = wasmtime.Store(machine.engine)
        self.store.set_limits(memory_size=memory)
        self.requests = []
        self.answer = answer
        self.taken = b""
        linker = wasmtime.Linker(machine.engine)
        i32 = wasmtime.ValType.i32()
        call = wasmtime.FuncType([i32, i32], [i32])
        linker.define_func("workflow", "host_call", call, self._call, access_caller=True)
        linker.define_func(
            "workflow", "host_take", wasmtime.FuncType([i32], []), self._take, access_caller=True
        )
        self.exports = linker.instantiate(self.store, machine.module).exports(self.store)

    def compile(self, source):
        return self._result("wf_compile", self._put(source.encode()))

    def load(self, code, now=0, seed=1):
        is_bytecode = isinstance(code, bytes)
        place = self._put(code if is_bytecode else code.encode())
        return self._result("wf_load", place, int(is_bytecode), now, seed)

    def run(self, bytecode, inputs=None, now=0, seed=1):
        """A call in one: (0, output) or (1, error)."""
        request = json.dumps({"action": "default", "inputs": inputs, "context": {}}).encode()
        start = struct.pack("<qqi4x", now, seed, len(bytecode))
        status, text = self._result("wf_run", self._put(start + bytecode + request))
        return status, json.loads(text)

    def invoke(self, inputs=None, action="default", now=0, seed=1, context=None):
        """(0, output) or (1, error)."""
        text = json.dumps({"action": action, "inputs": inputs, "context": context or {}}, ensure_ascii=False)
        return self.send(text.encode(), now, seed)

    def send(self, request, now=0, seed=1):
        status, text = self._result("wf_invoke", self._put(request), now, seed)
        return status, json.loads(text)

    def _put(self, content):
        place = self.exports["wf_alloc"](self.store, len(content)) & 0xFFFFFFFF
        self.exports["memory"].write(self.store, content, place)
        return place, len(content)

    def _result(self, export, place, *more):
        packed = self.exports[export](self.store, *place, *more) & 0xFFFFFFFFFFFFFFFF
        start, length = packed >> 32, packed & 0xFFFFFFFF
        content = bytes(self.exports["memory"].read(self.store, start, start + length))
        return content[0], content[1:]

    def _call(self, caller, start, length):
        request = json.loads(bytes(caller["memory"].read(caller, start, start + length)))
        self.requests.append(request)
        answer = self.answer(request)
        self.taken = json.dumps(answer).encode()
        return -1 if answer is None else len(self.taken)

    def _take(self, caller, start):
        caller["memory"].write(caller, self.taken, start)
