"""The world of the code: what is in it, that it is the same every time, and that code cannot break it."""

import pytest

LANGUAGE = """
AggregateError Array ArrayBuffer AsyncDisposableStack BigInt BigInt64Array BigUint64Array Boolean DataView
Date DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array Float64Array Function
Infinity Int16Array Int32Array Int8Array Iterator JSON Map Math NaN Number Object Promise Proxy RangeError
ReferenceError Reflect RegExp Set SharedArrayBuffer String SuppressedError Symbol SyntaxError TypeError
URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI
decodeURIComponent encodeURI encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt
undefined unescape
"""
BESIDE = """
DOMException InternalError RetryableError TerminalError TextDecoder TextEncoder atob btoa console performance
queueMicrotask
"""


def test_there_are_no_other_globals(value):
    names = set(value("Object.getOwnPropertyNames(globalThis)"))
    assert names - set(LANGUAGE.split()) == set(BESIDE.split())


@pytest.mark.parametrize(
    "expression",
    [
        "eval('globalThis')",
        "Function('return this')()",
        "(() => {}).constructor('return this')()",
        "Object.getPrototypeOf(async () => {}).constructor.prototype.constructor && globalThis",
        "ctx.log.constructor('return this')()",
        "TerminalError.constructor('return this')()",
    ],
)
def test_code_made_of_text_has_the_same_world(value, expression):
    assert value(f"{expression} === globalThis") is True


def test_nothing_of_the_engine_itself_is_reached(value):
    names = "typeof ask + typeof host + typeof kit + typeof std + typeof os + typeof print + typeof gc"
    assert value(names) == "undefined" * 7
    assert value("String(ctx.kv.get).includes('op') || String(console.log).includes('host')") is False


DRAWN = """
const drawn = Math.random();
export default () => [
  drawn, Math.random(), Math.random(),
  Date.now(), new Date().getTime(), performance.now(),
  new Date().toString(), new Date().getTimezoneOffset(),
];
"""


def test_time_and_randomness_are_those_of_the_call(run):
    status, first = run(DRAWN, now=1_700_000_000_123, seed=42)
    assert status == 0
    assert run(DRAWN, now=1_700_000_000_123, seed=42) == (0, first)
    assert len(set(first[:3])) == 3, "the action does not draw the module's numbers again"
    assert all(0 <= one < 1 for one in first[:3])
    assert first[3:] == [1_700_000_000_123] * 3 + ["Tue Nov 14 2023 22:13:20 GMT+0000", 0]
    other = run(DRAWN, now=1_700_000_000_123, seed=43)[1]
    assert not set(other[:3]) & set(first[:3])
    assert run(DRAWN, now=5, seed=-(2**63))[1][3] == 5


BREAK = """
const { getOwnPropertyDescriptor, getOwnPropertyNames } = Object;
const bad = () => { throw "replaced" };
const places = [JSON, Reflect, Math];
const types = [Array, Object, String, RegExp, Promise, Uint8Array, ArrayBuffer, Map, Error, Function, Number];
for (const type of types) places.push(type, type.prototype);
const methods = [];
for (const place of places) {
  for (const name of getOwnPropertyNames(place)) {
    const { value, writable } = getOwnPropertyDescriptor(place, name);
    if (typeof value === "function" && writable && name !== "constructor") methods.push([place, name]);
  }
}
const iterators = [Array.prototype, String.prototype, Map.prototype];
for (let i = 0; i < methods.length; i++) methods[i][0][methods[i][1]] = bad;
for (let i = 0; i < iterators.length; i++) iterators[i][Symbol.iterator] = bad;
"""
GONE = "for (const name of Reflect.ownKeys(world)) delete_(world, name);"
SET = "for (const name of ['a', 'b', 'op', 'error', 'key', '0']) define(Object.prototype, name, {set() {}});"


def module(world, default):
    """A module that keeps what the test itself needs, makes its world worse, and has this default export."""
    kept = "const bytes = Uint8Array.of(1), console_ = console, Terminal = TerminalError"
    ways = "const delete_ = Reflect.deleteProperty, define = Object.defineProperty, world = globalThis"
    return f"{kept};\n{ways};\n{world}\nexport default {default}\n"


@pytest.mark.parametrize("world", [BREAK, GONE, SET])
@pytest.mark.parametrize(
    ("body", "output", "asked"),
    [
        ("return {a: [input, 'ü']}", {"a": [{"n": 1}, "ü"]}, []),
        ("console_.log('x', 1); return null", None, ["log"]),
        ("return await ctx.kv.get('k')", {"b": {"$bytes": "AAE="}}, ["kv.get"]),
        ("await ctx.kv.set('k', {a: bytes}); return 1", 1, ["kv.set"]),
        (
            "await ctx.http.request({url: 'http://a/', query: {q: [1]}, form: {f: 'x'}}); return 1",
            1,
            ["http.request"],
        ),
    ],
)
def test_whatever_code_replaces_the_engine_goes_on(run, world, body, output, asked):
    source = module(world, f"async (input, ctx) => {{ {body} }}")
    answer = {"value": {"b": {"$bytes": "AAE="}}}
    assert run(source, {"n": 1}, answer=lambda _: answer) == (0, output)
    assert [one["op"] for one in run.requests] == asked


@pytest.mark.parametrize("world", [BREAK, GONE, SET])
def test_and_tells_errors_as_ever(run, world):
    source = module(world, "() => { throw new Terminal('no', {type: 'gone'}) }")
    status, said = run(source)
    assert (status, said["type"], said["message"]) == (1, "gone", "no")
    assert said["frames"][0]["function"] == "default"
    status, said = run(module(world, "() => null.x"))
    assert (status, said["message"]) == (1, "TypeError: cannot read property 'x' of null")
