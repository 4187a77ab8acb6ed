"""What it costs to compile is bounded, and a failure of it is one clear line."""

import time

import pytest
import wasmtime

from wfcore.api import PluginError, SourceFault
from wfcore_plugins.runtimes.wasm import compiling

ABI = """
  (memory (export "memory") 1)
  (func (export "wf_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "wf_invoke") (param i32 i32 i64 i64) (result i64) (i64.const 0))
"""


def slow(functions=4000):
    """A module that takes seconds to compile."""
    body = "(local.get 0)" + "(i64.mul (local.get 0)) (i64.add (local.get 0)) (i64.xor (local.get 0))" * 60
    one = f"(func (param i64) (result i64) {body})"
    return bytes(wasmtime.wat2wasm(f"(module {ABI} {one * functions})"))


def test_a_compilation_that_takes_too_long_is_ended(fresh, tmp_path):
    bench = fresh(data_dir=tmp_path, compileTimeout="400ms")
    content = slow()
    began = time.monotonic()
    with pytest.raises(PluginError, match=r"takes longer than 0\.4 s") as caught:
        bench.driver.check(content)
    assert time.monotonic() - began < 8
    assert "\n" not in caught.value.message
    assert not list(tmp_path.iterdir())


def test_a_compilation_that_takes_too_much_memory_is_ended(fresh, tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "_PROCESS_MEMORY", 48 << 20)
    bench = fresh(data_dir=tmp_path)
    with pytest.raises(PluginError, match="cannot be compiled"):
        bench.driver.check(slow())


def test_a_module_that_is_not_valid_is_said_in_one_line(bench):
    content = bytearray(wasmtime.wat2wasm(f"(module {ABI})"))
    content[-3] = 0x50  # asks for a number that is not there
    with pytest.raises(PluginError, match="cannot be compiled") as caught:
        bench.driver.check(bytes(content))
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("language", ["js", "ts"])
@pytest.mark.parametrize(
    "source",
    [
        "(" * 200_000,
        "[" * 50_000 + "]" * 50_000,
        "`${" * 20_000,
        "/" + "(" * 50_000 + "/",
        "\0",
        "\u2028",
        "let 🐈",
    ],
    ids=["open", "nested", "templates", "pattern", "zero", "separator", "cat"],
)
def test_source_that_means_harm_is_refused_or_taken(fresh, language, source):
    bench = fresh(compileTimeout="5s")
    try:
        bench.driver.module(language, source, "code")
    except (SourceFault, PluginError) as fault:
        assert fault.message
        assert len(fault.message) < 3000
