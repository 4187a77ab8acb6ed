"""Values on their way out: JSON, bytes, and what is refused because JSON would change it silently."""

import itertools
import json

import pytest


@pytest.mark.parametrize(
    ("expression", "output"),
    [
        ("undefined", None),
        ("[1, -0, 1e21, 0.1, 2 ** 53]", [1, 0, 1e21, 0.1, 2**53]),
        ("'ü\\u2028\\ud83d\\ude00\"\\\\'", 'ü\u2028😀"\\'),
        ("'\\ud800'", "\ud800"),
        ("[, undefined, null]", [None, None, None]),
        ("{a: undefined, b: null, 1: 2}", {"1": 2, "b": None}),
        ("JSON.parse('{\"__proto__\": 1}')", {"__proto__": 1}),
        ("new Date(5)", "1970-01-01T00:00:00.005Z"),
        ("new Date(NaN)", None),
        ("{toJSON: () => [1]}", [1]),
        ("new (class { a = 1; #b = 2 })()", {"a": 1}),
        ("Object.create(null)", {}),
        ("new Proxy([1, 2], {})", [1, 2]),
        ("((x) => [x, x])({a: 1})", [{"a": 1}, {"a": 1}]),
        ("Uint8Array.of(1, 2)", {"$bytes": "AQI="}),
        ("Uint8Array.of(1, 2, 3).subarray(1, 2)", {"$bytes": "Ag=="}),
        ("new Uint16Array([1, 2])", {"$bytes": "AQACAA=="}),
        ("new DataView(Uint8Array.of(1, 2, 3).buffer, 1)", {"$bytes": "AgM="}),
        ("new ArrayBuffer(0)", {"$bytes": ""}),
    ],
)
def test_what_has_a_form(value, expression, output):
    assert value(expression) == output


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("NaN", "result is NaN"),
        ("[1, -Infinity]", "result[1] is -Infinity"),
        ("{a: {b: [0, 1n]}}", "result.a.b[1] is a BigInt"),
        ("[() => 1]", "result[0] is a function"),
        ("{toJSON: () => ({toJSON: () => 1})}", "result.toJSON is a function"),
        ("{a: Symbol('x')}", "result.a is a symbol"),
        ("{m: new Map()}", "result.m is a Map (use Object.fromEntries)"),
        ("new Set()", "result is a Set (use an array)"),
        ("[Promise.resolve(1)]", "result[0] is a promise (await it)"),
        ("new TypeError('x')", "result is an error (throw it, or give its message)"),
        ("[new String('x')]", "result[0] is a String object (use a plain string)"),
        ("/x/", "result is a regular expression"),
        ("new WeakMap()", "result is an object of a class, without properties"),
        ("((x) => { x.x = [x]; return x })({})", "result.x[0] is a cycle"),
        ("((x) => { x[0] = x; return x })([])", "result[0] is a cycle"),
    ],
)
def test_what_has_none(error, expression, message):
    said = error(f"return ({expression})")
    assert said["type"] == "output"
    assert said["message"].startswith(message)
    assert said["message"].endswith(": it is no JSON value")
    assert not said["retryable"]


def test_depth_is_bounded(value, error):
    nested = "let a = 1; for (let i = 0; i < input; i++) a = [a]; return a"
    assert value(f"(() => {{ {nested} }})()", 200) is not None
    said = error(nested, 201)
    assert (said["type"], len(said["message"]) < 120) == ("output", True)
    assert "more than 200 levels" in said["message"]


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**16, 10**400, 12345678901234567890])
def test_an_integer_that_javascript_would_change_is_refused_on_its_way_in(run, number):
    inputs = {"text": '\\"99999999999999999999', "a": [1.5, number]}
    for status, said in (
        run("export default (i) => i", inputs),
        run("export default (i, ctx) => ctx.kv.get('k')", answer=lambda _: {"value": inputs}),
    ):
        assert (status, said["type"]) == (1, "unsafe_integer")
        assert f"the integer {abs(number)} is beyond 2^53" in said["message"]


@pytest.mark.parametrize(
    "number",
    [2**53 - 1, 1 - 2**53, 1e300, 123456789012345678.5, 1.2345678901234567e-5, 1e16, 0.12345678901234567],
)
def test_other_numbers_and_digits_in_texts_are_not(value, number):
    inputs = {"n": [number, 0], "99999999999999999999": '12345678901234567890 \\" 12345678901234567890'}
    assert value("input", inputs) == inputs


def test_a_text_that_is_no_base64_is_an_error(run):
    status, said = run("export default (i) => i", {"a": {"$bytes": "?"}})
    assert (status, said["type"], said["frames"]) == (1, "error", [])


def test_only_the_very_form_is_bytes(value):
    inputs = [{"$bytes": 1}, {"$bytes": "AA==", "a": 1}, ["$bytes"], {"$bytes": {"$bytes": "AA=="}}]
    assert value("input.map((one) => one instanceof Uint8Array)", inputs) == [False] * 4
    assert value("input", inputs) == inputs


def test_large_values_pass(value):
    many = [{"n": n, "s": "é" * 5} for n in range(20_000)]
    assert value("input", many) == many
    assert len(value("new Uint8Array(3e6)")["$bytes"]) == 4_000_000


def test_text_is_what_json_makes_of_it(value):
    """Each code unit alone, and surrogates beside others; as values and as names."""
    units = "Array.from({length: 0x10000}, (_, n) => String.fromCharCode(n))"
    assert value(units) == [chr(n) for n in range(0x10000)]
    pieces = ["a", "\ud800", "\udc00", "\ud83d\ude00", "\ue000", "\uffff", '"', "\\", "\n", "\x00", "\x7f"]
    texts = ["".join(three) for three in itertools.product(pieces, repeat=3)]
    made = value("Object.fromEntries(input.map((text) => [text, text]))".replace("input", json.dumps(texts)))
    # Python keeps a pair that JSON escapes as two.
    expected = [json.loads(json.dumps(text)) for text in texts]
    assert made == dict(zip(expected, expected, strict=True))


def test_numbers_are_written_as_javascript_writes_them(run):
    source = """
      const numbers = [0, -0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 31 - 1, 2 ** 53, 1e21, 1e-7, 5e-324, 1.7e308];
      for (let i = 0; i < 500; i++) numbers.push((Math.random() - 0.5) * 10 ** (i % 40));
      export default (inputs, ctx) => (inputs.write ? numbers : numbers.map(String));
    """
    for number, text in zip(run(source, {"write": True})[1], run(source, {})[1], strict=True):
        assert float(number) == float(text)


def test_what_plugins_see_of_it_is_in_order_and_once(value):
    watched = """
      (() => {
        const seen = [];
        const watch = (name, inner) => new Proxy(inner, {
          get: (of, key) => { if (typeof key === "string") seen.push(name + "." + key); return of[key]; },
        });
        return { get a() { seen.push("a"); return watch("b", { c: 1, d: [2] }); }, e: watch("f", [seen]) };
      })()
    """
    assert value(watched) == {
        "a": {"c": 1, "d": [2]},
        "e": [["a", "b.toJSON", "b.c", "b.d", "f.toJSON", "f.length", "f.0"]],
    }


@pytest.mark.parametrize(
    "expression",
    [
        "{get a() { throw new Error('no') }}",
        "{toJSON() { throw new Error('no') }}",
        "new Proxy({}, {ownKeys() { throw new Error('no') }})",
        "new Proxy({a: 1}, {getPrototypeOf() { throw new Error('no') }})",
        "[{get b() { throw new Error('no') }}]",
    ],
)
def test_what_it_throws_is_the_error(error, expression):
    said = error(f"return ({expression})")
    assert (said["type"], said["message"]) == ("error", "no")


def test_a_proxy_that_was_revoked_is_an_error(error):
    said = error("const {proxy, revoke} = Proxy.revocable([], {}); revoke(); return proxy")
    assert said["message"].startswith("TypeError")


@pytest.mark.parametrize(
    ("expression", "output"),
    [
        ("(() => { const o = {get a() { delete o.b; o.c = 3; return 1 }, b: 2}; return o })()", {"a": 1}),
        ("(() => { const a = [{get x() { a.length = 0; return 5 }}, 7]; return a })()", [{"x": 5}, None]),
        ("new Proxy([], {get: (of, key) => (key === 'length' ? -5 : of[key])})", []),
        ("(() => { Array.isArray = () => true; return new Proxy({a: 3}, {}) })()", {"a": 3}),
    ],
)
def test_what_changes_while_it_is_written(value, expression, output):
    assert value(expression) == output


def test_what_says_that_it_has_no_end(error):
    said = error("return new Proxy([], {get: (of, key) => (key === 'length' ? 2 ** 53 : 0)})")
    assert said["type"] == "memory"
