"""YAML as the product reads it: values, places, refusals and limits."""

import time

import pytest

from wfcore.errors import InvalidWorkflow
from wfcore.language.source import MAX_ALIASES, MAX_BYTES, MAX_DEPTH, MAX_NODES, read


def value(text):
    return read(text).root.value


def refused(source):
    started = time.perf_counter()
    with pytest.raises(InvalidWorkflow) as caught:
        read(source)
    assert time.perf_counter() - started < 3
    return [str(problem).removeprefix("workflow.yaml:") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True), ("True", True), ("FALSE", False),
        ("on", "on"), ("no", "no"), ("yes", "yes"), ("Off", "Off"), ("y", "y"),
        ("null", None), ("~", None), ("", None), ("nULL", "nULL"),
        ("12", 12), ("-7", -7), ("+3", 3), ("0", 0), ("010", "010"), ("-0", 0), ("0o17", 15), ("0xfF", 255),
        ("1_000", "1_000"), ("12:30:45", "12:30:45"), ("190:20", "190:20"), ("0b11", "0b11"),
        ("1.10", 1.1), ("1.", 1.0), (".5", 0.5), ("-.5", -0.5), ("1e3", 1000.0), ("1E-2", 0.01),
        ("1.2.3", "1.2.3"),
        ("2026-02-06", "2026-02-06"), ("=", "="), ("-", [None]), (".", "."), ("+", "+"), ("00.5", "00.5"),
        ("'12'", "12"), ('"true"', "true"), ("a b", "a b"),
    ],
)  # fmt: skip
def test_plain_scalars_are_those_of_yaml_1_2(text, expected):
    found = value(f"k: {text}\n")["k"] if text != "-" else value("k:\n  -\n")["k"]
    assert found == expected
    assert type(found) is type(expected)


def test_keys_are_text_whatever_they_look_like():
    assert value("{on: 1, 200: 2, true: 3, null: 4, 1.5: 5, 010: 6}") == {
        "on": 1, "200": 2, "true": 3, "null": 4, "1.5": 5, "010": 6,
    }  # fmt: skip


def test_aliases_and_merges():
    text = "base: &b {x: 1, y: 2}\na: {<<: *b, y: 3}\nb: {y: 4, <<: [*b, {z: 5, x: 9}]}\nc: *b\n"
    assert value(text) == {
        "base": {"x": 1, "y": 2},
        "a": {"y": 3, "x": 1},
        "b": {"y": 4, "x": 1, "z": 5},
        "c": {"x": 1, "y": 2},
    }


def test_a_byte_order_mark_and_other_line_ends_are_taken():
    assert value(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n") == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2\n", "2:1: the key 'a' is already there, on line 1"),
        ("t:\n  a: {x: 1,\n   x: 2}\n", "3:4: t.a: the key 'x' is already there, on line 2"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\n", "4:3: c: the key '<<' is already there, on line 3"),
        ("a: !!python/name:os x\n", "1:4: a: the tag 'tag:yaml.org,2002:python/name:os' is not"),
        ("a: !!str 1\n", "1:4: a: the tag 'tag:yaml.org,2002:str' is not supported; leave it out"),
        ("a: ! x\n", "1:4: a: the tag '!' is not supported; leave it out"),
        ("a: !include x\n", "1:4: a: the tag '!include' is not supported; leave it out"),
        ("a: !t {b: 1}\n", "1:4: a: the tag '!t' is not"),
        ("a: *x\n", "1:4: a: the alias *x has no anchor before it"),
        ("a: &x [*x]\n", "1:8: a: the alias *x contains itself"),
        ("a: &x {b: {c: *x}}\n", "1:15: a.b.c: the alias *x contains itself"),
        ("? [1]\n: 2\n", "1:3: a key must be text"),
        ("? {a: 1}\n: 2\n", "1:3: a key must be text"),
        ("a: &x [1]\n*x : 2\n", "2:1: a key must be text"),
        ("'': 1\n", "1:1: a key must not be empty"),
        (": 1\n", "1:1: not YAML: did not find expected key"),
        ("a: {<<: 5}\n", "1:9: a: '<<' takes a mapping or a list of mappings"),
        ("a: {<<: [{b: 1}, 5]}\n", "1:9: a: '<<' takes a mapping or a list of mappings"),
        ("a: {<<: [[{b: 1}]]}\n", "1:9: a: '<<' takes a mapping or a list of mappings"),
        ("a: 1\n---\nb: 2\n", "2:1: a file holds one workflow; put the second"),
        ("", "1:1: the file is empty; a workflow needs at least 'tasks'"),
        ("# nothing\n", "1:1: the file is empty"),
        ("%TAG !e! tag:x,2000:\n---\na: 1\n", "1:1: a %TAG directive is not supported; leave it out"),
        ("%YAML 1.1\n---\na: 1\n", "1:1: the file is read as YAML 1.2"),
        ("%YAML 9.9\n---\na: 1\n", "1:1: not YAML: found incompatible YAML document"),
        ("%\n" * 40 + "---\na: 1\n", "1:1: more than 16 lines begin with '%'"),
        ("a: .inf\n", "1:4: a: a number must be finite; quote it if it is text"),
        ("a: -.INF\n", "1:4: a: a number must be finite"),
        ("a: .nan\n", "1:4: a: a number must be finite"),
        ("a: 1e999\n", "1:4: a: the number is too large; quote it if it is text"),
        (f"a: {'9' * 39}\n", "1:4: a: an integer has at most 38 digits; quote it if it is text"),
        ("a: b: c\n", "1:5: not YAML: unexpected ':'; quote text that has ': ' in it"),
        ("a: 'x\n", "2:1: not YAML: found unexpected end of stream"),
        ("a:\n\t- b\n", "2:1: not YAML: found character that cannot start any token"),
        ("a: @x\n", "1:4: not YAML: found character that cannot start any token"),
        ("a: [1, 2\n", "2:1: not YAML: did not find expected ',' or ']'"),
        ("a: \x00\n", "1:4: not YAML: control characters are not allowed"),
        ("a: {{ tasks.x.output }}\n", "1:5: a: a key must be text; put the template in quotes"),
        ("a: {{ x }} y\n", "1:5: a: a key must be text; put the template in quotes"),
        ("a: [{ x }} y\n", "1:10: not YAML: did not find expected ',' or ']'"),
        ("- {{ x }} y\n", "1:4: a key must be text; put the template in quotes"),
        ("- x\n- {{\n", "2:4: a key must be text"),
        (b"a: \xff\n", "1:1: the file is not UTF-8 text; save it as UTF-8"),
        ("a: 1\n".encode("utf-16"), "1:1: the file is not UTF-8 text"),
        ("a: 1\nb: \ud800\n", "2:1: the file is not UTF-8 text"),
    ],
)  # fmt: skip
def test_what_is_refused_says_where_and_why(text, problem):
    found = refused(text)
    assert found[0].startswith(problem), found


def test_all_problems_of_form_are_told_at_once():
    assert [line.split(":")[0] for line in refused("a: !t 1\na: 2\nb: .nan\n? [x]\n: 1\n")] == [
        "1",
        "2",
        "3",
        "4",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "a: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*{'a' if not i else f'b{i - 1}'}]\n" for i in range(70)),
    ],
)
def test_depth_is_limited(text):
    assert "nested more than 64 levels deep" in refused(text)[0]


def test_the_deepest_nesting_is_taken():
    assert value("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_nodes_are_limited_with_what_aliases_repeat():
    assert value("[" + "a," * (MAX_NODES - 1) + "]")
    assert f"more than {MAX_NODES} values" in refused("[" + "a," * MAX_NODES + "]")[0]
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert f"more than {MAX_NODES} values" in refused("\n".join(lines))[0]
    merges = ["m: &m {" + ",".join(f"k{i}: 1" for i in range(MAX_NODES // 50)) + "}"]
    merges += [f"n{i}: {{<<: *m}}" for i in range(60)]
    assert f"more than {MAX_NODES} values" in refused("\n".join(merges))[0]


def test_aliases_are_limited():
    assert f"more than {MAX_ALIASES} aliases" in refused("a: &a x\nb: [" + "*a," * (MAX_ALIASES + 1) + "]")[0]


def test_bytes_are_limited():
    assert "a workflow has at most" in refused("#" * (MAX_BYTES + 1))[0]
    assert refused("#" * MAX_BYTES) == ["1:1: the file is empty; a workflow needs at least 'tasks'"]


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "&x " * 1000 + "1",
        "? " * 50_000,
        "a: |\n" + " \n" * 300_000 + " x",
        "a: '" + "\n" * 500_000 + "'",
        "'" * 999_999,
        'a: "' + "\\x41" * 200_000,
        "!" * 500_000,
        "&" + "a" * 500_000,
        "".join(f"k{i}: .nan\n" for i in range(5000)),
        "".join(f"[{i}]: 1\n" for i in range(5000)),
        "a: 1\n...\n" + "%TAG !a! x\n" * 50_000,
        "".join(f"%TAG !a{i}! x\n" for i in range(50_000)) + "---\na: 1",
        "a,b: [" + "{}," * 100_000,
    ],
)
def test_hostile_text_ends_soon(text):
    started = time.perf_counter()
    try:
        read(text)
    except InvalidWorkflow as error:
        assert len(error.problems) <= 102
    assert time.perf_counter() - started < 3


PLACES = [
    ("k: abc {{ x }}\n", "{{", (1, 8)),
    ("k: 'it''s {{ x }}'\n", "{{", (1, 11)),
    ('k: "a\\tb \\u00e9{{ x }}"\n', "{{", (1, 16)),
    ('k: "a b {{ x }}"\n', "{{", (1, 9)),
    ("k: |\n  one\n  two {{ x }}\n", "{{", (3, 7)),
    ("k: |2-  # note\n    one\n   {{ x }}\n", "{{", (3, 4)),
    ("k: >\n  one\n  two\n\n  three {{ x }}\n", "{{", (5, 9)),
    ("k: one\n  two {{ x }}\n  three\n", "{{", (2, 7)),
    ("k: 'one\n\n  two {{ x }}'\n", "{{", (3, 7)),
    ('k: "one \\\n   two {{ x }}"\n', "{{", (2, 8)),
    ("l:\n  - - k: é𝄞 {{ x }}\n", "{{", (2, 13)),
]


@pytest.mark.parametrize(("text", "mark", "expected"), PLACES)
def test_a_place_within_a_text_is_found_in_the_file(text, mark, expected):
    document = read(text)
    path, found = next((path, text) for path, text in texts(document.root.value) if mark in text)
    problem = document.problem(path, "", offset=found.index(mark))
    assert (problem.line, problem.column) == expected


def texts(value, path=()):
    if isinstance(value, str):
        yield path, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield from texts(below, (*path, key))


def test_a_problem_at_what_is_missing_stands_at_its_parent():
    document = read("a:\n  b:\n    c: 1\n")
    assert [(p.line, p.column) for p in (
        document.problem(("a", "b"), ""),
        document.problem(("a", "b"), "", key=True),
        document.problem(("a", "b", "x"), ""),
        document.problem(("a", "b", "x", "y"), ""),
        document.problem(("x",), ""),
    )] == [(3, 5), (2, 3), (2, 3), (2, 3), (1, 1)]  # fmt: skip
