"""ctx: what each of its functions asks the host, and what is made of the answers."""

import base64
import json

import pytest

DATA = {"$bytes": base64.b64encode(b"\x00\xff").decode()}

ASKED = [
    ("ctx.log('a')", {"op": "log", "level": "INFO", "message": "a"}),
    ("ctx.log.debug('a', 1)", {"op": "log", "level": "DEBUG", "message": "a 1"}),
    ("ctx.log.warn({a: [1]})", {"op": "log", "level": "WARNING", "message": '{"a":[1]}'}),
    ("ctx.log.error(new TypeError('no'))", {"op": "log", "level": "ERROR", "message": "TypeError: no"}),
    (
        "console.log('a', null, undefined, 1n)",
        {"op": "log", "level": "INFO", "message": "a null undefined 1"},
    ),
    ("console.error(Symbol('s'))", {"op": "log", "level": "ERROR", "message": "Symbol(s)"}),
    ("ctx.kv.get('k')", {"op": "kv.get", "key": "k"}),
    ("ctx.kv.set('k', {a: 1})", {"op": "kv.set", "key": "k", "value": {"a": 1}}),
    ("ctx.kv.set('k', bytes, {ttl: 5})", {"op": "kv.set", "key": "k", "value": DATA, "ttl": 5}),
    ("ctx.kv.set('k', undefined)", {"op": "kv.set", "key": "k", "value": None}),
    ("ctx.kv.delete('k')", {"op": "kv.delete", "key": "k"}),
    ("ctx.files.read('a/b')", {"op": "fs.read", "path": "a/b"}),
    ("ctx.files.write('a', 'text')", {"op": "fs.write", "path": "a", "content": "text"}),
    ("ctx.files.write('a', bytes.buffer)", {"op": "fs.write", "path": "a", "content": DATA}),
    ("ctx.files.list('')", {"op": "fs.list", "path": ""}),
    ("ctx.env.get('HOME')", {"op": "env.get", "name": "HOME"}),
    ("ctx.secrets.get('S')", {"op": "secret.get", "name": "S"}),
    ("ctx.secrets.basic('u', 'p')", {"op": "secret.basic", "username": "u", "password": "p"}),
    (
        "ctx.secrets.hmac('S', bytes)",
        {"op": "secret.hmac", "name": "S", "data": DATA, "algorithm": "sha256", "encoding": "hex"},
    ),
    (
        "ctx.secrets.hmac('S', 'd', {algorithm: 'sha1', encoding: 'base64'})",
        {"op": "secret.hmac", "name": "S", "data": "d", "algorithm": "sha1", "encoding": "base64"},
    ),
    ("ctx.call('a/b.c')", {"op": "action.call", "type": "a/b.c", "inputs": {}}),
    ("ctx.call('a/b.c', {d: bytes})", {"op": "action.call", "type": "a/b.c", "inputs": {"d": DATA}}),
]


@pytest.mark.parametrize(("expression", "envelope"), ASKED)
def test_what_the_host_is_asked(run, expression, envelope):
    source = f"const bytes = Uint8Array.of(0, 255); export default async (i, ctx) => {{ await {expression} }}"
    assert run(source) == (0, None)
    assert run.requests == [envelope]


@pytest.mark.parametrize(
    ("expression", "answer", "output"),
    [
        ("await ctx.kv.get('k')", {"a": None}, {"a": None}),
        ("await ctx.kv.set('k', 1)", None, None),
        ("await ctx.kv.delete('k')", True, True),
        ("Array.from(await ctx.files.read('a'))", DATA, [0, 255]),
        ("await ctx.files.readText('a')", {"$bytes": "w6nDqQ=="}, "éé"),
        ("await ctx.files.list('')", ["a", "b/c"], ["a", "b/c"]),
        ("ctx.env.get('A')", "text", "text"),
        ("ctx.secrets.get('A')", "wfs_1", "wfs_1"),
        ("(await ctx.call('x/y.z')).b[0] instanceof Uint8Array", {"b": [DATA]}, True),
        ("Object.keys(await ctx.kv.get('k'))", {"__proto__": {"a": DATA}}, ["__proto__"]),
    ],
)
def test_what_is_made_of_the_answer(value, expression, answer, output):
    assert value(expression, answer=lambda _: {"value": answer}) == output


@pytest.mark.parametrize(
    ("options", "envelope"),
    [
        ("'http://a/'", {"url": "http://a/", "method": "GET", "headers": {}}),
        ("{url: 'http://a/', method: 'PUT', body: 'x'}", {"method": "PUT", "body": "x"}),
        ("{url: 'http://a/', body: Uint8Array.of(0, 255)}", {"body": DATA}),
        (
            "{url: 'http://a/', json: {a: [1, undefined], b: undefined}}",
            {"body": '{"a":[1,null]}', "headers": {"Content-Type": "application/json"}},
        ),
        (
            "{url: 'http://a/', json: 1, headers: {'CONTENT-TYPE': 'x', N: 5}}",
            {"body": "1", "headers": {"CONTENT-TYPE": "x", "N": "5"}},
        ),
        (
            "{url: 'http://a/', form: {a: 'ü &', b: {c: 1}, d: [1, 2], e: null}}",
            {
                "body": "a=%C3%BC%20%26&b%5Bc%5D=1&d=1&d=2",
                "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            },
        ),
        (
            "{url: 'http://a/?x=1#f', query: {q: \"it's (*)!\"}}",
            {"url": "http://a/?x=1&q=it%27s%20%28%2A%29%21#f"},
        ),
        ("{url: 'http://a/', query: {}}", {"url": "http://a/"}),
        ("{url: 'http://a/', timeout: 5, redirects: 0}", {"timeout": 5, "redirects": 0}),
    ],
)
def test_requests(run, options, envelope):
    answer = {"status": 200, "headers": {}, "body": "", "url": "http://a/"}
    source = f"export default async (i, ctx) => {{ await ctx.http.request({options}) }}"
    assert run(source, answer=lambda _: {"value": answer}) == (0, None)
    assert run.requests[0].items() >= {"op": "http.request", **envelope}.items()


def test_responses(value):
    answer = {"status": 201, "headers": {"a": "b"}, "body": '{"c": 1}', "url": "http://b/"}
    shown = value(
        "await ctx.http.request('http://a/').then((r) => [r.ok, r.status, r.headers, r.text(), r.json()])",
        answer=lambda _: {"value": answer},
    )
    assert shown == [True, 201, {"a": "b"}, '{"c": 1}', {"c": 1}]
    binary = {**answer, "status": 404, "body": DATA}
    expression = "await ctx.http.request('http://a/').then((r) => [r.ok, r.text(), r.body.length])"
    assert value(expression, answer=lambda _: {"value": binary}) == [False, "\x00\ufffd", 2]


@pytest.mark.parametrize(
    ("error", "caught"),
    [
        ({"type": "permission", "message": "no"}, ["TerminalError", "permission", "no", False, None]),
        (
            {"type": "busy", "message": "later", "retryable": True, "retry_after": 3},
            ["RetryableError", "busy", "later", True, 3],
        ),
    ],
)
def test_a_refusal_can_be_caught(value, error, caught):
    expression = (
        "await ctx.kv.get('k').catch((e) => [e.name, e.type, e.message, e.retryable, e.retryAfter ?? null])"
    )
    assert value(expression, answer=lambda _: {"error": error}) == caught


def test_a_refusal_that_is_not_caught_is_the_error_of_the_call(error):
    refusal = {"type": "busy", "message": "later", "retryable": True, "retry_after": 3}
    assert error("await ctx.kv.get('k')", answer=lambda _: {"error": refusal}).items() >= refusal.items()


def test_what_the_host_does_not_take_is_an_error(error):
    said = error("ctx.log('x')", answer=lambda _: None)
    assert (said["type"], said["message"]) == ("too_large", "log was given more than 8 MiB")


def test_an_envelope_with_no_json_form_is_never_sent(error, run):
    said = error("await ctx.kv.set('k', {a: [0, 1n]})")
    assert (said["type"], said["message"]) == ("output", "kv.set.value.a[1] is a BigInt: it is no JSON value")


def test_the_context_of_the_task_and_all_of_ctx_is_fixed(value):
    context = {"task": "t", "attempt": 2}
    assert value("ctx.task", context=context) == context
    frozen = (
        "[ctx, ctx.task, ctx.log, ctx.http, ctx.kv, ctx.files, ctx.env, ctx.secrets].every(Object.isFrozen)"
    )
    assert value(frozen) is True


def test_inputs_are_values_with_bytes(value):
    inputs = {"a": [1, 2.5, "x", None, True], "b": DATA, "__proto__": {"c": 1}, "n": 2**53 - 1}
    assert value("input", inputs) == inputs
    assert value("input.b instanceof Uint8Array", inputs) is True
    assert json.dumps(value("input", [1.0])) == "[1]"
