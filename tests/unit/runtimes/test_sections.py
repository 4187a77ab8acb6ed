"""What is read of a module before anything is compiled: all that the ABI refuses, and no surprise."""

import contextlib

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from wfcore.api import PluginError
from wfcore_plugins.runtimes.wasm import sections
from wfcore_plugins.runtimes.wasm.reader import leb128

MEMORY = '(memory (export "memory") 1)'
ALLOC = '(func (export "wf_alloc") (param i32) (result i32) (i32.const 1024))'
INVOKE = '(func (export "wf_invoke") (param i32 i32 i64 i64) (result i64) (i64.const 0))'
CALL = '(import "workflow" "host_call" (func (param i32 i32) (result i32)))'
TAKE = '(import "workflow" "host_take" (func (param i32)))'
SOUND = f"(module {CALL} {TAKE} {MEMORY} {ALLOC} {INVOKE})"


def binary(*parts):
    return bytes(wasmtime.wat2wasm("(module " + " ".join(parts) + ")"))


def custom(name, content=b""):
    body = leb128(len(name)) + name + content
    return b"\0" + leb128(len(body)) + body


REFUSED = {
    "no WebAssembly": [b"", b"\0as", b"(module)", b"PK\3\4"],
    "component": [b"\0asm\x0d\0\1\0", b"\0asm\2\0\0\0"],
    "start function": [binary(MEMORY, ALLOC, INVOKE, "(func $s) (start $s)")],
    "64-bit": [binary('(memory (export "memory") i64 1)', ALLOC, INVOKE)],
    "shared": [binary('(memory (export "memory") 1 2 shared)', ALLOC, INVOKE)],
    "2 memories": [binary(MEMORY, "(memory 1)", ALLOC, INVOKE)],
    "no memory": [binary(ALLOC, INVOKE)],
    "memory begins with": [
        bytes(wasmtime.wat2wasm(SOUND)).replace(b"\5\3\1\0\1", b"\5\5\1\0" + leb128(70_000)),
    ],
    "imports wasi_snapshot_preview1.fd_write": [
        binary('(import "wasi_snapshot_preview1" "fd_write" (func))', MEMORY, ALLOC, INVOKE)
    ],
    "imports workflow.host_call; only the functions": [
        binary('(import "workflow" "host_call" (global i32))', MEMORY, ALLOC, INVOKE)
    ],
    "3 imports": [binary(CALL, CALL, CALL, MEMORY, ALLOC, INVOKE)],
    "import host_call is": [binary('(import "workflow" "host_call" (func))', MEMORY, ALLOC, INVOKE)],
    "import host_take is": [
        binary('(import "workflow" "host_take" (func (param i64)))', MEMORY, ALLOC, INVOKE)
    ],
    "not export memory": [binary("(memory 1)", ALLOC, INVOKE)],
    "not export wf_alloc": [
        binary(MEMORY, INVOKE),
        binary(MEMORY, INVOKE, '(global (export "wf_alloc") i32 (i32.const 0))'),
    ],
    "not export wf_invoke": [binary(MEMORY, ALLOC)],
    r"wf_alloc is \(i64\) -> \(i32\)": [
        binary(MEMORY, INVOKE, '(func (export "wf_alloc") (param i64) (result i32) (i32.const 0))')
    ],
    r"the ABI asks for \(i32, i32, i64, i64\) -> \(i64\)": [
        binary(MEMORY, ALLOC, '(func (export "wf_invoke") (param i32 i32) (result i64) (i64.const 0))')
    ],
    "_initialize is": [binary(MEMORY, ALLOC, INVOKE, '(func (export "_initialize") (param i32))')],
    "2 tables": [binary(MEMORY, ALLOC, INVOKE, "(table 1 funcref) (table 1 funcref)")],
    "table begins with": [binary(MEMORY, ALLOC, INVOKE, "(table 20001 funcref)")],
    "1001 exports": [
        binary(MEMORY, ALLOC, INVOKE, *[f'(export "e{n}" (memory 0))' for n in range(998)]),
    ],
    "20001 functions": [binary(MEMORY, ALLOC, INVOKE, "(func)" * 19_999)],
    "10001 globals": [binary(MEMORY, ALLOC, INVOKE, "(global i32 (i32.const 0))" * 10_001)],
    "no function type": [binary(MEMORY, ALLOC, INVOKE, "(type (struct (field i32)))")],
    "type that is not allowed": [binary(MEMORY, ALLOC, INVOKE, "(func (param (ref func)))")],
    "unknown kind": [binary(MEMORY, ALLOC, INVOKE, "(tag)"), binary(MEMORY) + b"\x63\0"],
    "twice or out of order": [binary(MEMORY, ALLOC, INVOKE) + b"\1\1\0", binary(MEMORY) + b"\5\1\0"],
    "goes beyond its end": [binary(MEMORY, ALLOC, INVOKE)[:-3], sections.HEADER + b"\0\x7f\1a"],
    "more than 32 bits": [sections.HEADER + b"\1\xff\xff\xff\xff" + end for end in (b"\xff\1", b"\x7f")],
    "ends too early": [sections.HEADER + b"\1", sections.HEADER + b"\1\0"],
    "not UTF-8": [sections.HEADER + custom(b"\xff"), sections.script("ab").replace(b"ab", b"\xff\xfe")],
    "custom sections": [binary(MEMORY, ALLOC, INVOKE) + custom(b"x") * 1001],
    "bytes; at most": [sections.HEADER + bytes(32 << 20)],
    "wf.js is there twice": [sections.script("1") + custom(b"wf.js", b"2")],
    "wf.engine must say quickjs": [sections.script("1").replace(b"quickjs", b"quackjs")],
    "wf.abi must say": [sections.script("1").replace(b"wf/1", b"wf/2")],
}  # fmt: skip
CASES = [
    pytest.param(says, content, id=f"{says[:30]}-{n}")
    for says, several in REFUSED.items()
    for n, content in enumerate(several)
]


@pytest.mark.parametrize(("says", "content"), CASES)
def test_what_the_abi_does_not_allow_is_refused(says, content):
    with pytest.raises(PluginError, match=says) as caught:
        sections.parse(content)
    assert caught.value.remedy
    assert "\n" not in caught.value.message


def test_a_sound_module_is_one():
    parsed = sections.parse(bytes(wasmtime.wat2wasm(SOUND)))
    assert not parsed.script
    assert parsed.custom == {}


def test_what_is_allowed_beyond_the_first_version_is():
    more = (
        '(global $g (mut i32) (i32.const 0)) (table 20000 externref) (data $d "x")'
        "(func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))"
        "(func (result i32 i32) (i32.const 1) (i32.const 2))"
        "(func (param v128) (drop (i32.extend8_s (i32.trunc_sat_f32_s (f32.const 1)))))"
    )
    assert not sections.parse(binary(MEMORY, ALLOC, INVOKE, more)).script


@pytest.mark.parametrize("map", ["", '{"version":3}'])
def test_a_script_comes_back_as_it_was_made(map):
    content = sections.script("export default 'ä€'", map)
    parsed = sections.parse(content)
    assert parsed.script
    assert (parsed.source.decode(), parsed.map.decode()) == ("export default 'ä€'", map)
    wasmtime.Module.validate(wasmtime.Engine(), content)


def test_a_script_s_sections_do_nothing_in_a_module_with_code():
    parsed = sections.parse(binary(MEMORY, ALLOC, INVOKE) + custom(b"wf.js", b"1"))
    assert not parsed.script


def parses_or_refuses(content):
    with contextlib.suppress(PluginError):
        sections.parse(content)


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_refused_and_nothing_else(content):
    parses_or_refuses(content)
    parses_or_refuses(sections.HEADER + content)


@given(st.data())
def test_a_module_with_changed_bytes_is_refused_or_read(data):
    content = bytearray(
        data.draw(st.sampled_from([bytes(wasmtime.wat2wasm(SOUND)), sections.script("1", "{}")]))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    parses_or_refuses(bytes(content[: data.draw(st.integers(8, len(content)))]))
