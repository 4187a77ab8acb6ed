"""Code that means harm: it fails alone, with the kind that says why, and soon."""

import time

import pytest

from wfcore.api import RetryableError, TerminalError

MIB = 1024 * 1024


def fails(kind, run, *arguments, **options):
    """It fails with this kind; the error."""
    with pytest.raises(TerminalError) as caught:
        run(*arguments, **options)
    assert caught.value.kind == kind, caught.value.message
    return caught.value


def module(body, *, alloc="(i32.const 1024)", more="", memory="2"):
    """WAT of a module whose ``wf_invoke`` has this body."""
    return f"""(module
      (import "workflow" "host_call" (func $ask (param i32 i32) (result i32)))
      (import "workflow" "host_take" (func $take (param i32)))
      (memory (export "memory") {memory})
      (func (export "wf_alloc") (param i32) (result i32) {alloc})
      {more}
      (func (export "wf_invoke") (param i32 i32 i64 i64) (result i64) {body}))"""


def gives(text, *, place=16, length=None, status=0):
    """WAT of a module that gives this result."""
    written = "".join(f"\\{byte:02x}" for byte in bytes([status]) + text.encode())
    size = len(text.encode()) + 1 if length is None else length
    packed = f"(i64.or (i64.shl (i64.const {place}) (i64.const 32)) (i64.const {size}))"
    return module(packed, more=f'(data (i32.const 16) "{written}")')


LOOP = "(loop $again (br $again))"


@pytest.mark.parametrize(
    "source",
    [
        "export default () => { for (;;); }",
        "for (;;);\nexport default () => 1",
        "export default () => /^(a+)+$/.test('a'.repeat(64) + 'b')",
        "export default async () => { for (;;) await null; }",
        "export default () => { try { for (;;); } finally { for (;;); } }",
        "export default () => ({ toJSON() { for (;;); } })",
    ],
)
def test_javascript_that_does_not_end_is_stopped_in_time(bench, source):
    compiled = bench.js(source)
    bench.run("export default () => 1")
    began = time.monotonic()
    fails("timeout", bench.invoke, compiled, timeout=0.3)
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    "wat",
    [
        module(f"{LOOP} (i64.const 0)"),
        module("(i64.const 0)", alloc=f"{LOOP} (i32.const 0)"),
        module("(i64.const 0)", more=f'(func (export "_initialize") {LOOP})'),
    ],
    ids=["wf_invoke", "wf_alloc", "_initialize"],
)
def test_a_module_that_does_not_end_is_stopped_in_time(bench, wat):
    fails("timeout", bench.invoke, bench.wat(wat), timeout=0.3)


def test_time_that_the_host_takes_counts(bench):
    source = "export default async (d, ctx) => { await ctx.kv.get('k'); for (;;); }"
    began = time.monotonic()
    fails("timeout", bench.run, source, host=lambda request: time.sleep(0.5), timeout=0.6)
    assert time.monotonic() - began < 8


def test_javascript_gets_no_more_memory_than_it_may_have(bench):
    source = "export default () => { const a = []; for (;;) a.push(new Uint8Array(1 << 20)); }"
    fails("memory", bench.run, source, memory=32 * MIB)
    fails("memory", bench.run, "export default () => 'x'.repeat(1 << 28).length", memory=32 * MIB)


def test_a_module_gets_no_more_memory_than_it_may_have(bench):
    grown = module(
        "(if (i32.ne (memory.grow (i32.const 4096)) (i32.const -1)) (then unreachable)) "
        "(i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 2))",
        more='(data (i32.const 16) "\\001")',
    )
    assert bench.invoke(bench.wat(grown), memory=64 * MIB) == 1
    fails("memory", bench.invoke, bench.wat(module("(i64.const 0)", memory="4096")), memory=64 * MIB)


def test_more_memory_than_a_process_has_is_said(bench):
    error = fails("memory", bench.run, "export default () => 1", memory=4096 * MIB)
    assert "memory" in error.remedy


def test_endless_recursion_is_an_error_of_the_code(bench):
    fails("stack", bench.run, "const f = () => f() + 1; export default f")
    wat = module("(call $deep)", more="(func $deep (result i64) (i64.add (call $deep) (i64.const 1)))")
    fails("stack", bench.invoke, bench.wat(wat))
    assert bench.run("const f = () => f() + 1; export default () => { try { f() } catch { return 7 } }") == 7


def test_a_result_is_taken_up_to_its_limit(bench):
    source = "export default (n) => 'x'.repeat(n)"
    assert len(bench.run(source, 998, output=1000)) == 998
    assert "1001" in fails("output", bench.run, source, 999, output=1000).message
    fails("output", bench.run, source, 20 * MIB, memory=256 * MIB)


def test_host_calls_are_counted(bench):
    asked = []
    source = "export default async (d, ctx) => { for (;;) { try { await ctx.kv.get('k') } catch {} } }"
    fails("host_calls", bench.run, source, host=asked.append, calls=20)
    assert len(asked) == 20


def test_a_host_call_has_a_size(bench):
    source = "export default (d, ctx) => ctx.kv.set('k', 'x'.repeat(9 << 20)).catch((e) => e.message)"
    assert "8 MiB" in bench.run(source, memory=256 * MIB)


@pytest.mark.parametrize(
    "text",
    [
        "[1",
        "",
        "NaN",
        "[1e999]",
        "\ufeff1",
        "[" * 100_000,
        "[" * 200 + "]" * 200,
        '{"$bytes":"?"}',
        "9" * 5000,
    ],
    ids=["broken", "empty", "nan", "infinite", "bom", "open", "deep", "base64", "long"],
)
def test_a_result_that_is_no_value_is_refused(bench, text):
    fails("output", bench.invoke, bench.wat(gives(text)))
    fails("trap", bench.invoke, bench.wat(gives(text, status=1)))


@pytest.mark.parametrize(
    "wat",
    [
        gives("1", length=2**31),
        gives("1", length=0),
        gives("1", place=2**31),
        gives("1", place=2 * 65536 - 1),
        gives("1", place=2**32 - 1, length=2**32 - 1),
        gives("1", status=7),
        module("unreachable"),
        module("(i64.const 0)"),
        module("(i64.const 0)", alloc="(i32.const -1)"),
        module("(i64.const 0)", alloc="(i32.const 131071)"),
        module("(i64.extend_i32_s (i32.load (i32.const -4)))"),
    ],
)
def test_what_does_not_keep_to_the_abi_fails(bench, wat):
    fails("trap", bench.invoke, bench.wat(wat))


def test_no_room_for_the_request_is_a_lack_of_memory(bench):
    fails("memory", bench.invoke, bench.wat(module("(i64.const 0)", alloc="(i32.const 0)")))


@pytest.mark.parametrize(
    "call",
    ["(i32.const 131000) (i32.const 1000)", "(i32.const 0) (i32.const -1)", "(i32.const -1) (i32.const 1)"],
)
def test_a_host_call_from_outside_of_the_memory_is_refused(bench, call):
    asked = []
    wat = module(
        f"(if (i32.ne (call $ask {call}) (i32.const -1)) (then unreachable)) (call $take (i32.const -1)) "
        "(i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 2))",
        more='(data (i32.const 16) "\\001")',
    )
    assert bench.invoke(bench.wat(wat), host=asked.append) == 1
    assert asked == []


def test_an_answer_without_room_is_not_written_and_gone(bench):
    wat = module(
        "(drop (call $ask (i32.const 32) (i32.const 12))) (call $take (i32.const 131071)) "
        "(call $take (i32.const 16)) (i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 2))",
        more='(data (i32.const 16) "\\001") (data (i32.const 32) "{\\22op\\22:\\22a\\22}")',
    )
    assert bench.invoke(bench.wat(wat), host=lambda request: "x" * 100) == 1


@pytest.mark.parametrize("text", ["[]", "1", "{", "{}", '{"op":' + "[" * 5000])
def test_a_host_call_that_is_malformed_never_reaches_the_host_as_it_is(bench, text):
    asked = []
    written = "".join(f"\\{byte:02x}" for byte in text.encode())
    wat = module(
        f"(drop (call $ask (i32.const 4096) (i32.const {len(text)}))) "
        "(i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 2))",
        more=f'(data (i32.const 16) "\\001") (data (i32.const 4096) "{written}")',
    )
    assert bench.invoke(bench.wat(wat), host=asked.append) == 1
    assert asked in ([], [{}])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"type":"Bad Name","message":"m"}', "trap"),
        ('{"type":"x"}', "trap"),
        ('{"type":"x","message":{"a":1}}', "trap"),
        ("[]", "trap"),
        ('{"type":"x","message":"m","frames":7,"retry_after":"soon"}', "x"),
        ('{"type":"x","message":"m","frames":[1,{"line":"a"},{"line":1e9,"column":2}]}', "x"),
    ],
)
def test_an_error_that_is_malformed_is_one_all_the_same(bench, text, kind):
    fails(kind, bench.invoke, bench.wat(gives(text, status=1)))


@pytest.mark.parametrize("after", ["-1", "1e12", "true", "[]"])
def test_a_wish_that_cannot_be_kept_is_none(bench, after):
    text = f'{{"type":"x","message":"m","retryable":true,"retry_after":{after}}}'
    with pytest.raises(RetryableError) as caught:
        bench.invoke(bench.wat(gives(text, status=1)))
    assert caught.value.retry_after is None


def test_names_of_frames_are_one_plain_line(bench, task):
    frame = '{"function":"a\\n\\u001b[31mb","file":"f\\r","line":1,"column":2}'
    text = f'{{"type":"x","message":"m","frames":[{frame}]}}'
    one = task()
    fails("x", bench.invoke, bench.wat(gives(text, status=1)), task=one)
    assert one.logs == ["ERROR   at a  [31mb f:1:2"]


@pytest.mark.parametrize(
    "source",
    [
        "export default () => typeof process + typeof require + typeof fetch + typeof std + typeof os",
        "export default async () => { try { await import('std') } catch { return 'undefined'.repeat(5) } }",
    ],
)
def test_javascript_has_nothing_but_the_language_and_its_context(bench, source):
    assert bench.run(source) == "undefined" * 5


def test_code_cannot_reach_what_another_call_has_left(bench):
    planted = (
        "Object.prototype.evil = 1; JSON.stringify = () => '666'; Array.prototype.map = null;"
        "globalThis.kept = 'x'; export default () => 'planted'"
    )
    assert bench.run(planted) == "planted"
    assert bench.run("export default () => [({}).evil ?? 0, globalThis.kept ?? 0, [1].map(String)]") == [
        0,
        0,
        ["1"],
    ]
