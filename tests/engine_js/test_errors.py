"""Errors: their type, message and frames as the host is told."""

import pytest


@pytest.mark.parametrize(
    ("thrown", "said"),
    [
        ("new Error('no')", {"type": "error", "message": "no", "retryable": False}),
        ("new TypeError('no')", {"type": "error", "message": "TypeError: no", "retryable": False}),
        ("new AggregateError([])", {"type": "error", "message": "AggregateError"}),
        ("new TerminalError('no')", {"type": "error", "message": "no", "retryable": False}),
        ("new TerminalError('no', {type: 'gone'})", {"type": "gone", "message": "no", "retryable": False}),
        ("new RetryableError('later')", {"type": "error", "message": "later", "retryable": True}),
        (
            "new RetryableError('later', {type: 'busy', retryAfter: 2.5})",
            {"type": "busy", "message": "later", "retryable": True, "retry_after": 2.5},
        ),
        ("new (class Own extends TerminalError {})('no')", {"type": "error", "message": "no"}),
        (
            "Object.assign(new Error('no'), {type: 'own', retryable: true})",
            {"type": "own", "retryable": True},
        ),
        ("Object.assign(new Error('no'), {type: 'No Name'})", {"type": "error", "message": "no"}),
        ("Object.assign(new Error('no'), {retryAfter: 1})", {"retryable": False}),
        ("'text'", {"type": "error", "message": "text", "frames": []}),
        ("{a: 1}", {"type": "error", "message": '{"a":1}'}),
        ("null", {"type": "error", "message": "null"}),
        ("undefined", {"type": "error", "message": "undefined"}),
        ("Symbol('s')", {"type": "error", "message": "Symbol(s)"}),
        ("5n", {"type": "error", "message": "5"}),
        ("((x) => { x.x = x; return x })({})", {"type": "error", "message": "[object]"}),
        ("new SyntaxError('mine')", {"type": "error", "message": "SyntaxError: mine"}),
        ("new RangeError('a stack of books')", {"type": "error", "message": "RangeError: a stack of books"}),
    ],
)
def test_what_was_thrown(error, thrown, said):
    assert error(f"throw {thrown}").items() >= said.items()


@pytest.mark.parametrize(
    "thrown",
    [
        "new Proxy(new Error('x'), {get() { throw 1 }})",
        "Object.defineProperty(new Error('x'), 'type', {get() { throw 1 }})",
        "Object.assign(new Error('x'), {name: {}, type: 1, toString: null, message: Object.create(null)})",
        "new Proxy({}, {getPrototypeOf() { throw 1 }})",
    ],
)
def test_what_cannot_be_read_is_an_error_nevertheless(error, thrown):
    said = error(f"throw {thrown}")
    assert said["type"] == "error"
    assert said["frames"] == []


def test_a_message_is_cut(error):
    assert error("throw new Error('x'.repeat(1e6))")["message"] == "x" * 8192 + "…"


def test_frames_name_function_line_and_column(run):
    source = (
        "function inner(none) {\n  return none.x;\n}\n"
        "class K {\n  method() {\n    return [1].map(() => inner(null));\n  }\n}\n"
        "export default function main() {\n  return new K().method();\n}\n"
    )
    status, said = run(source)
    assert (status, said["message"]) == (1, "TypeError: cannot read property 'x' of null")
    frames = [(one["function"], one["file"], one["line"]) for one in said["frames"]]
    assert frames == [
        ("inner", "plugin.js", 2),
        ("", "plugin.js", 6),
        ("method", "plugin.js", 6),
        ("main", "plugin.js", 10),
    ]
    assert said["frames"][0]["column"] == 10


def test_frames_of_errors_from_the_host_are_the_codes(error):
    refusal = {"error": {"type": "permission", "message": "no"}}
    said = error("\n  await ctx.kv.get('k')", answer=lambda _: refusal)
    assert [(one["file"], one["line"]) for one in said["frames"]] == [("plugin.js", 2)]


def test_a_stack_that_code_forges_changes_its_frames_alone(error):
    said = error(
        "const e = new Error('x'); e.stack = '    at f (plugin.js:7:9)\\n  at x (other.js:1:1)'; throw e"
    )
    assert said["frames"] == [{"function": "f", "file": "plugin.js", "line": 7, "column": 9}]
    assert error("Error.stackTraceLimit = 0; throw new Error('x')")["frames"] == []
    assert error("Error.prepareStackTrace = () => 5; throw new Error('x')")["message"] == "x"


def test_a_rejection_is_the_error_of_the_call(run):
    assert run("export default () => Promise.reject(new Error('no'))")[1]["message"] == "no"
    assert run("throw new TerminalError('at once', {type: 'load'}); export default 1")[1]["type"] == "load"


@pytest.mark.parametrize(
    ("source", "action", "message"),
    [
        (
            "export const send = () => 1, n = 1",
            "default",
            "lacks a default export that is a function; its exports are send",
        ),
        ("export const n = 1", "go", "lacks an export go that is a function; it exports no function"),
        ("export const n = 1", "n", "lacks an export n that is a function"),
        ("export const n = 1", "__proto__", "lacks an export __proto__"),
        ("export const n = 1", "toString", "lacks an export toString"),
    ],
)
def test_an_action_that_is_not_there(run, source, action, message):
    status, said = run(source, action=action)
    assert (status, said["type"]) == (1, "no_action")
    assert message in said["message"]
