"""The machine in this process: what a kernel that is busy does to it."""

import pytest
import wasmtime

from wfcore_plugins.runtimes.wasm import machine

WAT = """(module
  (memory (export "memory") 1)
  (data (i32.const 16) "\\00null")
  (func (export "wf_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "wf_invoke") (param i32 i32 i64 i64) (result i64)
    (i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 5))))"""


class Refused:
    """A module of which no instance can be made so many times."""

    def __init__(self, module, times, message):
        self.module, self.times, self.message = module, times, message

    def instantiate(self, store):
        if self.times:
            self.times -= 1
            raise wasmtime.WasmtimeError(self.message)
        return self.module.instantiate(store)


@pytest.mark.parametrize(
    ("times", "message", "kind"),
    [
        (3, "cannot add seals to the memfd", "ok"),
        (99, "cannot add seals to the memfd", "trap"),
        (1, "incompatible import type", "trap"),
    ],
)
def test_an_instance_is_tried_again_while_the_kernel_moves_its_pages(monkeypatch, times, message, kind):
    monkeypatch.setattr(machine, "_PAUSES", (0.001,) * 5)
    one = machine.Machine()
    one.start()
    module = one.load(one.compile(bytes(wasmtime.wat2wasm(WAT))))
    work = machine.Work(Refused(module, times, message), b"{}", 0, 0, 5.0, 1 << 20, 1 << 20)
    ending = one.run(work, lambda request: request)
    assert (ending.kind, ending.content) == (kind, b"null" if kind == "ok" else b"")
