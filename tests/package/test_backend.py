"""The parts of the build: the backend, the bundle of a package, and the module written back from memory."""

import importlib
from pathlib import Path

import pytest
import wasmtime

ENGINE = Path(__file__).parents[2] / "sdk" / "engine"


@pytest.fixture
def part(monkeypatch):
    """A module of the build by its name."""
    monkeypatch.syspath_prepend(str(ENGINE))
    return lambda name: importlib.import_module(f"engine_{name}")


def test_what_stops_the_build_is_said_in_one_line(part, monkeypatch):
    backend, sources = part("backend"), part("sources")

    def stopped(_target):
        raise sources.BuildError("npm is not there")

    monkeypatch.setattr(backend, "ensure", stopped)
    for hook in (backend.build_wheel, backend.build_sdist, backend.build_editable):
        with pytest.raises(SystemExit, match=r"^workflow-engine: npm is not there$"):
            hook("anywhere")


def test_a_cache_that_cannot_be_written_is_named(part, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(part("sources").BuildError, match=r"file.*set XDG_CACHE_HOME"):
        part("build").ensure(tmp_path / "engine")


def test_the_smallest_thing_to_fetch_comes_first(part, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(part("sources").BuildError, match="npm"):
        part("sources").fetch(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["files"]


def test_a_bundle_has_the_modules_that_are_reached_and_no_others(part, tmp_path):
    for name, text in {
        "index.js": "require('./a'); require('other')",
        "a.js": "require('./b/c'); require('./d')",
        "b/c.js": 'require("../a")',
        "d/index.js": "",
        "unused.js": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    made = part("build").modules(tmp_path)
    names = [line.split('"')[1] for line in made.splitlines() if ": function (exports, require) {" in line]
    assert names == ["a", "b/c", "d/index", "index"]


def module(body):
    """A module with what a snapshot needs, in which ``wf_setup`` does this."""
    return bytes(
        wasmtime.wat2wasm(
            f"""(module
              (import "workflow" "host_call" (func $say (param i32 i32) (result i32)))
              (import "workflow" "host_take" (func (param i32)))
              (memory (export "memory") 1) (global $sp (mut i32) (i32.const 1024))
              (data (i32.const 8) "old")
              (func (export "_initialize")) (func (export "wf_init"))
              (func (export "wf_alloc") (param i32) (result i32) (i32.const 4096))
              (func (export "wf_setup") (param i32 i32) {body})
              (func (export "read") (param i32) (result i32) (i32.load8_u (local.get 0))))"""
        )
    )


def instance(content):
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    linker = wasmtime.Linker(engine)
    i32 = wasmtime.ValType.i32()
    linker.define_func("workflow", "host_call", wasmtime.FuncType([i32, i32], [i32]), lambda _p, _n: 0)
    linker.define_func("workflow", "host_take", wasmtime.FuncType([i32], []), lambda _p: None)
    return store, linker.instantiate(store, wasmtime.Module(engine, content)).exports(store)


def test_a_snapshot_begins_where_the_scripts_ended(part):
    body = "(i32.store8 (i32.const 60000) (i32.load8_u (local.get 0))) (drop (memory.grow (i32.const 1)))"
    made = part("snapshot").snapshot(module(body), [b"a", b"z"])
    store, exports = instance(made)
    assert set(exports) == {"memory", "wf_alloc", "read"}
    assert [chr(exports["read"](store, at)) for at in (8, 9, 10, 60000)] == ["o", "l", "d", "z"]
    assert exports["memory"].data_len(store) == 3 * 65536
    assert part("snapshot").snapshot(module(body), [b"a", b"z"]) == made


def test_a_script_that_fails_ends_the_build_and_says_why(part, capsys):
    body = "(drop (call $say (local.get 0) (local.get 1))) unreachable"
    with pytest.raises(wasmtime.Trap):
        part("snapshot").snapshot(module(body), [b"it is wrong"])
    assert capsys.readouterr().err == "it is wrong\n"


def test_a_module_whose_state_is_not_all_in_memory_is_refused(part):
    raw = module("")
    second = bytes(
        wasmtime.wat2wasm("(module (global (mut i32) (i32.const 0)) (global (mut i32) (i32.const 0)))")
    )
    with pytest.raises(ValueError, match="2 mutable globals"):
        part("snapshot")._expect_one_mutable(dict(part("snapshot")._sections(second))[6])
    part("snapshot")._expect_one_mutable(dict(part("snapshot")._sections(raw))[6])


@pytest.mark.parametrize(("number", "text"), [(0, "00"), (127, "7f"), (128, "8001"), (624485, "e58e26")])
def test_leb128(part, number, text):
    assert part("snapshot").leb(number).hex() == text
    assert part("snapshot")._read_leb(bytes.fromhex(text), 0) == (number, len(text) // 2)
