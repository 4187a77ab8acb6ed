"""Modules: source and bytecode, promises, and what is left to do when an action has returned."""

import json

import pytest

SOURCE = "const N = 40;\nexport const add = (n) => N + n;\nexport default () => { throw new Error('here') }\n"


def test_bytecode_is_the_module_again(machine):
    status, bytecode = machine.fresh().compile(SOURCE)
    assert status == 0
    assert machine.fresh().compile(SOURCE) == (0, bytecode), "the same source gives the same bytes"
    instance = machine.fresh()
    assert instance.load(bytecode)[0] == 0
    assert instance.invoke(2, action="add") == (0, 42)
    frames = instance.invoke(action="default")[1]["frames"]
    assert [(one["line"], one["file"]) for one in frames] == [(3, "plugin.js")]


@pytest.mark.parametrize(
    "source",
    [
        "const now = Date.now(), n = Math.random(); export default (i) => [i, now, n, Math.random()]",
        "export default (i) => { throw new TypeError(i) }",
        "throw new Error('at once'); export default 1",
        "await new Promise(() => {}); export default () => 1",
        "export const other = 1",
    ],
)
@pytest.mark.parametrize("inputs", [None, "x" * 70_000])
def test_a_call_in_one_is_that_in_two_steps(machine, source, inputs):
    _, bytecode = machine.fresh().compile(source)
    two = machine.fresh()
    status, text = two.load(bytecode, 1_700_000_000_000, -9)
    steps = (status, json.loads(text)) if status else two.invoke(inputs, now=1_700_000_000_000, seed=-9)
    assert machine.fresh().run(bytecode, inputs, 1_700_000_000_000, -9) == steps


def test_bytecode_of_another_engine_is_refused(machine):
    _, bytecode = machine.fresh().compile(SOURCE)
    status, _ = machine.fresh().load(bytes([bytecode[0] ^ 0xFF]) + bytecode[1:])
    assert status == 1


@pytest.mark.parametrize("way", ["compile", "load"])
def test_an_error_of_syntax_has_its_place(machine, way):
    status, text = getattr(machine.fresh(), way)("const a = 1;\nexport default () => {\n  const b = ;\n}")
    said = json.loads(text)
    assert (status, said["type"]) == (1, "syntax")
    assert [(one["line"], one["column"]) for one in said["frames"]] == [(3, 13)]


@pytest.mark.parametrize("way", ["compile", "load"])
@pytest.mark.parametrize("name", ["fs", "./other.js", "https://example.com/a.js", "std", "os"])
def test_there_is_no_other_module(machine, way, name):
    status, text = getattr(machine.fresh(), way)(f"import * as x from '{name}'; export default () => x")
    assert status == 1
    assert "there is no module '" in json.loads(text)["message"]


@pytest.mark.parametrize("name", ["fs", "./other.js", "std"])
def test_nor_at_run_time(error, name):
    assert "there is no module '" in error(f"await import('{name}')")["message"]


def test_a_promise_is_awaited_whoever_made_it(run):
    assert run("export default async () => { await 0; return 1 }") == (0, 1)
    assert run("export default () => ({ then(resolve) { resolve(5) } })") == (0, 5)
    assert run("const n = await Promise.resolve(7); export default () => n") == (0, 7)


def test_what_was_begun_is_finished(run):
    source = "export default (i, ctx) => { (async () => { await 0; ctx.log('late') })(); return 1 }"
    assert run(source) == (0, 1)
    assert [one["message"] for one in run.requests] == ["late"]


@pytest.mark.parametrize(
    "source",
    ["export default () => new Promise(() => {})", "await new Promise(() => {}); export default () => 1"],
)
def test_a_promise_that_nobody_settles(run, source):
    status, said = run(source)
    assert (status, said["type"]) == (1, "never_settled")


def test_instances_share_nothing(machine):
    source = (
        "globalThis.n = (globalThis.n ?? 0) + 1; export default () => { Array.prototype.x = 1; return n }"
    )
    for _ in range(2):
        instance = machine.fresh()
        assert instance.load(source)[0] == 0
        assert instance.invoke() == (0, 1)
    assert machine.fresh().invoke()[1]["type"] == "no_action"
