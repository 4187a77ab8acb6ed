"""The machine in this process: each call has an instance that nobody has used, made before or not."""

import gc
import weakref

import pytest
import wasmtime

from wfcore_plugins.runtimes.wasm.instance import SMALL, Instances
from wfcore_plugins.runtimes.wasm.machine import Machine, Work

#: Counts its own calls in a global, in its memory and in its table of one; says "0null" as long as all say 0.
COUNTING = """(module
  (memory (export "memory") %d)
  (global $calls (mut i32) (i32.const 0))
  (data (i32.const 16) "\\00null")
  (func $deeper (call $deeper))
  (func (export "wf_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "wf_invoke") (param i32 i32 i64 i64) (result i64)
    (if (i32.or (global.get $calls) (i32.load (i32.const 64))) (then unreachable))
    (global.set $calls (i32.const 1))
    (i32.store (i32.const 64) (i32.const 1))
    (drop (memory.grow (i32.const %d)))
    %s
    (i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 5))))"""
PAGE = 64 * 1024


class Counted:
    """A module, with its instances counted, and known as long as one of them is there."""

    def __init__(self, module):
        self.module, self.made, self.stores = module, 0, weakref.WeakSet()

    def instantiate(self, store):
        self.made += 1
        self.stores.add(store)
        return self.module.instantiate(store)

    @property
    def alive(self):
        return len(self.stores)


@pytest.fixture(autouse=True)
def nobody_collects_garbage():
    """What is let go of must be gone at once: garbage may be collected much later."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def machine():
    one = Machine()
    one.start()
    return one


def module(machine, pages=1, grown=0, then=""):
    text = COUNTING % (pages, grown, then)
    return Counted(machine.load(machine.compile(bytes(wasmtime.wat2wasm(text)))))


def work(module, memory=64 << 20, seconds=5.0):
    return Work(module, b"{}", 0, 0, seconds, memory, 1 << 20)


def kinds(machine, given, calls):
    """How so many calls end, each cleared up after."""
    ended = []
    for _ in range(calls):
        ended.append(machine.run(given, bytes).kind)
        machine.tidy()
    return ended


def test_no_call_finds_what_another_left(machine):
    one = module(machine)
    assert kinds(machine, work(one), 5) == ["ok"] * 5
    assert (one.made, one.alive) == (6, 1), "the next one is there, and those that were used are gone"


def test_an_instance_that_waits_has_the_limit_of_its_call(machine):
    one = module(machine, pages=20)
    assert kinds(machine, work(one), 1) == ["ok"]
    assert kinds(machine, work(one, 19 * PAGE), 1) == ["memory"]
    assert kinds(machine, work(one), 1) == ["ok"]
    assert one.alive == 1


def test_what_takes_much_memory_does_not_wait(machine):
    one = module(machine, pages=SMALL // PAGE + 1)
    assert kinds(machine, work(one), 2) == ["ok", "ok"]
    assert (one.made, one.alive) == (2, 0), "none is made that nobody has asked for"


@pytest.mark.parametrize(("grown", "alive"), [(0, 1), (SMALL // PAGE, 0)])
@pytest.mark.parametrize(
    ("then", "kind"),
    [
        ("", "ok"),
        ("unreachable", "trap"),
        ("(loop $l (br $l))", "timeout"),
        ("(call $deeper)", "stack"),
        ("(return (i64.const 0))", "trap"),
        ("(return (i64.const 0x1100000004))", "trap"),
    ],
)
def test_a_call_that_took_much_memory_has_none_when_it_has_ended(machine, grown, alive, then, kind):
    one = module(machine, grown=grown, then=then)
    assert machine.run(work(one, seconds=0.05), bytes).kind == kind
    assert one.alive == alive, "the server gives that memory to the next call at once"
    machine.tidy()
    assert one.alive == 1, "the next one"


def test_what_is_forgotten_does_not_wait(machine):
    one, other = module(machine), module(machine)
    kinds(machine, work(one), 1), kinds(machine, work(other), 1)
    assert (one.alive, other.alive) == (1, 1)
    machine.forget(one)
    assert (one.alive, other.alive) == (0, 1)


def test_few_instances_wait_for_a_call(machine):
    several = [module(machine) for _ in range(6)]
    for one in several:
        kinds(machine, work(one), 1)
    assert [one.alive for one in several] == [0, 0, 1, 1, 1, 1]


class Made:
    """An instance by number; while it is made, somebody may do something."""

    size = 1
    numbers, meanwhile = iter(()), None

    def __init__(self, module, memory):
        self.number = next(self.numbers)
        if self.meanwhile:
            type(self).meanwhile()


class Module:
    """Something that calls are made of."""


@pytest.fixture
def instances(monkeypatch):
    monkeypatch.setattr(Made, "numbers", iter(range(9)))
    return Instances(Made)


def test_one_waits_for_whoever_comes_first(instances):
    one = Module()
    for _ in range(2):
        instances.prepare(one, 7)
    assert [instances.take(one, 7).number for _ in range(2)] == [0, 1]


def test_what_is_forgotten_while_its_next_is_made_does_not_wait(instances, monkeypatch):
    one = Module()
    monkeypatch.setattr(Made, "meanwhile", lambda: instances.forget(one))
    instances.prepare(one, 7)
    monkeypatch.setattr(Made, "meanwhile", None)
    assert instances.take(one, 7).number == 1
