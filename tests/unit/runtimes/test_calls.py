"""Calls of JavaScript and of modules: values, host calls, errors with their places, time and chance."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from wfcore.api import Cancel, PluginError, RetryableError, SourceFault, TerminalError
from wfcore_plugins.runtimes.wasm.values import encode

VALUES = [
    None, True, 0, -1, 2**53 - 1, 1.5, "", "ä€😀\n", b"\x00\xff", [], {}, [[{"a": [b"x", None]}]],
    "x" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_values_go_in_and_come_out_as_they_are(bench, value):
    assert bench.run("export default (data) => data", value) == value


def test_a_promise_is_awaited(bench):
    source = "export default async (data) => { await null; return (await Promise.all([1, data])).at(1) }"
    assert bench.run(source, "yes") == "yes"


def test_typescript_runs_without_its_types(bench):
    source = "enum Kind { A = 3 }\nexport default (n: number): number => n * Kind.A\n"
    module = bench.js(source, "ts", "code.ts")
    assert bench.invoke(module, 14) == 42


def test_each_call_begins_anew(bench):
    source = "let n = 0; globalThis.m ??= 0; export default () => [++n, ++globalThis.m]"
    assert [bench.run(source) for _ in range(3)] == [[1, 1]] * 3


def test_time_and_chance_are_those_of_the_call(bench):
    source = "export default () => [Date.now(), Math.random(), new Date().getTime()]"
    first = bench.run(source, now=1_700_000_000_000, seed=7)
    assert first[0] == first[2] == 1_700_000_000_000
    assert bench.run(source, now=1_700_000_000_000, seed=7) == first
    assert bench.run(source, now=1_700_000_000_000, seed=8)[1] != first[1]


def test_the_host_is_asked_and_its_answer_given(bench):
    asked = []

    def host(request):
        asked.append(request)
        return {"n": [1, b"\x01"]}

    assert bench.run("export default (d, ctx) => ctx.kv.get('ä')", host=host) == {"n": [1, b"\x01"]}
    assert asked == [{"op": "kv.get", "key": "ä"}]


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (TerminalError("no", kind="permission"), "permission"),
        (RetryableError("later", kind="network", retry_after=3), "network"),
    ],
)
def test_an_error_of_the_host_is_the_code_s_if_it_does_not_catch_it(bench, raised, kind):
    def host(request):
        raise raised

    with pytest.raises(type(raised)) as caught:
        bench.run("export default (d, ctx) => ctx.kv.get('k')", host=host)
    assert caught.value.kind == kind
    assert bench.run("export default (d, c) => c.kv.get('k').catch((e) => e.type)", host=host) == kind


def test_a_cancel_of_the_host_ends_the_call(bench):
    def host(request):
        raise Cancel("cancelled")

    with pytest.raises(Cancel):
        bench.run(
            "export default async (d, ctx) => { try { await ctx.kv.get('k') } catch { } return 1 }", host=host
        )


def test_an_answer_that_has_no_json_form_is_an_error_of_the_call(bench):
    with pytest.raises(TerminalError, match="no JSON form"):
        bench.run("export default (d, ctx) => ctx.kv.get('k')", host=lambda request: object())


def test_errors_say_what_and_where(bench, task):
    source = (
        "interface A { n: number }\n"
        "\n"
        "function check(a: A): void {\n"
        "  if (a.n > 1) throw new RetryableError('too many', { type: 'busy', retryAfter: 5 });\n"
        "}\n"
        "export default (a: A) => check(a);\n"
    )
    module, one = bench.js(source, "ts", "src/code.ts"), task()
    with pytest.raises(RetryableError) as caught:
        bench.invoke(module, {"n": 2}, task=one)
    assert (caught.value.kind, caught.value.retry_after) == ("busy", 5)
    assert caught.value.message.startswith("too many (src/code.ts:4:")
    assert any("check src/code.ts:4:" in line for line in one.logs)
    assert any("src/code.ts:6:" in line for line in one.logs)


@pytest.mark.parametrize(
    ("language", "source", "line", "column"),
    [
        ("js", "export default () => {\n  const = 1;\n}", 2, 9),
        ("ts", "export default (a: ) => 1", 1, 20),
        ("ts", "type A = number;\nconst a: A = 1;\nexport default () => {\n  let a b;\n}\n", 4, 9),
    ],
)
def test_source_that_is_not_well_formed_is_refused_at_its_place(bench, language, source, line, column):
    with pytest.raises(SourceFault) as caught:
        bench.driver.module(language, source, "code")
    assert caught.value.line == line
    assert abs(caught.value.column - column) <= 1, caught.value.column
    assert caught.value.message


def test_what_is_no_action_is_said(bench):
    with pytest.raises(TerminalError, match="default export") as caught:
        bench.run("export const other = () => 1")
    assert caught.value.kind == "no_action"


def test_a_module_of_webassembly_runs(bench):
    text = """(module
      (import "workflow" "host_call" (func $ask (param i32 i32) (result i32)))
      (import "workflow" "host_take" (func $take (param i32)))
      (memory (export "memory") 2)
      (data (i32.const 16) "\\00[\\22from wat\\22]")
      (data (i32.const 64) "{\\22op\\22:\\22log\\22,\\22message\\22:\\22hi\\22}")
      (func (export "wf_alloc") (param i32) (result i32) (i32.const 1024))
      (func (export "wf_invoke") (param i32 i32 i64 i64) (result i64)
        (drop (call $ask (i32.const 64) (i32.const 27)))
        (call $take (i32.const 2048))
        (i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 13))))"""
    asked = []
    assert bench.invoke(bench.wat(text), host=asked.append) == ["from wat"]
    assert asked == [{"op": "log", "message": "hi"}]


def test_sixteen_calls_wait_for_their_hosts_side_by_side(fresh):
    bench = fresh(processes=1)
    module = bench.js("export default (d, ctx) => ctx.kv.get('k')")
    bench.invoke(module)
    barrier = threading.Barrier(16)

    def host(request):
        barrier.wait(20)  # only all of them together come through
        return 1

    results = []
    threads = [
        threading.Thread(target=lambda: results.append(bench.invoke(module, host=host))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [1] * 16
    assert len(bench.workers()) == 1


def test_a_call_from_within_a_call_takes_no_place(fresh, task):
    bench = fresh(processes=1, calls=1)
    module = bench.js("export default (d, ctx) => d ? ctx.call('a/b.c') : 'inner'")

    def host(request):
        return bench.invoke(module, False, task=task(depth=1))

    assert bench.invoke(module, True, host=host) == "inner"


def test_who_waits_for_a_place_can_be_cancelled(fresh, task):
    bench = fresh(processes=1, calls=1)
    module = bench.js("export default async (busy, ctx) => { await ctx.kv.get('k'); while (busy); }")
    entered, first, second = threading.Event(), task(), task()

    def occupy():
        with pytest.raises(Cancel):
            bench.invoke(module, True, host=lambda request: entered.set(), task=first)

    occupant = threading.Thread(target=occupy)
    occupant.start()
    assert entered.wait(20)
    threading.Timer(0.3, second.cancel, (Cancel("cancelled"),)).start()
    with pytest.raises(Cancel):
        bench.invoke(module, False, task=second)
    first.cancel(Cancel("cancelled"))
    occupant.join(20)


def test_calls_that_wait_for_their_hosts_delay_nobody(fresh):
    bench = fresh(processes=2, calls=16)
    waiting = bench.js("export default (d, ctx) => ctx.kv.get('k')")
    computing = bench.js("export default () => 'computed'")
    entered, leave = threading.Semaphore(0), threading.Event()

    def host(request):
        entered.release()
        leave.wait(60)

    threads = [
        threading.Thread(target=bench.invoke, args=(waiting,), kwargs={"host": host}) for _ in range(32)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert entered.acquire(timeout=60)
    assert bench.invoke(computing) == "computed"
    assert not leave.is_set()
    leave.set()
    for thread in threads:
        thread.join(60)


def test_calls_that_compute_are_in_two_processes_at_once(fresh):
    bench = fresh(processes=2)
    module = bench.js("export default async (d, ctx) => { await ctx.kv.get('k'); return 1; }")
    together = threading.Barrier(2)
    seen = []

    def host(request):
        together.wait(30)
        seen.append({worker.process.pid for worker in bench.workers() if worker.seats})
        together.wait(30)

    threads = [threading.Thread(target=bench.invoke, args=(module,), kwargs={"host": host}) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [len(pids) for pids in seen] == [2, 2]


def test_a_thousand_calls_of_two_processes_give_the_same_bytes(fresh):
    bench = fresh(processes=2)
    source = """
      export default async (data, ctx) => {
        const answer = await ctx.http.request("https://a.b");
        const noise = Array.from({ length: 8 }, () => Math.random());
        const error = await refused(ctx);
        return { answer: answer.body, now: Date.now(), noise, sorted: [...data].sort(), error };
      };
      const refused = (ctx) => ctx.kv.get("k").catch((error) => [error.type, error.message]);
    """
    module = bench.js(source)

    def host(request):
        if request["op"] == "kv.get":
            raise TerminalError("no", kind="permission")
        return {"status": 200, "headers": {}, "body": "recorded", "url": "https://a.b/"}

    def call(_):
        return encode(bench.invoke(module, ["b", "a"], host=host, now=1_700_000_000_000, seed=-5))

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(call, range(1000)))) == 1
    assert len(bench.workers()) == 2


def test_processes_begin_with_the_first_call_and_end_when_idle(fresh, eventually):
    bench = fresh(idle="100ms")
    assert bench.workers() == []
    bench.run("export default () => 1")
    assert len(bench.workers()) == 1
    eventually(lambda: bench.workers() == [])
    assert bench.run("export default () => 2") == 2


def test_what_was_compiled_is_kept_in_files_of_its_owner_alone(bench):
    bench.run("export default () => 'kept'")
    place = bench.data_dir / "cache" / "wasm"
    assert place.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in place.iterdir()} == {0o600}


@pytest.mark.parametrize("spoil", [lambda c: c[:-9] + b"x" * 9, lambda c: c[: len(c) // 2], lambda c: b""])
def test_a_file_of_the_cache_that_was_changed_is_not_used(compiled, fresh, spoil):
    fresh().run("export default () => 'a'")
    for file in (compiled / "cache" / "wasm").iterdir():
        if file.stat().st_size < 4096:  # bytecode; the engines take long to compile again
            file.write_bytes(spoil(file.read_bytes()))
    assert fresh().run("export default () => 'a'") == "a"


def test_the_server_s_process_never_imports_wasmtime():
    code = (
        "import sys, logging, pathlib, tempfile\n"
        "from wfcore.api import Call, Context, Limits, Module\n"
        "from wfcore.packages.trial.world import World\n"
        "from wfcore_plugins.runtimes.wasm.runtime import WasmRuntime\n"
        "with tempfile.TemporaryDirectory() as data:\n"
        "    config = {'processes': 1, 'calls': 1, 'memory': '2GiB', 'idle': '9s', 'compileTimeout': '60s'}\n"
        "    driver = WasmRuntime(config, Context('wasm', logging.getLogger(), None, pathlib.Path(data)))\n"
        "    content = driver.module('js', 'export default () => 7', 'x.js')\n"
        "    call = Call(Module('m', lambda: content), 'default', None, {}, 0, 0, Limits())\n"
        "    print(driver.invoke(call, print, World({})), 'wasmtime' in sys.modules)\n"
        "    driver.stop(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "7 False", done.stderr


def test_a_stopped_runtime_runs_nothing_more(fresh):
    bench = fresh()
    module = bench.js("export default () => 1")
    bench.invoke(module)
    began = time.monotonic()
    bench.driver.stop(1)
    assert time.monotonic() - began < 1
    with pytest.raises(Cancel):
        bench.invoke(module)


def test_a_module_that_is_none_is_refused(bench):
    with pytest.raises(PluginError, match="no WebAssembly"):
        bench.driver.check(b"(module)")
    with pytest.raises(TerminalError, match="no WebAssembly"):
        bench.invoke(bench.module(b"(module)"))


def test_a_process_forgets_what_it_was_not_asked_for_lately(fresh, monkeypatch):
    monkeypatch.setattr("wfcore_plugins.runtimes.wasm.worker._HELD", 3)
    bench = fresh(processes=1)
    several = [bench.js(f"export default () => {n}") for n in range(5)]
    with ThreadPoolExecutor(8) as threads:
        for _ in range(4):
            assert list(threads.map(bench.invoke, several * 4)) == [0, 1, 2, 3, 4] * 4
    assert len(bench.workers()) == 1
