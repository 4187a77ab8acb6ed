"""The driver beside its calls: settings, health, what it says when a process cannot begin."""

import logging
import subprocess
import sys

import cerberus
import pytest

from wfcore.api import RetryableError, TerminalError
from wfcore_plugins.runtimes.wasm import process
from wfcore_plugins.runtimes.wasm.runtime import WasmRuntime

BROKEN = "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.modules['wasmtime'] = None; "
PLAIN = "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.modules['pyseccomp'] = None; "
MAIN = "from wfcore_plugins.runtimes.wasm.child import main; main()"


def test_it_is_well_before_and_after_its_first_call(fresh):
    bench = fresh()
    assert bench.driver.health() == ""
    bench.run("export default () => 1")
    assert bench.driver.health() == ""


@pytest.mark.parametrize("boot", [BROKEN + MAIN, "raise SystemExit(3)"], ids=["no wasmtime", "nothing"])
def test_a_process_that_cannot_begin_is_said_and_forgotten_when_one_can(fresh, monkeypatch, boot):
    bench = fresh(processes=1)
    compiled = bench.js("export default () => 1")
    with monkeypatch.context() as patch:
        patch.setattr(process, "_BOOT", boot)
        with pytest.raises(TerminalError) as caught:
            bench.invoke(compiled)
        assert caught.value.kind == "sandbox"
        assert "cannot begin" in bench.driver.health()
        if "wasmtime" in boot:
            assert "wasmtime" in caught.value.message
            assert "wasmtime" in bench.driver.health()
    assert bench.invoke(compiled) == 1
    assert bench.driver.health() == ""


def test_no_process_at_all_is_worth_trying_again(fresh, monkeypatch):
    bench = fresh(processes=1)
    compiled = bench.js("export default () => 1")
    before = len(bench.workers())
    monkeypatch.setattr(process.sys, "executable", "/nowhere/python")
    with pytest.raises(RetryableError, match="no sandbox process can be started"):
        bench.invoke(compiled)
    assert len(bench.workers()) == before


@pytest.mark.skipif(sys.platform != "linux", reason="a measure of Linux")
def test_a_missing_filter_of_system_calls_is_said_once(fresh, monkeypatch, caplog):
    bench = fresh(processes=1)
    compiled = bench.js("export default () => 1")
    monkeypatch.setattr(process, "_BOOT", PLAIN + MAIN)
    with caplog.at_level(logging.WARNING):
        assert bench.invoke(compiled) == 1
        bench.workers()[0].process.kill()
        assert bench.invoke(compiled) == 1
    assert [record.message for record in caplog.records if "libseccomp" in record.message] == [
        "sandbox processes run without a filter of system calls; install libseccomp, version 2"
    ]
    assert bench.driver.health() == ""


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("memory", "64MiB", "at least 512MiB"),
        ("memory", "much", "size"),
        ("idle", "0s", "longer than 0 s"),
        ("compileTimeout", "soon", "duration"),
        ("calls", 0, "min"),
    ],
)
def test_settings_are_checked(setting, value, says):
    rules = cerberus.Validator(WasmRuntime.schema)
    assert not rules.validate({setting: value})
    assert says in str(rules.errors[setting])


def test_defaults_are_sound():
    rules = cerberus.Validator(WasmRuntime.schema)
    assert rules.validate({})
    assert rules.normalized({})["calls"] == 16


def test_the_package_is_cheap_to_import_and_has_the_driver():
    code = (
        "import sys, wfcore_plugins.runtimes.wasm as it; print('wfcore' in sys.modules);"
        "print(it.WasmRuntime.__name__, 'wasmtime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "WasmRuntime", "False"], done.stderr
