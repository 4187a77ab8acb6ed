"""Modules in three languages keep to the ABI, and the suite sees it when one does not."""

import re
from pathlib import Path

import pytest
import wasmtime

from wfcore.packages.conformance import conform
from wfcore.packages.project import build
from wfcore.packages.scaffold import scaffold

ABI = Path(__file__).parents[3] / "sdk" / "abi"
SOURCE = """
export const echo = (inputs) => inputs;
export const fail = (e) => {
  throw new RetryableError(e?.message, { type: e?.type, retryAfter: e?.retry_after });
};
export const ask = (request, ctx) => ctx.kv.get(request?.key ?? 'k');
"""


def faults(bench, content):
    return [f"{check.name}: {check.fault}" for check in conform(content, bench.driver) if check.fault]


def skipped(bench, content):
    return [check.name for check in conform(content, bench.driver) if check.skipped]


@pytest.mark.parametrize("language", ["c", "zig"])
def test_a_module_of_a_compiled_language_conforms(bench, language, tmp_path):
    scaffold("abi", language, tmp_path)
    project = tmp_path / "abi"
    (project / "src" / f"plugin.{language}").write_text((ABI / f"conformance.{language}").read_text())
    content = build(project, lambda name: bench.driver).module
    assert faults(bench, content) == []
    assert skipped(bench, content) == []


def test_a_module_by_hand_conforms(bench):
    content = bytes(wasmtime.wat2wasm((ABI / "conformance.wat").read_text()))
    assert faults(bench, content) == []
    assert skipped(bench, content) == ["clock: time and seed are those of the call"]


def test_a_script_conforms(bench):
    content = bench.driver.module("js", SOURCE, "abi.js")
    assert faults(bench, content) == []


CHANGES = {
    "no_action: it does not fail": ("(i32.const 1) (i32.const 17)", "(i32.const 0) (i32.const 17)"),
    "echo: null": ("(return (call $result (i32.const 0)", "(return (call $result (i32.const 1)"),
    "accepted: .*wf_alloc": ('(export "wf_alloc")', '(export "alloc")'),
}


@pytest.mark.parametrize(("fault", "change"), CHANGES.items())
def test_a_module_that_does_not_conform_is_found_out(bench, fault, change):
    text = (ABI / "conformance.wat").read_text()
    assert change[0] in text
    found = faults(bench, bytes(wasmtime.wat2wasm(text.replace(*change))))
    assert any(re.search(fault, one) for one in found), found
