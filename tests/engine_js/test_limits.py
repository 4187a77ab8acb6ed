"""What is too much for the stack or the memory ends the call, and says which of them it was."""

import json

import pytest
import wasmtime

NESTED = "let a = []; for (let i = 0; i < 100000; i++) a = [a];"


@pytest.mark.parametrize(
    "source",
    [
        "export default function f() { return f() + 1 }",
        "export default async function f() { return (await f()) + 1 }",
        "export default function f() { return [1, 2].sort(f) }",
        "const o = { get a() { return o.a } }; export default () => o.a",
        "const o = { toString() { return '' + o } }; export default () => '' + o",
        "export default () => { let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x }",
        f"export default () => {{ {NESTED} return '' + a }}",
    ],
)
def test_recursion_without_end(run, source):
    status, said = run(source)
    assert (status, said["type"], said["message"]) == (1, "stack", "Maximum call stack size exceeded")


def test_code_can_go_on_after_it(run):
    source = "const f = () => f() + 1; export default () => { try { f() } catch (e) { return e.name } }"
    assert run(source) == (0, "RangeError")


@pytest.mark.parametrize(
    "body",
    [
        "return JSON.parse('['.repeat(1e5) + ']'.repeat(1e5))",
        f"{NESTED} return JSON.stringify(a)",
        f"{NESTED} return a.flat(Infinity)",
        "return eval('('.repeat(1e5) + ')'.repeat(1e5))",
    ],
)
def test_what_the_engine_itself_recurses_over_ends_in_a_trap_of_the_stack(run, body):
    with pytest.raises(wasmtime.Trap) as caught:
        run(f"export default () => {{ {body} }}")
    assert caught.value.trap_code is wasmtime.TrapCode.STACK_OVERFLOW


@pytest.mark.parametrize(
    "body",
    [
        "const a = []; for (;;) a.push({a: [1, 2, 3]})",
        "const a = []; for (;;) a.push('x'.repeat(1000) + a.length)",
        "return new Uint8Array(1e9)",
        "const m = new Map(); for (let i = 0; ; i++) m.set(i, {i})",
        "let p; for (;;) p = {p}",
        "return /(a|b)*c/.test('ab'.repeat(3e6))",
        "let s = 'abcdefgh'; const all = []; for (;;) all.push(s = s + s.slice(1))",
    ],
)
def test_memory_without_end(run, body):
    status, said = run(f"export default () => {{ {body} }}", memory=32 << 20)
    assert (status, said["type"]) == (1, "memory")
    assert "memory" in said["message"]


def test_memory_that_was_refused_once_is_not_blamed_later(run):
    source = "export default () => { try { new Uint8Array(1e9) } catch {} throw new Error('other') }"
    assert run(source)[1]["message"] == "other"


def test_garbage_is_no_use_of_memory(run):
    body = "for (let i = 0; i < 3e5; i++) { const a = [new Uint8Array(1000)]; a.push(a) } return 1"
    assert run(f"export default () => {{ {body} }}", memory=16 << 20) == (0, 1)


def test_an_input_that_does_not_fit(machine):
    instance = machine.fresh(memory=8 << 20)
    assert instance.load("export default (i) => i.length")[0] == 0
    place = instance.exports["wf_alloc"](instance.store, 32 << 20)
    assert place == 0


def test_a_fresh_instance_is_small_and_at_once_there(machine):
    instance = machine.fresh(memory=8 << 20)
    assert instance.exports["memory"].data_len(instance.store) < 2 << 20
    assert set(instance.exports) == {"memory", "wf_alloc", "wf_compile", "wf_load", "wf_invoke", "wf_run"}
    imports = {(one.module, one.name) for one in machine.module.imports}
    assert imports == {("workflow", "host_call"), ("workflow", "host_take")}
    assert json.dumps(instance.invoke()[0]) == "1"
